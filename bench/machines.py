"""`python -m bench.machines`: a ScaleSet of virtual machines beside KubeVirt's VirtualMachinePool.

Both on one control plane with KubeVirt's own API and controller, and guests played by kwok: each gets another OS image,
once a good and once a broken one. Told are wall time, the most instances that were down at once, and the writes to the
API while it went on, by who asked for them. The times are those of the simulated guests: they compare the two, and say
nothing about real machines.
"""

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench.controller import controller
from hack.localcluster import LocalCluster, Settings, User
from tests.cluster.audit import AuditLog
from tests.cluster.providers import machine_template

Json = dict[str, Any]

CRDS = Path(__file__).resolve().parents[1] / "crds"
REPLICAS = 10
SECONDS = 120.0
POLL = 0.1
BROKEN_SECONDS = 30.0
"""How long a broken image is looked at: a pool never ends with it."""
USER = User("rollkeeper", ("system:masters",))
GRACE = {"terminationGracePeriodSeconds": 5}
MACHINES = "/apis/kubevirt.io/v1/namespaces/default"


@dataclass(frozen=True)
class Measured:
    """One rollout."""

    what: str
    seconds: float
    down: int
    """The most instances that were not ready at once."""
    left_down: int
    """Instances that are not ready at the end."""
    writes: int


def image(tag: str) -> str:
    """Of a container disk; the tag says what its guest does."""
    return f"registry.example/os:{tag}"


def pool(tag: str) -> Json:
    """A VirtualMachinePool as its documentation has it, with nothing tuned."""
    labels = {"app": "pool"}
    disk = {"name": "os", "containerDisk": {"image": image(tag)}}
    made = machine_template(volumes=[disk], **GRACE)["spec"]["template"]
    guest = {"metadata": {"labels": labels}, "spec": made["spec"]}
    template = {"metadata": {"labels": labels}, "spec": {"runStrategy": "Always", "template": guest}}
    return {
        "apiVersion": "pool.kubevirt.io/v1beta1",
        "kind": "VirtualMachinePool",
        "metadata": {"name": "pool", "namespace": "default"},
        "spec": {"replicas": REPLICAS, "selector": {"matchLabels": labels}, "virtualMachineTemplate": template},
    }


def scale_set() -> Json:
    """A ScaleSet with its defaults, but for the health clock: nobody has to wait 5 minutes for a broken image."""
    upgrades = {
        "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True},
        "rollingUpgradePolicy": {"provisioningTimeoutSeconds": 20, "healthTimeoutSeconds": 5, "minHealthySeconds": 1},
    }
    return {
        "apiVersion": "rollkeeper.io/v1alpha1",
        "kind": "ScaleSet",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": REPLICAS,
            "imageReference": {"gallery": "golden", "definition": "os"},
            "upgradePolicy": upgrades,
            "health": {"source": "Probe"},
            "virtualMachineTemplate": machine_template(**GRACE),
        },
    }


def version(number: str, tag: str) -> Json:
    """An ImageVersion."""
    return {
        "apiVersion": "rollkeeper.io/v1alpha1",
        "kind": "ImageVersion",
        "metadata": {"name": f"os-{number}", "namespace": "default"},
        "spec": {"gallery": "golden", "definition": "os", "version": number, "image": image(tag)},
    }


@dataclass(frozen=True)
class Scene:
    """A cluster, and how its instances are counted."""

    cluster: LocalCluster

    def create(self, *manifests: Json) -> None:
        """`kubectl apply`."""
        body = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
        self.cluster.kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=body)

    def ready(self, label: str) -> dict[str, str]:
        """The image that each ready guest runs."""
        found = self.cluster.client.call("GET", f"{MACHINES}/virtualmachineinstances?labelSelector={label}")["items"]
        return {
            item["metadata"]["name"]: item["spec"]["volumes"][0]["containerDisk"]["image"]
            for item in found
            if any(c["type"] == "Ready" and c["status"] == "True" for c in item["status"].get("conditions", ()))
            and "deletionTimestamp" not in item["metadata"]
        }

    def until(self, label: str, wanted: str) -> None:
        """Waits until all guests run an image."""
        deadline = time.monotonic() + SECONDS
        while [*self.ready(label).values()] != [wanted] * REPLICAS:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{label}: {self.ready(label)}")
            time.sleep(POLL)

    def measure(self, what: str, label: str, change: Callable[[], None], over: Callable[[], bool]) -> Measured:
        """Follows a rollout from its change until it is over, or has been looked at for long enough."""
        audit, down = AuditLog(self.cluster.audit_log), 0
        mark, began = audit.mark(), time.monotonic()
        change()
        while not over() and time.monotonic() < began + SECONDS:
            down = max(down, REPLICAS - len(self.ready(label)))
            time.sleep(POLL)
        seconds = time.monotonic() - began
        writes = sum(write.took_effect for write in audit.writes("default", mark))
        return Measured(what, seconds, down, REPLICAS - len(self.ready(label)), writes)


def _pools(scene: Scene) -> list[Measured]:
    scene.create(pool("1"))
    scene.until("app=pool", image("1"))

    def all_on(tag: str) -> bool:
        return [*scene.ready("app=pool").values()] == [image(tag)] * REPLICAS

    good = scene.measure(
        "VirtualMachinePool, good image", "app=pool", lambda: scene.create(pool("2")), lambda: all_on("2")
    )
    end = time.monotonic() + BROKEN_SECONDS
    bad = scene.measure(
        "VirtualMachinePool, broken image",
        "app=pool",
        lambda: scene.create(pool("3-nostart")),
        lambda: time.monotonic() > end,
    )
    return [good, bad]


def _sets(scene: Scene) -> list[Measured]:
    label = "rollkeeper.io/scale-set=web"
    scene.create(version("1.0.0", "1"), scale_set())
    scene.until(label, image("1"))

    def over(number: str) -> bool:
        runs = scene.cluster.client.call("GET", "/apis/rollkeeper.io/v1alpha1/namespaces/default/upgraderuns")["items"]
        codes = {r["spec"]["imageVersion"]: r["status"].get("runningStatus", {}).get("code") for r in runs}
        return codes.get(number) in {"Completed", "Faulted"} and len(scene.ready(label)) == REPLICAS

    return [
        scene.measure(
            f"ScaleSet, {word} image",
            label,
            partial(scene.create, version(number, tag)),
            partial(over, number),
        )
        for word, number, tag in (("good", "1.1.0", "2"), ("broken", "1.2.0", "3-nostart"))
    ]


def main() -> None:
    """Prints the table."""
    settings = Settings(users=(USER,), kubevirt=True, controller_manager_qps=200, scheduler_qps=200)
    with LocalCluster(settings) as cluster, tempfile.TemporaryDirectory() as folder:
        cluster.kubectl("apply", "--filename", str(CRDS))
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "--filename", str(CRDS))
        scene = Scene(cluster)
        found = _pools(scene)
        cluster.kubectl("delete", "virtualmachinepool", "pool", "--wait=true")
        with controller(cluster.kubeconfig_for(USER), Path(folder) / "controller.log"):
            found += _sets(scene)
    print(f"| of {REPLICAS} virtual machines | seconds | most down at once | down at the end | writes to the API |")
    print("|---|---|---|---|---|")
    for one in found:
        print(f"| {one.what} | {one.seconds:.0f} | {one.down} | {one.left_down} | {one.writes} |")


if __name__ == "__main__":
    main()
