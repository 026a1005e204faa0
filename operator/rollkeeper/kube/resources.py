"""Names of the Kubernetes resources that the controller speaks to."""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Resource:
    """One REST resource: where it is served and what its objects call themselves."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    metadata_only: bool = field(default=False, compare=False)
    """List and watch answer with metadata alone: for objects whose content is large, or none of our business."""

    @property
    def api_version(self) -> str:
        """The value of `apiVersion` in objects: `v1`, `apps/v1`, `rollkeeper.io/v1alpha1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path of the collection, an object or a subresource; no namespace means all of them."""
        parts = ["api" if not self.group else f"apis/{self.group}", self.version]
        if self.namespaced and namespace is not None:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name is not None:
            parts.append(name)
        if subresource is not None:
            parts.append(subresource)
        return "/" + "/".join(parts)


PODS = Resource("", "v1", "pods", "Pod")
NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
CONTROLLER_REVISIONS = Resource("apps", "v1", "controllerrevisions", "ControllerRevision")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
CONFIG_MAPS_METADATA = replace(CONFIG_MAPS, metadata_only=True)
SECRETS = Resource("", "v1", "secrets", "Secret")
EVENTS = Resource("events.k8s.io", "v1", "events", "Event")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
