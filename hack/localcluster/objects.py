"""The objects that every local cluster holds: simulated nodes, and a storage class that binds claims."""

from typing import Any

PODS_A_NODE = "5000"
REGION = "local"

VIRTUALIZATION = {f"devices.kubevirt.io/{device}": "1k" for device in ("kvm", "tun", "vhost-net")}
VIRT_HANDLER_LABELS = {"kubevirt.io/schedulable": "true", "machine-type.node.kubevirt.io/q35": "true"}
"""What virt-handler says of its node. It also writes heartbeats; where there never was one, none is missed."""


def zone_of(number: int, zones: int) -> str:
    """Node 1 is in zone-1, node 2 in zone-2, … and round again."""
    return f"zone-{(number - 1) % zones + 1}"


def node(number: int, zones: int, *, kubevirt: bool = False) -> dict[str, Any]:
    """A node that kwok plays. No taint: there are no other nodes, and examples must run as they are."""
    name = f"node-{number}"
    capacity = {"cpu": "1000", "memory": "4Ti", "ephemeral-storage": "4Ti", "pods": PODS_A_NODE}
    if kubevirt:
        capacity |= VIRTUALIZATION
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/region": REGION,
                "topology.kubernetes.io/zone": zone_of(number, zones),
                **(VIRT_HANDLER_LABELS if kubevirt else {}),
            },
        },
        "status": {"capacity": capacity, "allocatable": capacity},
    }


def node_usable(node_object: dict[str, Any]) -> bool:
    """Ready, and the controller manager has taken away the taint that every new node has."""
    conditions = node_object.get("status", {}).get("conditions", [])
    ready = any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)
    return ready and not node_object.get("spec", {}).get("taints")


def storage_class() -> dict[str, Any]:
    """The default; the controller manager makes a folder under /tmp/hostpath_pv for each volume."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "kubernetes.io/host-path",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    }
