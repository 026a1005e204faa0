"""Rollouts of sets whose applications are asked for their health (H4), kept as golden logs."""

from typing import Any

from tests.simulation.applications import Says, rich
from tests.simulation.objects_of_ours import reference
from tests.simulation.rollout import Rollout
from tests.simulation.scenarios import ended, proven, scenario


def asked(**more: Any) -> dict[str, Any]:
    """The health source of a set."""
    how = {"protocol": "HTTP", "port": 8080, "requestPath": "/health", **more}
    return {"health": {"source": "ApplicationHealth", "applicationHealth": how}}


@scenario
def application_says_healthy() -> Rollout:
    """H1, H4: Ready is not enough; each instance counts when its application says Healthy, told once in its pod."""
    rollout = proven(5, spec=asked(mode="Rich", numberOfProbes=2))
    rollout.cluster.applications.set(reference("1.1.0"), Says(0, 0), Says(2, 503), rich("Healthy", after=4))
    rollout.publish("1.1.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def application_says_unhealthy() -> Rollout:
    """H4, H3, B8: pods of the new version are Ready, but answer 503; what was seen stands in the failure."""
    rollout = proven(5, spec=asked(numberOfProbes=3))
    rollout.cluster.applications.set(reference("1.1.0"), Says(0, 503))
    rollout.publish("1.1.0")
    rollout.run(ended(rollout))
    rollout.say(f"the failure: {rollout.last_run()['status']['failures'][0]}")
    rollout.run_until_quiet()
    return rollout


@scenario
def application_that_starts_slowly() -> Rollout:
    """H4, H2: nobody answers for 50 s, longer than healthTimeoutSeconds; Initializing stops that clock."""
    rollout = proven(3, spec=asked(gracePeriodSeconds=60))
    rollout.cluster.applications.set(reference("1.1.0"), Says(0, 0), Says(50, 200))
    rollout.publish("1.1.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def application_that_never_starts() -> Rollout:
    """H4, H2, H3: Initializing ends with the grace period; then healthTimeoutSeconds run, and it has failed."""
    rollout = proven(3, spec=asked(mode="Rich", gracePeriodSeconds=20))
    rollout.cluster.applications.set(reference("1.1.0"), Says(0, 0))
    rollout.publish("1.1.0")
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def application_relapses() -> Rollout:
    """B8, H4: an upgraded instance's application stops answering; no batch starts, and it is put back in the end."""
    rollout = proven(5, spec=asked(mode="Rich"), rolling={"maxUnhealthyUpgradedInstancePercent": 50})
    relapsing = (rich("Healthy"), Says(12, 200, "who knows"))
    rollout.cluster.applications.set(reference("1.1.0"), *relapsing, pods=["web-0"])
    rollout.publish("1.1.0")
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def application_states_outlive_the_controller() -> Rollout:
    """H4, T6: a new controller reads the states from the pods; a set with any that was not asked yet waits."""
    rollout = proven(5)
    rollout.cluster.applications.set(reference("1.0.0"), Says(0, 500), pods=["web-3"])
    rollout.publish("1.1.0", excludeFromLatest=True)
    rollout.patch_set(asked(), "its applications are asked from now on")
    rollout.patch_version("1.1.0", {"excludeFromLatest": False})
    rollout.run(lambda: rollout.status["unhealthyReplicas"] == 1)
    rollout.run_for(7)
    rollout.restart()
    rollout.say("the controller is killed and started again")
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout
