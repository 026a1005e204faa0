"""Golden logs of what a model refers to and is not there (T8)."""

from typing import Any

from rollkeeper.kube.resources import Resource
from tests.simulation.rollout import Rollout
from tests.simulation.scenarios import ended, proven, scenario

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")


def _template(config_map: str) -> dict[str, Any]:
    probe = {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 5}
    container = {"name": "os", "readinessProbe": probe, "envFrom": [{"configMapRef": {"name": config_map}}]}
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}


def _create(rollout: Rollout, name: str) -> None:
    rollout.server.create(CONFIG_MAPS, "default", {"metadata": {"name": name}})
    rollout.say(f"user creates ConfigMap {name}")


def _delete(rollout: Rollout, name: str) -> None:
    rollout.server.delete(CONFIG_MAPS, "default", name)
    rollout.say(f"user deletes ConfigMap {name}")


def _proven_with(config_map: str) -> Rollout:
    return proven(5, spec={"template": _template(config_map)})


def _in_second_batch(rollout: Rollout) -> None:
    rollout.run(lambda: "batch 2" in rollout.last_run().get("status", {}).get("message", ""))


@scenario
def missing_reference_before_a_start() -> Rollout:
    """T8: a run does not start while a ConfigMap of the model is missing; it does when that is there."""
    rollout = _proven_with("app")
    rollout.publish("1.1.0")
    rollout.run_for(40)
    _create(rollout, "app")
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def missing_reference_in_mid_run() -> Rollout:
    """T8, B13: what goes missing in mid-run holds the next batch, not the one in hand, until it is there again."""
    rollout = _proven_with("app")
    _create(rollout, "app")
    rollout.publish("1.1.0")
    _in_second_batch(rollout)
    _delete(rollout, "app")
    rollout.run_for(30)
    _create(rollout, "app")
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def missing_reference_mended_by_the_model() -> Rollout:
    """T8, T5, M5: a run that waits for what its model misses is superseded by a model that does not."""
    rollout = _proven_with("app")
    _create(rollout, "app")
    _create(rollout, "other")
    rollout.publish("1.1.0")
    _in_second_batch(rollout)
    _delete(rollout, "app")
    rollout.run_for(10)
    rollout.patch_set({"template": _template("other")}, "envFrom: other")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def missing_reference_of_a_users_run() -> Rollout:
    """T8: a user's run waits Pending and says for what."""
    rollout = _proven_with("app")
    rollout.opt_out()
    rollout.publish("1.1.0")
    rollout.start_run("mine")
    rollout.run_for(10)
    _create(rollout, "app")
    rollout.run(lambda: rollout.code("mine") == "Completed")
    rollout.run_until_quiet()
    return rollout
