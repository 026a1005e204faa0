"""The rollouts that are kept as golden logs: one function each, named as its log."""

from collections.abc import Callable

from tests.simulation.images import crash_loop, healthy, image_pull_backoff, never_ready, ready_then_unready
from tests.simulation.objects_of_ours import reference
from tests.simulation.rollout import Rollout

Scenario = Callable[[], Rollout]
SCENARIOS: dict[str, Scenario] = {}


def scenario(function: Scenario) -> Scenario:
    SCENARIOS[function.__name__] = function
    return function


def proven(replicas: int = 10, version: str = "1.0.0", **kwargs: object) -> Rollout:
    """A set that runs a version well."""
    rollout = Rollout(replicas, **kwargs)  # type: ignore[arg-type]
    rollout.create_set()
    rollout.publish(version)
    rollout.run(lambda: rollout.status.get("provenImageVersion") == version)
    rollout.run_until_quiet(quiet=10)
    return rollout


def ended(rollout: Rollout) -> Callable[[], bool]:
    """A run was there, and none is active any more."""
    return lambda: not rollout.active_run() and any(rollout.runs())


@scenario
def healthy_rollout() -> Rollout:
    """T1, B1, B14, F4, F6: a newer version rolls, two at a time, and is proven then."""
    rollout = proven()
    rollout.publish("1.1.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def first_creation_on_a_bad_image() -> Rollout:
    """F4b: nothing is proven, so the fix replaces what is not healthy, all at once and without a run."""
    rollout = Rollout(5)
    rollout.create_set()
    rollout.publish("1.0.0", never_ready())
    rollout.run_for(40)
    rollout.publish("1.0.1")
    rollout.run(lambda: rollout.status.get("provenImageVersion") == "1.0.1")
    rollout.run_until_quiet()
    return rollout


@scenario
def first_creation_healed_by_withdrawing() -> Rollout:
    """F4b: excluding the bad version makes the older one latest, and instances go down to it."""
    rollout = Rollout(3)
    rollout.publish("1.0.0")
    rollout.publish("1.1.0", image_pull_backoff())
    rollout.create_set()
    rollout.run_for(10)
    rollout.patch_version("1.1.0", {"excludeFromLatest": True})
    rollout.run(lambda: rollout.status.get("provenImageVersion") == "1.0.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def one_failure_below_the_limit() -> Rollout:
    """B8, B9, H3: one of ten fails and is put back; 1 of 10 is within 20%, so the run completes."""
    rollout = proven()
    rollout.cluster.images.set(reference("1.1.0"), never_ready(), pods=["web-9"])
    rollout.publish("1.1.0")
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def over_the_limit() -> Rollout:
    """B8, H3, F3: the first batch fails, is put back, the run stops and the version is held."""
    rollout = proven()
    rollout.publish("1.1.0", crash_loop())
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def unhealthy_before_the_start() -> Rollout:
    """T6, T7: 30% are unhealthy, so the upgrade waits and says so, until they have recovered."""
    rollout = proven()
    for ordinal in (1, 4, 7):
        rollout.set_ready(ordinal, ready=False)
    rollout.run_for(5)
    rollout.publish("1.1.0")
    rollout.run_for(30)
    for ordinal in (1, 4, 7):
        rollout.set_ready(ordinal, ready=None)
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def unhealthy_and_mended_by_a_users_run() -> Rollout:
    """T7: a user's run replaces the unhealthy instances first, whatever their number."""
    rollout = proven()
    for ordinal in (1, 4, 7):
        rollout.cluster.images.set(reference("1.0.0"), never_ready(), pods=[f"web-{ordinal}"])
        rollout.set_ready(ordinal, ready=False)
    rollout.publish("1.1.0")
    rollout.run_for(5)
    rollout.start_run("mend")
    rollout.run(lambda: rollout.code("mend") == "Completed")
    rollout.run_until_quiet()
    return rollout


@scenario
def node_lost_in_mid_run() -> Rollout:
    """B6, H5, F8: a node is lost under the run; the run stops at the limit, and is tried again."""
    rollout = proven(zones=("a", "b", "c"))
    rollout.publish("1.1.0")
    rollout.run(lambda: "0,3" in rollout.last_run().get("status", {}).get("instances", {}).get("succeeded", ""))
    rollout.lose_node("node-0")
    rollout.run(ended(rollout))
    rollout.run_for(60)
    rollout.recover_node("node-0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0", seconds=3000)
    rollout.run_until_quiet()
    return rollout


@scenario
def scaled_out_and_in_during_a_run() -> Rollout:
    """B11: new instances get the proven version and join as pending; removed ones leave every count."""
    rollout = proven(5)
    rollout.publish("1.1.0")
    rollout.run(lambda: bool(rollout.active_run()))
    rollout.scale(8)
    rollout.run_for(12)
    rollout.scale(4)
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def cancelled_by_the_user() -> Rollout:
    """F2, B13, F3: the batch in hand ends, the rest stays, and the version is held."""
    rollout = proven()
    rollout.publish("1.1.0")
    rollout.run(lambda: bool(rollout.active_run()))
    rollout.run_for(7)
    rollout.patch_run(rollout.active_run(), {"desiredState": "Cancelled"})
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def opted_out_in_mid_run() -> Rollout:
    """T3: automatic upgrades are switched off; the run ends Cancelled, and nothing is held."""
    rollout = proven()
    rollout.publish("1.1.0")
    rollout.run(lambda: bool(rollout.active_run()))
    rollout.run_for(3)
    rollout.opt_out()
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def newer_version_in_mid_run() -> Rollout:
    """T5: a newer version supersedes the automatic run; everything ends on the newest."""
    rollout = proven()
    rollout.publish("1.1.0")
    rollout.run(lambda: bool(rollout.active_run()))
    rollout.run_for(7)
    rollout.publish("1.2.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.2.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def version_withdrawn_in_mid_run() -> Rollout:
    """T9, V5: the target is excluded; the run ends Cancelled, upgraded instances stay."""
    rollout = proven()
    rollout.publish("1.1.0")
    rollout.run(lambda: bool(rollout.active_run()))
    rollout.run_for(7)
    rollout.patch_version("1.1.0", {"excludeFromLatest": True})
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def users_run_to_a_lower_version() -> Rollout:
    """V5: a user goes down; the platform does not fight it, and goes on with the next version that is published."""
    rollout = proven(version="1.0.0")
    rollout.publish("1.1.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.start_run("back", "1.0.0")
    rollout.run(lambda: rollout.code("back") == "Completed")
    rollout.run_until_quiet(quiet=30)
    rollout.publish("1.2.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.2.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def previous_version_also_unhealthy() -> Rollout:
    """H3: what is put back does not become healthy either; it stays as it is, and the run stops."""
    rollout = proven()
    rollout.cluster.images.set(reference("1.0.0"), never_ready())
    rollout.publish("1.1.0", never_ready())
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def run_deleted_in_mid_batch() -> Rollout:
    """F7: deleting an active run cancels it; the finalizer holds it until the batch has ended."""
    rollout = proven()
    rollout.publish("1.1.0")
    rollout.run(lambda: bool(rollout.active_run()))
    rollout.run_for(3)
    rollout.delete_run(rollout.active_run())
    rollout.run(lambda: not rollout.runs())
    rollout.run_until_quiet()
    return rollout


@scenario
def paused_and_resumed() -> Rollout:
    """F2, B14: a paused run stays where it is, and goes on from there."""
    rollout = proven(5)
    rollout.publish("1.1.0")
    rollout.run(lambda: bool(rollout.active_run()))
    rollout.run_for(7)
    name = rollout.active_run()
    rollout.patch_run(name, {"desiredState": "Paused"})
    rollout.run_for(30)
    rollout.patch_run(name, {"desiredState": "Running"})
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def superseded_by_a_users_run() -> Rollout:
    """T5: a user's run replaces the automatic one, when its own checks pass."""
    rollout = proven()
    rollout.publish("1.1.0")
    rollout.publish("1.0.5", excludeFromLatest=True)
    rollout.run(lambda: bool(rollout.active_run()))
    rollout.run_for(7)
    rollout.start_run("mine", "1.0.5")
    rollout.run(lambda: rollout.code("mine") == "Completed")
    rollout.run_until_quiet()
    return rollout


@scenario
def relapse_after_the_upgrade() -> Rollout:
    """B8: an upgraded instance turns unhealthy again; no batch starts, it is put back when its clock is over."""
    rollout = proven(10, rolling={"maxUnhealthyUpgradedInstancePercent": 60})
    rollout.cluster.images.set(reference("1.1.0"), ready_then_unready(1, 1, after=4), pods=["web-0"])
    rollout.publish("1.1.0")
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def pod_repaired_on_its_version() -> Rollout:
    """F5: a pod that disappears is made again from its assignment; latest plays no part."""
    rollout = proven(3, automatic=False)
    rollout.publish("1.1.0")
    rollout.delete_pod(1)
    rollout.run_until_quiet()
    return rollout


@scenario
def subset_of_the_instances() -> Rollout:
    """T4, F4: a run over some instances proves nothing."""
    rollout = proven(5, automatic=False)
    rollout.publish("1.1.0")
    rollout.start_run("some", "1.1.0", instances="3,0-1")
    rollout.run(lambda: rollout.code("some") == "Completed")
    rollout.run_until_quiet()
    return rollout


@scenario
def set_of_one() -> Rollout:
    """B1: the only instance is a batch."""
    rollout = proven(1)
    rollout.publish("1.1.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.publish("1.2.0", never_ready())
    rollout.run(lambda: bool(rollout.status.get("heldVersions")))
    rollout.run_until_quiet()
    return rollout


@scenario
def set_of_three() -> Rollout:
    """B1: one at a time."""
    rollout = proven(3)
    rollout.publish("1.1.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def set_of_a_thousand() -> Rollout:
    """B1, I5: five batches of 200; the status stays small."""
    rollout = proven(1000)
    rollout.cluster.images.set(reference("1.1.0"), healthy(2, 1))
    rollout.publish("1.1.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def pause_between_batches() -> Rollout:
    """B7: time passes between two batches, with the upgraded instances watched."""
    rollout = proven(3, rolling={"pauseTimeBetweenBatchesSeconds": 20})
    rollout.publish("1.1.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def unhealthy_instances_first() -> Rollout:
    """B3: with prioritizeUnhealthyInstances an unhealthy instance is in the first batch."""
    rollout = proven(rolling={"prioritizeUnhealthyInstances": True})
    rollout.set_ready(7, ready=False)
    rollout.run_for(2)
    rollout.publish("1.1.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def hold_released_by_the_user() -> Rollout:
    """F3: the annotation releases that one hold, and the version is tried again."""
    rollout = proven(3)
    rollout.publish("1.1.0", never_ready())
    rollout.run(ended(rollout))
    rollout.cluster.images.set(reference("1.1.0"), healthy(1, 1))
    hold = rollout.status["heldVersions"][0]
    rollout.annotate_set({"rollkeeper.io/release-hold": f"1.1.0/{hold['runName']}"})
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def finished_run_expires() -> Rollout:
    """F6: ttlSecondsAfterFinished deletes a user's run; the history remembers it."""
    rollout = proven(2, automatic=False)
    rollout.publish("1.1.0")
    rollout.start_run("once", ttlSecondsAfterFinished=60)
    rollout.run(lambda: not rollout.runs())
    rollout.say(f"history: {[entry['runName'] for entry in rollout.status['osUpgradeHistory']]}")
    rollout.run_until_quiet()
    return rollout


@scenario
def run_of_a_name_used_before() -> Rollout:
    """I9: pods that an earlier run of the same name made are not taken for this run's."""
    rollout = proven(3, automatic=False)
    rollout.publish("1.1.0")
    rollout.start_run("up", "1.1.0")
    rollout.run(lambda: rollout.code("up") == "Completed")
    rollout.run_for(5)
    rollout.delete_run("up")
    rollout.publish("1.2.0")
    rollout.start_run("up", "1.2.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.2.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def scale_out_refused_by_a_quota_in_mid_run() -> Rollout:
    """B11, section 0: instances that could not be made yet are starting, and do not stop the run."""
    rollout = proven(10)
    rollout.cluster.quota.hard["default"] = 10
    rollout.publish("1.1.0")
    rollout.run(lambda: bool(rollout.active_run()))
    rollout.scale(15)
    rollout.run_for(40)
    rollout.cluster.quota.hard["default"] = 20
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def pod_deleted_twice_in_its_batch() -> Rollout:
    """H2: a pod that disappears is made again once; the second time it has failed, whoever was restarted between."""
    rollout = proven(10)
    rollout.publish("1.1.0")
    rollout.run(lambda: "web-0" in rollout.cluster.pods() and rollout.versions().get("1.1.0") is not None)
    rollout.delete_pod(0)
    rollout.run_for(1)
    rollout.say("the controller is killed and started again")
    rollout.restart()
    rollout.settle()
    rollout.delete_pod(0)
    rollout.run(ended(rollout))
    rollout.run_until_quiet(seconds=3000)
    return rollout


@scenario
def released_twice() -> Rollout:
    """F3, F8: a later hold has another run name, so the annotation of an earlier release does not end it."""
    rollout = proven(3)
    rollout.publish("1.1.0")
    for time in range(2):
        rollout.run(lambda: bool(rollout.active_run()))
        name = rollout.active_run()
        rollout.delete_run(name)
        rollout.run(lambda: bool(rollout.status.get("heldVersions")))
        if time == 0:
            rollout.annotate_set({"rollkeeper.io/release-hold": f"1.1.0/{name}"})
    rollout.run_until_quiet()
    return rollout
