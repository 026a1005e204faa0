"""Golden logs of holds: the ways in and out, and what is held is not installed (F3, F8, I6)."""

from tests.simulation.images import healthy, never_ready
from tests.simulation.model_scenarios import GOOD_SIDECAR, change_model
from tests.simulation.objects_of_ours import reference
from tests.simulation.rollout import Rollout
from tests.simulation.scenarios import ended, proven, scenario

ROLLBACK_OFF = {"enableAutomaticOSUpgrade": True, "disableAutomaticRollback": True}


@scenario
def held_after_three_attempts() -> Rollout:
    """F3, F8, B6: attempts that the set's health stopped, each with a failure of its own; the third holds it."""
    tolerant = {"maxUnhealthyUpgradedInstancePercent": 100, "maxUnhealthyInstancePercent": 10}
    rollout = proven(5, rolling=tolerant)
    rollout.cluster.images.set(reference("1.1.0"), never_ready(), pods=["web-0"])
    rollout.publish("1.1.0")
    for attempt in range(1, 4):
        rollout.run(lambda attempt=attempt: len(rollout.runs()) == attempt, seconds=3000)  # type: ignore[misc]
        rollout.set_ready(4, ready=False)
        rollout.run(lambda: not rollout.active_run())
        rollout.set_ready(4, ready=None)
    rollout.run_until_quiet()
    return rollout


@scenario
def full_quota_in_mid_run() -> Rollout:
    """H5, F3, F8: the surroundings' fault holds nothing; it is tried again after 5 minutes, when there is room."""
    rollout = proven(5)
    rollout.publish("1.1.0")
    rollout.run(lambda: bool(rollout.active_run()))
    rollout.cluster.quota.hard["default"] = 2
    rollout.say("somebody lowers the quota to 2 pods")
    rollout.run(ended(rollout))
    rollout.run_for(20)
    rollout.cluster.quota.hard["default"] = 20
    rollout.say("somebody raises the quota to 20 pods")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def hold_ended_by_a_users_run() -> Rollout:
    """F3, V3: a user names the held version; when that run completes, the hold is over."""
    rollout = proven(3)
    rollout.publish("1.1.0", never_ready())
    rollout.run(ended(rollout))
    rollout.run_for(5)
    rollout.cluster.images.set(reference("1.1.0"), healthy(1, 1))
    rollout.say("1.1.0 would work now")
    rollout.start_run("latest-is-not-it")
    rollout.run(lambda: rollout.code("latest-is-not-it") == "Completed")
    rollout.start_run("named", "1.1.0")
    rollout.run(lambda: rollout.code("named") == "Completed")
    rollout.run_until_quiet()
    return rollout


@scenario
def hold_ended_by_another_model() -> Rollout:
    """F3: a version failed; a Model run that completes gives it another chance, which it uses."""
    rollout = proven(3)
    rollout.publish("1.1.0", never_ready())
    rollout.run(ended(rollout))
    rollout.run_for(5)
    rollout.cluster.images.set(reference("1.1.0"), healthy(1, 1))
    change_model(rollout, GOOD_SIDECAR)
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def what_is_held_is_not_installed() -> Rollout:
    """I6, F5, B11: with rollback off a broken instance stays; repair and scale-out take the proven version."""
    rollout = proven(5)
    rollout.patch_set({"upgradePolicy": {"automaticOSUpgradePolicy": ROLLBACK_OFF}}, "automatic rollback is off")
    rollout.publish("1.1.0", never_ready())
    rollout.run(ended(rollout))
    rollout.run_for(5)
    rollout.scale(6)
    rollout.run_for(5)
    rollout.delete_pod(0)
    rollout.run_until_quiet()
    return rollout


@scenario
def model_on_a_held_version() -> Rollout:
    """M1, F3: a Model run leaves each version as it is, but an instance on a held one gets the proven one."""
    rollout = proven(5)
    rollout.patch_set({"upgradePolicy": {"automaticOSUpgradePolicy": ROLLBACK_OFF}}, "automatic rollback is off")
    rollout.publish("1.1.0", never_ready())
    rollout.run(ended(rollout))
    rollout.run_for(5)
    change_model(rollout, GOOD_SIDECAR)
    rollout.run(lambda: rollout.status["provenModelRevision"] == rollout.status["modelRevision"])
    rollout.run_until_quiet(seconds=3000)
    return rollout
