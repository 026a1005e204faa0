"""The two things that instances can be, for tests that tell the same story of both."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from tests.cluster.audit import Json
from tests.cluster.fleet import fleet, published
from tests.cluster.world import World

NEVER_STARTS = "-nostart"
DIES = "-panic"
NO_AGENT = "-noagent"
"""At the end of an image: what its guest does (hack/localcluster/kwok-kubevirt.yaml)."""

GUEST: Json = {
    "domain": {
        "resources": {"requests": {"memory": "128Mi"}},
        "devices": {
            "disks": [{"name": "os", "disk": {"bus": "virtio"}}],
            "interfaces": [{"name": "default", "masquerade": {}}],
        },
    },
    "networks": [{"name": "default", "pod": {}}],
    "readinessProbe": {"tcpSocket": {"port": 22}},
    "terminationGracePeriodSeconds": 1,
    "volumes": [{"name": "os", "containerDisk": {}}],
}


def machine_template(*disks: str, **guest: object) -> Json:
    """A virtual machine with an OS disk, and data disks of these names."""
    spec: Json = json.loads(json.dumps({**GUEST, **guest}))
    spec["domain"]["devices"]["disks"] += [{"name": name, "disk": {"bus": "virtio"}} for name in disks]
    return {"spec": {"template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}}}


def machines(replicas: int = 5, percent: int = 40, *, rolling: Json | None = None, **spec: object) -> Json:
    """As `fleet`, of virtual machines. A second of health is enough where a test does not say otherwise."""
    disks = [str(claim["metadata"]["name"]) for claim in spec.get("volumeClaimTemplates", ())]  # type: ignore[attr-defined]
    policy = {"minHealthySeconds": 1, **(rolling or {})}
    spec = {"virtualMachineTemplate": machine_template(*disks), **spec}
    made = fleet(replicas, percent, rolling=policy, **spec)  # type: ignore[arg-type]
    del made["spec"]["template"]
    return made


@dataclass(frozen=True)
class Provider:
    """One of the two."""

    kind: str
    """Plural of the objects that are instances."""
    runs: str
    """Plural of the objects that are new when an instance runs another image."""
    fleet: Callable[..., Json]
    broken: str
    """At the end of an image that never becomes healthy."""
    reason: str
    """What a failure of such an image is called."""

    def published(self, version: str, *, broken: bool = False) -> Json:
        """A version, or one that no instance becomes healthy on."""
        return published(version, self.broken if broken else "")

    def make_unhealthy(self, world: World, ordinal: int) -> None:
        """Somebody does something to an instance."""
        if self.kind == "pods":
            world.set_ready(ordinal, ready=False)
        else:
            world.patch("virtualmachine", f"web-{ordinal}", {"spec": {"runStrategy": "Halted"}})

    def take_away(self, world: World, ordinal: int) -> None:
        """Somebody deletes an instance."""
        world("delete", self.kind, f"web-{ordinal}", "--wait=false")


PODS = Provider("pods", "pods", fleet, "-broken", "CrashLoopBackOff")
MACHINES = Provider("virtualmachines", "virtualmachineinstances", machines, NEVER_STARTS, "CrashLoopBackOff")
