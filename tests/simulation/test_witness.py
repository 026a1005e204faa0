"""The witness of the cluster in memory sees what it is there for."""

import pytest

from rollkeeper.controllers.resources import SCALE_SETS
from rollkeeper.instances.virtual_machines.resources import GUESTS, MACHINES
from rollkeeper.kube.resources import PODS, Resource
from tests.simulation.down import Downs
from tests.simulation.faults import Call
from tests.simulation.images import never_ready
from tests.simulation.machine_scenarios import machines, publish
from tests.simulation.rollout import SET, Rollout
from tests.simulation.scenarios import proven


def _begun() -> Rollout:
    """Five instances and a batch of one, which is just being taken down."""
    rollout = proven(5)
    rollout.publish("1.1.0", never_ready())
    rollout.run(lambda: bool(rollout.active_run()))
    return rollout


def test_i1_is_seen_whatever_the_run_says_of_itself() -> None:
    rollout = _begun()
    downs = Downs(rollout.cluster)
    downs.taken(rollout.cluster.pods()["web-0"])  # is terminating already: nobody makes it unavailable again
    _take_down(rollout, downs, 1)
    downs.taken(rollout.cluster.pods()["web-3"])
    downs.check()  # web-3 was asked for, but stays
    rollout.cluster.kubelet.vanish("default", "web-3")
    with pytest.raises(AssertionError, match="I1: 1-2 of web"):
        _take_down(rollout, downs, 2)


def _take_down(rollout: Rollout, downs: Downs, ordinal: int) -> None:
    downs.taken(rollout.cluster.pods()[f"web-{ordinal}"])
    rollout.cluster.kubelet.vanish("default", f"web-{ordinal}")
    downs.check()


def test_i6_a_held_version_is_seen() -> None:
    rollout = proven(2)
    hold = {
        "image": "i",
        "version": "1.1.0",
        "runName": "r",
        "reason": "UpgradedUnhealthy",
        "time": "2026-01-01T00:00:00Z",
    }
    pod = rollout.cluster.pods()["web-0"]
    labels = {**pod["metadata"]["labels"], "rollkeeper.io/image-version": "1.1.0", "rollkeeper.io/ordinal": "2"}
    assigned = {**rollout.status["versions"][0], "version": "1.1.0", "instances": "2"}
    status = {"heldVersions": [hold], "versions": [*rollout.status["versions"], assigned]}
    rollout.server.merge_patch(SCALE_SETS, *SET, {"status": status}, subresource="status")
    annotations = {**pod["metadata"]["annotations"], "rollkeeper.io/made-by": "ScaleOut"}
    made = {"metadata": {"name": "web-2", "labels": labels, "annotations": annotations}, "spec": pod["spec"]}
    with pytest.raises(AssertionError, match=r"I6: web-2 made of 1\.1\.0"):
        rollout.server.create(PODS, "default", made)


def test_i1_machines_that_are_given_another_disk_are_seen() -> None:
    """As long as the guest of the first is not healthy again, a second one is too many."""
    rollout = machines(5)
    publish(rollout, "1.1.0", "-nostart")
    rollout.run(lambda: bool(rollout.active_run()))
    downs = Downs(rollout.cluster)
    _give_another_disk(rollout, downs, 1)
    downs.taken(rollout.server.get(MACHINES, "default", "web-3"))
    downs.check()  # web-3 was asked for, but stays
    with pytest.raises(AssertionError, match="I1: 1-2 of web"):
        _give_another_disk(rollout, downs, 2)


def _give_another_disk(rollout: Rollout, downs: Downs, ordinal: int) -> None:
    downs.taken(rollout.server.get(MACHINES, "default", f"web-{ordinal}"))
    rollout.cluster.kubevirt.set_ready(("default", f"web-{ordinal}"), ready=False)
    downs.check()


@pytest.mark.parametrize(
    ("resource", "rule"),
    [(MACHINES, "B5: delete virtualmachines/web-0"), (GUESTS, "I9: delete virtualmachineinstances/web-0")],
    ids=["a machine is made once", "a guest of the machine as it is"],
)
def test_deletions_of_machines_are_seen(resource: Resource, rule: str) -> None:
    rollout = machines(2)
    with pytest.raises(AssertionError, match=rule):
        rollout.witness.before(Call(0, "delete", resource, "default", "web-0"))
