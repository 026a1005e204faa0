"""Nodes for the pods of one test alone: they may have zones of their own, and be lost without harm to others."""

import json

from hack.localcluster import LocalCluster
from hack.localcluster.objects import node
from tests.cluster.audit import Json

ZONE = "topology.kubernetes.io/zone"

SIMULATED = "kwok.x-k8s.io/node"
"""The annotation by which kwok knows the nodes that it plays."""


def add(cluster: LocalCluster, name: str, pool: str, zone: str = "zone-1") -> None:
    """A node that only pods with `to_pool` go to; returns when it is ready."""
    made = node(1, 1)
    made["metadata"]["name"] = name
    made["metadata"]["labels"] |= {"pool": pool, ZONE: zone, "kubernetes.io/hostname": name}
    made["spec"] = {"taints": [{"key": "pool", "value": pool, "effect": "NoSchedule"}]}
    cluster.kubectl("create", "--filename=-", stdin=json.dumps(made))
    cluster.kubectl("wait", "node", name, "--for=condition=Ready", "--timeout=60s")


def to_pool(pool: str) -> Json:
    """The part of a pod's spec that brings it to these nodes, and to no other."""
    tolerated = {"key": "pool", "operator": "Equal", "value": pool, "effect": "NoSchedule"}
    return {"nodeSelector": {"pool": pool}, "tolerations": [tolerated]}


def lose(cluster: LocalCluster, name: str) -> None:
    """The node stops: it is not ready, and what happens to its pods is carried out by nobody."""
    cluster.kubectl("annotate", "node", name, f"{SIMULATED}-")
    dead = {"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "it stopped"}
    status = json.dumps({"status": {"conditions": [dead]}})
    cluster.kubectl("patch", "node", name, "--subresource=status", "--type=strategic", "--patch", status)


def find_again(cluster: LocalCluster, name: str) -> None:
    """It is back, and carries out what was left undone."""
    cluster.kubectl("annotate", "node", name, f"{SIMULATED}=fake")
