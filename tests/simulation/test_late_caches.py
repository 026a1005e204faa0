"""A controller whose caches are late beside one that is up to date: what it does not know is not gone (I4, F7, I8)."""

import pytest

from rollkeeper.controllers.resources import UPGRADE_RUNS
from rollkeeper.instances.virtual_machines.resources import GUESTS, MACHINES
from tests.simulation.machine_scenarios import machines, publish
from tests.simulation.process import Process
from tests.simulation.scenarios import proven


def test_i4_a_run_that_only_a_late_cache_does_not_know_was_not_removed() -> None:
    """F7: the set names a run that the former leader has not heard of; it wants another one, and must not start it."""
    rollout = proven(3, automatic=False)
    rollout.refuse_evictions(0)
    rollout.publish("1.1.0")
    rollout.settle()
    rollout.patch_set({"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}})
    late = rollout.process
    late.pump()  # it knows that upgrades are automatic now, and hears of nothing more
    late.lagging = frozenset(range(len(late.feeds)))
    up_to_date = Process(rollout.cluster, watch=rollout.witness.before)
    rollout.start_run("mine", "1.1.0")
    up_to_date.settle()
    late.settle()
    rollout.witness.check()
    active = [r["metadata"]["name"] for r in rollout.runs() if rollout.code(r["metadata"]["name"]) == "RollingForward"]
    assert active == [rollout.active_run()] == ["mine"]
    rollout.server.delete(UPGRADE_RUNS, "default", active[0])
    late.lagging = frozenset()
    late.settle()
    up_to_date.settle()
    rollout.witness.check()


@pytest.mark.parametrize("seconds", [4, 60], ids=["in its batch", "when the run is over"])
def test_i8_a_machine_that_a_late_cache_has_from_before_its_swap_keeps_its_guest(seconds: int) -> None:
    """B5: guests have a watch of their own. The new guest is not of the machine as the former leader has it."""
    rollout = machines(2)
    late = rollout.process
    late.lagging = frozenset(number for number, feed in enumerate(late.feeds) if feed.resource == MACHINES)
    up_to_date = Process(rollout.cluster, watch=rollout.witness.before)
    publish(rollout, "1.1.0")
    for _ in range(seconds):
        up_to_date.settle()
        rollout.cluster.advance(1)
    guest = rollout.server.get(GUESTS, "default", "web-0")
    assert guest["metadata"]["labels"]["rollkeeper.io/image-version"] == "1.1.0"
    late.settle()
    rollout.cluster.advance(4)
    assert rollout.server.get(GUESTS, "default", "web-0")["metadata"]["uid"] == guest["metadata"]["uid"]
