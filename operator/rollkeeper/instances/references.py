"""Looks for the objects that a model refers to (T8). Only whether they exist: what they hold is nobody's business."""

from collections.abc import Iterable

from rollkeeper.engine.references import CLUSTER_SCOPED, Reference
from rollkeeper.kube.api import KubeApi
from rollkeeper.kube.errors import Forbidden, NotFound
from rollkeeper.kube.resources import CLAIMS, Resource

_RESOURCES = {
    resource.kind: resource
    for resource in (
        Resource("", "v1", "configmaps", "ConfigMap"),
        Resource("", "v1", "secrets", "Secret"),
        CLAIMS,
        Resource("", "v1", "serviceaccounts", "ServiceAccount"),
        Resource("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", namespaced=False),
        Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", namespaced=False),
    )
}


async def find_missing(api: KubeApi, namespace: str, references: Iterable[Reference]) -> tuple[Reference, ...]:
    """Those that do not exist. What the role may not look at counts as there (T8). Raises ApiError."""
    return tuple([r for r in references if not await _exists(api, namespace, r)])


def place_of(reference: Reference, namespace: str) -> tuple[Resource, str | None]:
    """Where a model of that namespace finds what it refers to: the resource, and its namespace if it has one."""
    return _RESOURCES[reference.kind], None if reference.kind in CLUSTER_SCOPED else namespace


async def _exists(api: KubeApi, namespace: str, reference: Reference) -> bool:
    try:
        await api.get(*place_of(reference, namespace), reference.name)
    except NotFound:
        return False
    except Forbidden:
        return True
    return True
