"""Somebody who follows the documentation on a local cluster."""

from pathlib import Path

from hack.localcluster import LocalCluster
from tests.docs.followed import VENV, Reader


def reader(cluster: LocalCluster, namespace: str, folder: Path) -> Reader:
    """With that cluster's kubectl and the plugin of this tree."""
    shared = {"ROLLKEEPER_IMAGES_NAMESPACE": namespace}
    return Reader(cluster.kubeconfig, namespace, folder, [cluster.program("kubectl").parent, VENV], shared)
