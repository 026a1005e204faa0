"""Golden logs of virtual machines: made once, and given other OS disks for ever after."""

from collections.abc import Callable
from typing import Any

from rollkeeper.controllers.resources import IMAGE_VERSIONS
from rollkeeper.instances.virtual_machines.resources import GUESTS, MACHINES
from rollkeeper.kube.resources import CLAIMS
from tests.simulation.objects_of_ours import image_version, reference
from tests.simulation.rollout import SET, Rollout
from tests.simulation.scenarios import ended, scenario

JsonMap = dict[str, Any]
GUEST: JsonMap = {
    "readinessProbe": {"tcpSocket": {"port": 22}},
    "volumes": [{"name": "os", "containerDisk": {}}],
}


def machines(replicas: int = 5, **spec: Any) -> Rollout:
    """A set of virtual machines that is proven at 1.0.0. They count when they were healthy for 3 s."""
    made = Rollout(
        replicas,
        rolling={"minHealthySeconds": 3},
        spec={"virtualMachineTemplate": {"spec": {"template": {"spec": GUEST}}}, **spec},
    )
    del made._manifest["spec"]["template"]
    made.create_set()
    made.publish("1.0.0")
    made.run(lambda: made.status.get("provenImageVersion") == "1.0.0")
    made.run_until_quiet(quiet=10)
    return made


def uids(rollout: Rollout) -> dict[str, str]:
    """Which machine stands for each instance."""
    return {m["metadata"]["name"]: m["metadata"]["uid"] for m in rollout.server.store.items(MACHINES, "default")}


def publish(rollout: Rollout, version: str, tail: str = "", **spec: Any) -> None:
    """`tail` says what guests of the image do."""
    rollout.publish(version, image=f"{reference(version)}{tail}", **spec)


def _over(rollout: Rollout) -> Callable[[], bool]:
    return ended(rollout)


def _ends(rollout: Rollout) -> Rollout:
    """No machine is ever made anew."""
    before = uids(rollout)
    rollout.run(_over(rollout))
    rollout.run_until_quiet()
    assert uids(rollout) == before, "the machines stay"
    return rollout


@scenario
def machines_roll() -> Rollout:
    """B5, H2: the OS disk is changed, the guest of before is taken down, and the next must last before it counts."""
    rollout = machines()
    publish(rollout, "1.1.0")
    return _ends(rollout)


@scenario
def machines_are_put_back_around_a_back_off() -> Rollout:
    """H3: guests that never ran make KubeVirt wait: their machines are halted, and started with the old disk."""
    rollout = machines()
    publish(rollout, "1.1.0", "-nostart")
    return _ends(rollout)


@scenario
def machines_whose_guests_die() -> Rollout:
    """H1, H2: each guest runs for a second and is followed by the next at once; none lasts, so the image fails."""
    rollout = machines()
    publish(rollout, "1.1.0", "-panic")
    return _ends(rollout)


@scenario
def machines_whose_agent_does_not_connect() -> Rollout:
    """H1: Running and Ready, and yet the OS has not come up: its guest agent is missing."""
    rollout = machines()
    publish(rollout, "1.1.0", "-noagent", guestAgent=True)
    return _ends(rollout)


@scenario
def machines_created_on_a_bad_image() -> Rollout:
    """F4b: guests that die prove nothing, and the fix reaches the machines that are there."""
    rollout = Rollout(
        3, rolling={"minHealthySeconds": 3}, spec={"virtualMachineTemplate": {"spec": {"template": {"spec": GUEST}}}}
    )
    del rollout._manifest["spec"]["template"]
    publish(rollout, "1.0.0", "-panic")
    rollout.create_set()
    rollout.run_for(30)
    before = uids(rollout)
    publish(rollout, "1.0.1")
    rollout.run(lambda: rollout.status.get("provenImageVersion") == "1.0.1")
    rollout.run_until_quiet()
    assert uids(rollout) == before, "the machines stay"
    return rollout


@scenario
def a_machine_that_somebody_halted() -> Rollout:
    """PowerOff: it is unhealthy, gets the new disk and is not started by us; its clocks decide."""
    rollout = machines(10)
    halted: JsonMap = {"spec": {"runStrategy": "Halted"}}
    rollout.server.merge_patch(MACHINES, "default", "web-1", halted)
    rollout.say("somebody halts web-1")
    rollout.run_for(5)
    publish(rollout, "1.1.0")
    _ends(rollout)
    assert rollout.server.get(MACHINES, "default", "web-1")["spec"]["runStrategy"] == "Halted"
    assert rollout.server.store.get(GUESTS, ("default", "web-1")) is None
    return rollout


@scenario
def machines_scaled_and_repaired() -> Rollout:
    """B11, F5: a machine that somebody deletes is made again as it was; scaling in deletes machines."""
    rollout = machines(3)
    rollout.server.delete(MACHINES, "default", "web-1")
    rollout.say("somebody deletes machine web-1")
    rollout.run_until_quiet(quiet=10)
    rollout.scale(5)
    rollout.run_until_quiet(quiet=10)
    rollout.scale(2)
    rollout.run_until_quiet()
    assert sorted(uids(rollout)) == ["web-0", "web-1"]
    return rollout


@scenario
def a_changed_model_of_machines() -> Rollout:
    """M1: what shapes the guest rolls like an image, and the version stays."""
    rollout = machines(3)
    guest = {**GUEST, "domain": {"cpu": {"cores": 2}}}
    rollout.patch_set({"virtualMachineTemplate": {"spec": {"template": {"spec": guest}}}}, "two cores")
    return _ends(rollout)


def of_claims(replicas: int) -> Rollout:
    """A set whose OS disks are clones of golden claims, proven at 1.0.0."""
    guest = {**GUEST, "volumes": [{"name": "root", "persistentVolumeClaim": {}}]}
    made = Rollout(
        replicas,
        rolling={"minHealthySeconds": 3, "provisioningTimeoutSeconds": 30},
        spec={"virtualMachineTemplate": {"spec": {"template": {"spec": guest}}}, "osVolumeName": "root"},
    )
    del made._manifest["spec"]["template"]
    make_golden(made, "1.0.0")
    made.create_set()
    publish_claim(made, "1.0.0")
    made.run(lambda: made.status.get("provenImageVersion") == "1.0.0")
    made.run_until_quiet(quiet=10)
    return made


def make_golden(rollout: Rollout, version: str, tail: str = "") -> None:
    """The claim that a version is; `tail` says what guests of it do."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "8Gi"}}}
    body = {"metadata": {"name": f"golden-{version}{tail}"}, "spec": spec}
    rollout.server.create(CLAIMS, "default", body)
    rollout.say(f"publisher makes the claim golden-{version}{tail}")


def publish_claim(rollout: Rollout, version: str, tail: str = "") -> None:
    """As `publish`, of a claim."""
    body = image_version(version, claimName=f"golden-{version}{tail}")
    del body["spec"]["image"]
    rollout.server.create(IMAGE_VERSIONS, "default", body)
    rollout.say(f"publisher publishes {version}, the claim golden-{version}{tail}")


def os_disks(rollout: Rollout) -> dict[str, list[str]]:
    """The golden claims that the OS disks of each instance are clones of, by its ordinal."""
    found: dict[str, list[str]] = {}
    for claim in rollout.server.store.items(CLAIMS, "default"):
        if "rollkeeper.io/os-disk" in claim["metadata"].get("labels", {}):
            ordinal = claim["metadata"]["labels"]["rollkeeper.io/ordinal"]
            found.setdefault(ordinal, []).append(claim["spec"]["dataSource"]["name"])
    return found


@scenario
def machines_with_claims_roll() -> Rollout:
    """B5, T8: nothing is touched before the golden claim is there; each gets a clone, and old clones go at the end."""
    rollout = of_claims(3)
    publish_claim(rollout, "1.1.0")
    rollout.run_for(5)
    assert os_disks(rollout) == {str(o): ["golden-1.0.0"] for o in range(3)}
    make_golden(rollout, "1.1.0")
    _ends(rollout)
    assert os_disks(rollout) == {str(o): ["golden-1.1.0"] for o in range(3)}
    return rollout


@scenario
def machines_with_claims_are_put_back() -> Rollout:
    """H3: on the very disk that they had, which is kept while the run is active; the broken ones go."""
    rollout = of_claims(3)
    before = _disks_by_name(rollout)
    make_golden(rollout, "1.1.0", "-nostart")
    publish_claim(rollout, "1.1.0", "-nostart")
    _ends(rollout)
    assert _disks_by_name(rollout) == before
    return rollout


def _disks_by_name(rollout: Rollout) -> dict[str, str]:
    """The OS disk of each machine; and there are no others."""
    machines = rollout.server.store.items(MACHINES, "default")
    found = {
        m["metadata"]["name"]: m["spec"]["template"]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"]
        for m in machines
    }
    there = [c["metadata"]["name"] for c in rollout.server.store.items(CLAIMS, "default")]
    assert sorted(found.values()) == sorted(name for name in there if name.startswith("root-"))
    return found


__all__ = ["SET", "machines", "make_golden", "of_claims", "publish", "publish_claim", "uids"]
