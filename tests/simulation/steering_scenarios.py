"""Golden logs of who waits for whom, who goes first, and what a stopped run leaves (T4 to T7, B13, V5)."""

from tests.simulation.images import never_ready
from tests.simulation.model_scenarios import GOOD_SIDECAR, change_model
from tests.simulation.objects_of_ours import reference
from tests.simulation.rollout import Rollout
from tests.simulation.scenarios import ended, proven, scenario


@scenario
def whole_queue() -> Rollout:
    """T5, M5: users' runs in their order, then the changed model, the automatic run last; who waits says for whom."""
    rollout = proven(3, rolling={"maxBatchInstancePercent": 34})
    rollout.publish("0.9.0")
    rollout.start_run("first", "0.9.0", instances="0")
    rollout.run(lambda: rollout.active_run() == "first")
    rollout.start_run("second", "1.0.0")
    rollout.start_run("third", "0.9.0", instances="2", desiredState="Paused")
    rollout.run(lambda: rollout.active_run() == "second")
    rollout.publish("1.1.0")
    change_model(rollout, GOOD_SIDECAR)
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.patch_run("third", {"desiredState": "Cancelled"})
    rollout.run_until_quiet()
    return rollout


@scenario
def paused_run_is_never_superseded() -> Rollout:
    """T5, F2, T9: a newer version is blocked by the pause; withdrawing the target ends the paused run at once."""
    rollout = proven(5)
    rollout.publish("1.1.0")
    rollout.run(lambda: bool(rollout.active_run()))
    rollout.run_for(7)
    rollout.patch_run(rollout.active_run(), {"desiredState": "Paused"})
    rollout.run_for(10)
    rollout.publish("1.2.0")
    rollout.run_for(20)
    rollout.patch_version("1.1.0", {"excludeFromLatest": True})
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.2.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def cancelled_while_putting_back() -> Rollout:
    """B13, H3, F2: cancelled while an instance gets its previous image back: that is ended first."""
    rollout = proven()
    rollout.cluster.images.set(reference("1.1.0"), never_ready(), pods=["web-5"])
    rollout.publish("1.1.0")
    rollout.run(lambda: bool(rollout.active_run()) and rollout.code(rollout.active_run()) == "RollingBack")
    rollout.patch_run(rollout.active_run(), {"desiredState": "Cancelled"})
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def subset_goes_down() -> Rollout:
    """T4, V5: named instances to a lower version: no hold, and nothing brings them back up but a run."""
    rollout = proven(5, version="1.1.0")
    rollout.publish("1.0.0")
    rollout.start_run("down", "1.0.0", instances="1,3")
    rollout.run(lambda: rollout.code("down") == "Completed")
    rollout.run_until_quiet(quiet=30)
    rollout.start_run("up")
    rollout.run(lambda: rollout.code("up") == "Completed")
    rollout.run_until_quiet()
    return rollout


@scenario
def users_run_with_rollback() -> Rollout:
    """T4, H3, F3: a user's run that asks for it puts back what fails; without that the broken ones stay."""
    rollout = proven(5, automatic=False)
    rollout.publish("1.1.0", never_ready())
    rollout.start_run("careful", "1.1.0", automaticRollback=True)
    rollout.run(lambda: rollout.code("careful") == "Faulted")
    rollout.start_run("bold", "1.1.0")
    rollout.run(lambda: rollout.code("bold") == "Faulted")
    rollout.run_until_quiet()
    return rollout


@scenario
def left_failed_and_mended_by_a_newer_version() -> Rollout:
    """T7, F1: rollback is off and 40% stay broken; the next version may start, and begins with them."""
    off = {"enableAutomaticOSUpgrade": True, "disableAutomaticRollback": True}
    rollout = proven(5, rolling={"maxBatchInstancePercent": 40})
    rollout.patch_set({"upgradePolicy": {"automaticOSUpgradePolicy": off}}, "automatic rollback is off")
    rollout.publish("1.1.0", never_ready())
    rollout.run(ended(rollout))
    rollout.run_for(30)
    rollout.publish("1.2.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.2.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def cancelled_while_a_budget_refuses() -> Rollout:
    """B12, B13, F2: what was not touched goes back at once; nothing that refuses an eviction holds a run hostage."""
    rollout = proven(5, rolling={"maxBatchInstancePercent": 40})
    rollout.refuse_evictions(1)
    rollout.publish("1.1.0")
    rollout.run(lambda: "can't be evicted" in rollout.last_run().get("status", {}).get("message", ""))
    rollout.patch_run(rollout.active_run(), {"desiredState": "Cancelled"})
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def pair_is_held_and_put_back() -> Rollout:
    """H3, F3, B5: a user's run brings version and model, and puts both back; the pair's hold ends with the model."""
    rollout = proven(3, mode="Manual")
    change_model(rollout, GOOD_SIDECAR)
    rollout.publish("1.1.0", never_ready())
    rollout.start_run("both", "1.1.0", automaticRollback=True)
    rollout.run(lambda: rollout.code("both") == "Faulted")
    rollout.run_for(10)
    rollout.cluster.images.set(reference("1.1.0"), rollout.cluster.images.default)
    rollout.say("1.1.0 would work now")
    rollout.start_run("apply", type="Model")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout
