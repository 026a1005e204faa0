"""Golden logs of how batches are made, watched and ended (B2, B7, B8, H2, H8)."""

from tests.simulation.images import healthy, never_ready, ready_then_unready
from tests.simulation.objects_of_ours import reference
from tests.simulation.rollout import Rollout
from tests.simulation.scenarios import ended, proven, scenario


@scenario
def smaller_by_what_is_unavailable_elsewhere() -> Rollout:
    """B2, B3: 3 of 10 a batch, but one protected instance is down all the time, so there are 2; it is skipped."""
    rollout = proven(10, rolling={"maxBatchInstancePercent": 30, "maxUnhealthyInstancePercent": 40})
    rollout.protect(9)
    rollout.set_ready(9, ready=False)
    rollout.run_for(3)
    rollout.publish("1.1.0")
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def relapse_in_the_pause() -> Rollout:
    """B7, B8: an instance turns unhealthy in the pause and recovers; only unbroken health lets the next batch start."""
    rollout = proven(3, rolling={"pauseTimeBetweenBatchesSeconds": 20})
    rollout.publish("1.1.0")
    rollout.run(lambda: "waits until" in rollout.last_run().get("status", {}).get("message", ""))
    rollout.set_ready(0, ready=False)
    rollout.run_for(15)
    rollout.set_ready(0, ready=None)
    rollout.run_for(10)
    rollout.set_ready(0, ready=False)
    rollout.run_for(5)
    rollout.set_ready(0, ready=None)
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def healthy_for_long_enough() -> Rollout:
    """H2: minHealthySeconds without a gap; web-0 has a gap, begins anew, and still makes it in its time."""
    rollout = proven(3, rolling={"minHealthySeconds": 15})
    flapping = ready_then_unready(1, 1, after=8, back=4)
    rollout.cluster.images.set(reference("1.1.0"), flapping, pods=["web-0"])
    rollout.publish("1.1.0")
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def pod_that_does_not_go() -> Rollout:
    """H8, B13, F5: its batch ends without it, the run completes, and it is made anew when it is gone at last."""
    rollout = proven(5)
    rollout.stick(1)
    rollout.publish("1.1.0")
    rollout.run(ended(rollout))
    rollout.run_for(30)
    rollout.stick(1, stuck=False)
    rollout.run_until_quiet()
    return rollout


@scenario
def broken_before_and_after() -> Rollout:
    """B8, T7: an instance that was broken before its batch and fails again is not held against the version."""
    rollout = proven(5, automatic=False, rolling={"maxUnhealthyInstancePercent": 40})
    rollout.set_ready(3, ready=False)
    rollout.cluster.images.set(reference("1.1.0"), never_ready(), pods=["web-3"])
    rollout.publish("1.1.0")
    rollout.run_for(3)
    rollout.start_run("mine", "1.1.0")
    rollout.run(lambda: rollout.code("mine") == "Completed")
    rollout.run_until_quiet()
    return rollout


@scenario
def pods_vanish_in_mid_run() -> Rollout:
    """F5, I9: an upgraded one is made again on the target, one that waits as before, the batch's own by the run."""
    rollout = proven(5, images=None)
    rollout.cluster.images.set(reference("1.1.0"), healthy(2, 8))
    rollout.publish("1.1.0")
    rollout.run(lambda: "0" in rollout.last_run().get("status", {}).get("instances", {}).get("succeeded", ""))
    rollout.run_for(4)
    for ordinal in (0, 1, 4):
        rollout.delete_pod(ordinal)
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout
