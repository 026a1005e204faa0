"""`plan` against a real API server: what it says is what then comes, and what the controller says itself."""

import json

import pytest

from hack.localcluster import LocalCluster
from tests.cluster.fleet import fleet, published
from tests.cluster.plugin import Plugin
from tests.cluster.world import World

REPLICAS = 5
READER = "reader"


@pytest.fixture
def plugin(simulated: LocalCluster, live: World) -> Plugin:
    return Plugin(simulated.kubeconfig, live.namespace)


def test_the_batches_that_are_planned_are_those_that_come(live: World, plugin: Plugin) -> None:
    """B1, B3, B10: of a user's run that replaces an unhealthy instance first (T7)."""
    live.create(published("1.0.0"), fleet(REPLICAS, automatic=False))
    live.until_healthy("1.0.0", REPLICAS)
    plugin("protect", "web", "1")
    live.set_ready(3, ready=False)
    live.create(published("1.1.0"))
    live.until_condition("web", "Ready", "False", "InstancesUnhealthy")
    before = live.items("upgraderuns"), live.uids()
    planned = json.loads(plugin("plan", "web", "--version=1.1.0", "-o", "json"))
    (run,) = planned["ifStarted"]["runs"]
    assert (live.items("upgraderuns"), live.uids()) == before, "nothing was written"
    assert planned["notes"] == []
    assert (run["batches"][0]["unhealthy"], run["skipped"]) == ("3", "1")
    done = json.loads(plugin("start", "web", "--version=1.1.0", "--wait", "-o", "json"))
    assert [b["instances"] for b in done["status"]["batches"]] == [b["instances"] for b in run["batches"]]
    assert (done["status"]["runningStatus"]["code"], done["status"]["message"]) == (run["code"], run["message"])


def test_what_is_in_the_way_is_said_in_the_controllers_words(live: World, plugin: Plugin) -> None:
    """T6: the numbers, and exit code 1; with T7 the way out."""
    live.create(published("1.0.0"), fleet(REPLICAS))
    live.until_healthy("1.0.0", REPLICAS)
    live.set_ready(0, ready=False)
    live.set_ready(1, ready=False)
    live.until_condition("web", "Ready", "False", "InstancesUnhealthy")
    live.create(published("1.1.0"))
    blocked = live.until_condition("web", "UpgradeBlocked", "True", "TooManyUnhealthyInstances")
    planned = plugin.ask("plan", "web", "-o", "json")
    told = json.loads(planned.out)
    assert planned.code == 1
    assert told["byItself"]["blocked"]["message"] == blocked["message"]
    assert told["ifStarted"]["runs"][0]["batches"][0]["instances"] == "0-1"


def test_a_missing_reference_and_a_refused_template_are_found(live: World, plugin: Plugin) -> None:
    """T8, M3: asked of the API server, without writing anything."""
    live.create(published("1.0.0"), fleet(1, automatic=False))
    live.until_healthy("1.0.0", 1)
    container = {"name": "os", "envFrom": [{"configMapRef": {"name": "app"}}]}
    live.patch("scaleset", "web", {"spec": {"health": None, "template": {"spec": {"containers": [container]}}}})
    live.until_condition("web", "UpgradeBlocked", "True", "MissingReference")
    planned = plugin.ask("plan", "web")
    assert planned.code == 1
    assert "by itself: blocked: ConfigMap app is missing" in planned.out
    broken = {"name": "os", "ports": [{"containerPort": 99999}]}
    live.patch("scaleset", "web", {"spec": {"template": {"spec": {"containers": [broken]}}}})
    live.until_condition("web", "UpgradeBlocked", "True", "ModelRefused")
    refused = plugin.ask("plan", "web")
    assert refused.code == 1
    assert "containerPort: Invalid value: 99999" in refused.out


def test_who_may_read_less_is_told_what_was_not_seen(live: World, plugin: Plugin) -> None:
    live.create(published("1.0.0"), fleet(1, automatic=False))
    live.until_healthy("1.0.0", 1)
    live.create(published("1.1.0"))
    live.until_condition("web", "UpToDate", "False", "NewerVersionAvailable")
    live("create", "role", READER, "--verb=get,list", "--resource=pods,scalesets,imageversions,upgraderuns")
    live("create", "rolebinding", READER, f"--role={READER}", f"--user={READER}")
    told = json.loads(plugin("plan", "web", "--version=1.1.0", f"--as={READER}", "-o", "json"))
    assert [b["instances"] for b in told["ifStarted"]["runs"][0]["batches"]] == ["0"]
    assert told["notes"] == [
        "not seen: models, and what they refer to (you may not list controllerrevisions)",
        "not seen: zones of instances (you may not list nodes)",
        "not seen: whether the API server accepts the model",
    ]
