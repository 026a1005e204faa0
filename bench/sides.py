"""The two sides of the comparison: the same pods, once in a StatefulSet, once in a ScaleSet."""

from dataclasses import dataclass
from typing import Any, Protocol

from hack.localcluster import User
from rollkeeper.controllers.resources import IMAGE_VERSIONS, SCALE_SETS
from rollkeeper.kube.client import Client
from rollkeeper.kube.resources import NAMESPACES, Resource

Json = dict[str, Any]

NAMESPACE = "bench"
ROLLKEEPER = User("rollkeeper", ("system:masters",))
"""Who Rollkeeper is in the audit log."""
STATEFUL_SETS = Resource("apps", "v1", "statefulsets", "StatefulSet")

_GALLERY = {"gallery": "golden", "definition": "bench"}
CONTAINER: Json = {
    "name": "os",
    "ports": [{"containerPort": 80}],
    "readinessProbe": {"tcpSocket": {"port": 80}},
    "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
}


def image(version: str) -> str:
    """The image of a version, the same on both sides."""
    return f"registry.test/bench:{version}"


async def make_namespace(api: Client) -> None:
    """The namespace that both sides live in."""
    await api.create(NAMESPACES, None, {"metadata": {"name": NAMESPACE}})


class Side(Protocol):
    """Who rolls a fleet."""

    @property
    def name(self) -> str:
        """The kind of the fleet."""
        ...

    @property
    def selector(self) -> str:
        """Labels of its pods."""
        ...

    @property
    def users(self) -> frozenset[str]:
        """As whom its controller writes: the audit log tells writers apart by that."""
        ...

    async def create(self, version: str) -> None:
        """Makes the fleet on its first version."""
        ...

    async def roll(self, version: str) -> None:
        """Asks for a roll to another version."""
        ...

    async def settled(self, version: str) -> bool:
        """Whether the controller says that it is done: the status of the fleet is about that version."""
        ...


@dataclass(frozen=True)
class StatefulSide:
    """Kubernetes' own controller. `maxUnavailable` pods at once (on by default since 1.35)."""

    api: Client
    instances: int
    percent: int
    name: str = "StatefulSet"
    selector: str = "side=statefulset"
    users: frozenset[str] = frozenset({"system:serviceaccount:kube-system:statefulset-controller"})

    async def create(self, version: str) -> None:
        """Parallel: pods are made and replaced without waiting for the one before."""
        spec = {
            "replicas": self.instances,
            "podManagementPolicy": "Parallel",
            "updateStrategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": f"{self.percent}%"},
            },
            "selector": {"matchLabels": {"side": "statefulset"}},
            "template": {"metadata": {"labels": {"side": "statefulset"}}, **self._pods(version)},
        }
        body = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "stateful"}, "spec": spec}
        await self.api.create(STATEFUL_SETS, NAMESPACE, body)

    async def roll(self, version: str) -> None:
        """A new image in the template."""
        await self.api.merge_patch(STATEFUL_SETS, NAMESPACE, "stateful", {"spec": {"template": self._pods(version)}})

    async def settled(self, version: str) -> bool:
        """Every pod of the newest revision, and ready."""
        found = await self.api.get(STATEFUL_SETS, NAMESPACE, "stateful")
        status = found.get("status", {})
        asked = found["spec"]["template"]["spec"]["containers"][0]["image"]
        return bool(
            asked == image(version)
            and status.get("observedGeneration") == found["metadata"]["generation"]
            and status.get("currentRevision") == status.get("updateRevision")
            and status.get("updatedReplicas") == status.get("readyReplicas") == self.instances
        )

    @staticmethod
    def _pods(version: str) -> Json:
        return {"spec": {"containers": [{**CONTAINER, "image": image(version)}]}}


@dataclass(frozen=True)
class ScaleSide:
    """Rollkeeper."""

    api: Client
    instances: int
    percent: int
    name: str = "ScaleSet"
    selector: str = "side=scaleset"
    users: frozenset[str] = frozenset({ROLLKEEPER.name})
    method: str = "Recreate"
    """How instances are replaced."""

    async def create(self, version: str) -> None:
        """Publishes the first version, and makes a set that follows the newest."""
        await self.roll(version)
        spec = {
            "replicas": self.instances,
            "imageReference": _GALLERY,
            "upgradePolicy": {
                "replacementMethod": self.method,
                "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True},
                "rollingUpgradePolicy": {"maxBatchInstancePercent": self.percent},
            },
            "health": {"source": "Probe"},
            "template": {"metadata": {"labels": {"side": "scaleset"}}, "spec": {"containers": [CONTAINER]}},
        }
        await self.api.create(SCALE_SETS, NAMESPACE, ours("ScaleSet", "scale", spec))

    async def roll(self, version: str) -> None:
        """Publishes a version: the rest is automatic."""
        spec = {**_GALLERY, "version": version, "image": image(version)}
        await self.api.create(IMAGE_VERSIONS, NAMESPACE, ours("ImageVersion", f"bench-{version}", spec))

    async def settled(self, version: str) -> bool:
        """The version is proven, and the run is over."""
        status = (await self.api.get(SCALE_SETS, NAMESPACE, "scale")).get("status", {})
        return bool(
            status.get("provenImageVersion") == version
            and "activeRunName" not in status
            and status.get("readyReplicas") == self.instances
        )


def ours(kind: str, name: str, spec: Json) -> Json:
    """A manifest of one of our kinds."""
    return {"apiVersion": SCALE_SETS.api_version, "kind": kind, "metadata": {"name": name}, "spec": spec}
