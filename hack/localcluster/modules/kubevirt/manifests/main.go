// Prints what virt-operator would install, as one JSON List, from KubeVirt's own generators:
//
//	manifests crds                    the CRDs and the priority class
//	manifests rbac                    service accounts and roles of virt-api, virt-controller, virt-handler
//	manifests api CAFILE ADDR PORT    APIServices, webhooks and Service of a virt-api that listens on ADDR:PORT outside the cluster
//
// virt-operator itself is not needed: what it would install is fixed, and its pods could not run on simulated nodes.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	extv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubevirt.io/kubevirt/pkg/virt-operator/resource/generate/components"
	"kubevirt.io/kubevirt/pkg/virt-operator/resource/generate/rbac"
)

const ns = "kubevirt"

func crds() (items []any, err error) {
	for _, f := range []func() (*extv1.CustomResourceDefinition, error){
		components.NewVirtualMachineInstanceCrd, components.NewVirtualMachineCrd, components.NewPresetCrd,
		components.NewReplicaSetCrd, components.NewVirtualMachineInstanceMigrationCrd, components.NewKubeVirtCrd,
		components.NewVirtualMachinePoolCrd, components.NewVirtualMachineSnapshotCrd,
		components.NewVirtualMachineSnapshotContentCrd, components.NewVirtualMachineRestoreCrd,
		components.NewVirtualMachineExportCrd, components.NewVirtualMachineBackupCrd,
		components.NewVirtualMachineBackupTrackerCrd, components.NewVirtualMachineInstancetypeCrd,
		components.NewVirtualMachineClusterInstancetypeCrd, components.NewVirtualMachinePreferenceCrd,
		components.NewVirtualMachineClusterPreferenceCrd, components.NewMigrationPolicyCrd,
		components.NewVirtualMachineCloneCrd,
	} {
		crd, err := f()
		if err != nil {
			return nil, err
		}
		items = append(items, crd)
	}
	return append(items, components.NewKubeVirtPriorityClassCR()), nil
}

func roles() (items []any) {
	for _, o := range rbac.GetAllApiServer(ns) {
		items = append(items, o)
	}
	for _, o := range rbac.GetAllController(ns, false) {
		items = append(items, o)
	}
	for _, o := range rbac.GetAllHandler(ns) {
		items = append(items, o)
	}
	for _, o := range rbac.GetAllCluster() {
		items = append(items, o)
	}
	return items
}

func api(caFile, addr, port string) (items []any, err error) {
	ca, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	p, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	service := components.NewApiServerService(ns)
	service.Spec.Selector = nil // no pod: the EndpointSlice below names the process on this machine
	port32, tcp, ready := int32(p), corev1.ProtocolTCP, true
	items = append(items, service, &discoveryv1.EndpointSlice{
		TypeMeta:    metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"},
		ObjectMeta:  metav1.ObjectMeta{Namespace: ns, Name: "virt-api-outside", Labels: map[string]string{discoveryv1.LabelServiceName: service.Name}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Port: &port32, Protocol: &tcp}},
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{addr}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
	})
	for _, a := range components.NewVirtAPIAPIServices(ns) {
		a.Spec.CABundle = ca
		items = append(items, a)
	}
	mutating := components.NewVirtAPIMutatingWebhookConfiguration(ns)
	for i := range mutating.Webhooks {
		mutating.Webhooks[i].ClientConfig.CABundle = ca
	}
	validating := components.NewVirtAPIValidatingWebhookConfiguration(ns)
	for i := range validating.Webhooks {
		validating.Webhooks[i].ClientConfig.CABundle = ca
	}
	return append(items, mutating, validating), nil
}

func main() {
	var items []any
	err := fmt.Errorf("usage: manifests crds | rbac | api CAFILE ADDR PORT")
	switch {
	case len(os.Args) == 2 && os.Args[1] == "crds":
		items, err = crds()
	case len(os.Args) == 2 && os.Args[1] == "rbac":
		items, err = roles(), nil
	case len(os.Args) == 5 && os.Args[1] == "api":
		items, err = api(os.Args[2], os.Args[3], os.Args[4])
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
