{{/*
Everything that the controller may do, and nothing else: here and nowhere else.

tests/cluster/test_least_privilege.py runs the controller with these rules alone, in both modes: it fails where the API
server refused a call, and where a rule was not needed that it does not know a reason for. A permission that only a
feature needs stands behind the feature's value.
*/}}

{{/* In every namespace that scale sets live in. */}}
{{- define "rollkeeper.rules.work" -}}
- apiGroups: [rollkeeper.io]
  resources: [scalesets]
  verbs: [get, list, watch]
- apiGroups: [rollkeeper.io]
  resources: [scalesets/status]
  verbs: [patch]
- apiGroups: [rollkeeper.io]
  resources: [upgraderuns]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [rollkeeper.io]
  resources: [upgraderuns/status]
  verbs: [patch]
# Instances and their data disks. Images are changed in place by a patch (replacementMethod).
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
# What the application of an instance says (H4): a condition of its pod.
- apiGroups: [""]
  resources: [pods/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [list, watch, create, patch, delete]
{{- if .Values.kubevirt.enabled }}
# Virtual machines; what runs of them is taken down for another OS disk (B5).
- apiGroups: [kubevirt.io]
  resources: [virtualmachines]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [kubevirt.io]
  resources: [virtualmachineinstances]
  verbs: [list, watch, delete]
# Their custom data and extensions (E1, E2): one for each model, which goes with it.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create]
# The golden claims that their OS disks are cloned from.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get]
{{- end }}
# Models, so that an instance can be put back (M2).
- apiGroups: [apps]
  resources: [controllerrevisions]
  verbs: [get, list, watch, create, delete]
# Scripts that ConfigMaps have (E2): lists and watches ask for metadata alone, read is what a scale set names.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch]
# What a model refers to must be there (T8); a priority or storage class is looked for where the whole cluster may be read.
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [get]
# To keep to what they allow where images are changed in place, and to name those of a pod that two of them cover (B12).
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
# To own objects with blockOwnerDeletion, where the cluster checks that (OwnerReferencesPermissionEnforcement).
- apiGroups: [rollkeeper.io]
  resources: [scalesets/finalizers]
  verbs: [update]
{{- end -}}

{{/* In every namespace that scale sets live in, and in the shared images namespace. */}}
{{- define "rollkeeper.rules.images" -}}
- apiGroups: [rollkeeper.io]
  resources: [imageversions]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [rollkeeper.io]
  resources: [imagesources]
  verbs: [list, watch]
- apiGroups: [rollkeeper.io]
  resources: [imageversions/status, imagesources/status]
  verbs: [patch]
{{- if .Values.rbac.readSecrets }}
# Scripts that Secrets have, and pull secrets.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end }}
{{- end -}}

{{/* On the whole cluster; not in namespaced mode. */}}
{{- define "rollkeeper.rules.cluster" -}}
- apiGroups: [""]
  resources: [nodes]
  verbs: [list, watch]
- apiGroups: [scheduling.k8s.io]
  resources: [priorityclasses]
  verbs: [get]
- apiGroups: [storage.k8s.io]
  resources: [storageclasses]
  verbs: [get]
{{- end -}}

{{/* In the release's own namespace. `create` can't be narrowed to a name. */}}
{{- define "rollkeeper.rules.lease" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [rollkeeper]
  verbs: [get, patch]
{{- end -}}
