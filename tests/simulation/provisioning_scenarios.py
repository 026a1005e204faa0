"""Rollouts with custom data and extensions, as golden logs (E1, E2, H7).

What scripts do is played: `sleep 5` takes that long, `fail some words` fails with them (see `provisioning`).
"""

from typing import Any

from rollkeeper.kube.resources import CONFIG_MAPS
from tests.simulation.images import completes, crash_loop, healthy
from tests.simulation.rollout import Rollout
from tests.simulation.scenarios import ended, proven, scenario

JsonMap = dict[str, Any]
AGENT = "registry.example/agent:1"
PROXY = "registry.example/proxy:1"


def task(name: str, image: str, **more: Any) -> JsonMap:
    return {"name": name, "type": "Task", "container": {"image": image}, **more}


def agent(token: str) -> JsonMap:
    """An extension that logs in with a token of a Secret; renewing it takes a changed extension, too."""
    made = task("agent", AGENT)
    made["container"]["env"] = [
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "agent", "key": "token"}}},
        {"name": "RENEWED", "value": token},
    ]
    return made


def script(name: str, text: str, **more: Any) -> JsonMap:
    return {"name": name, "type": "Script", "script": {"inline": text}, **more}


def config_map(text: str) -> JsonMap:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "boot"}, "data": {"run": text}}


@scenario
def extensions_of_all_types() -> Rollout:
    """E1, E2, H2: a Task, a Service, custom data and Scripts are the first clock's business, however long they take."""
    extensions = [
        script("tools", "sleep 4", provisionAfterExtensions=["proxy"]),
        {"name": "proxy", "type": "Service", "container": {"image": PROXY}, "provisionAfterExtensions": ["agent"]},
        task("agent", AGENT),
        script("extras", "fail no such package", suppressFailures=True),
    ]
    rollout = Rollout(3, spec={"extensions": extensions, "customData": {"inline": "sleep 40"}})
    rollout.cluster.images.set(AGENT, completes(3))
    rollout.cluster.images.set(PROXY, healthy(1, 2))
    rollout.create_set()
    rollout.publish("1.0.0")
    rollout.run(lambda: rollout.status.get("provenImageVersion") == "1.0.0")
    rollout.publish("1.1.0")
    rollout.run(lambda: rollout.status.get("provenImageVersion") == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def custom_data_that_fails() -> Rollout:
    """E2, H3, M1: custom data that fails is named, the instance gets back what it ran, and the model is held."""
    rollout = proven(3, spec={"customData": {"inline": "sleep 1"}})
    rollout.patch_set({"customData": {"inline": "fail no space left on device"}}, "customData can't work")
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def custom_data_of_a_config_map() -> Rollout:
    """E2, M1, T8: nothing is touched while the key is missing; new content is a new model, and rolls."""
    reference = {"configMapKeyRef": {"name": "boot", "key": "run"}}
    rollout = Rollout(3, spec={"customData": reference})
    rollout.create_set()
    rollout.publish("1.0.0")
    rollout.run_for(5)
    rollout.server.create(CONFIG_MAPS, "default", config_map("sleep 1"))
    rollout.say("user creates ConfigMap boot")
    rollout.run(lambda: rollout.status.get("provenImageVersion") == "1.0.0")
    rollout.server.merge_patch(CONFIG_MAPS, "default", "boot", {"data": {"run": "sleep 2"}})
    rollout.say("user changes ConfigMap boot")
    rollout.run(ended(rollout))
    rollout.run_until_quiet(quiet=30)
    rollout.server.merge_patch(CONFIG_MAPS, "default", "boot", {"data": {"run": None, "other": ""}})
    rollout.say("user renames the key in ConfigMap boot")
    rollout.run_for(2)
    rollout.publish("1.1.0")
    rollout.run_for(5)
    rollout.server.merge_patch(CONFIG_MAPS, "default", "boot", {"data": {"run": "sleep 2"}})
    rollout.say("user brings the key back")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def expired_credentials() -> Rollout:
    """H7: a token expires; the first batch fails, can't be put back, the run stops; the renewed extension mends it."""
    rollout = proven(10, spec={"extensions": [agent("in January")]})
    rollout.cluster.images.set(AGENT, crash_loop(0, said="logging in\ntoken expired"))
    rollout.say("the agent's token expires")
    rollout.publish("1.1.0")
    rollout.run(ended(rollout))
    rollout.run_for(30)
    rollout.cluster.images.set(AGENT, completes(1))
    rollout.patch_set({"extensions": [agent("in July")]}, "renewed the Secret and the extension")
    rollout.run(lambda: rollout.status["provenModelRevision"] == rollout.status["modelRevision"])
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout
