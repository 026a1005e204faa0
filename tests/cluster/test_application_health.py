"""H4 on a real API server: the controller asks real web servers, and judges rollouts by what they answer."""

from collections.abc import Iterator

import pytest

from tests.cluster.applications import NET, Applications
from tests.cluster.audit import AuditLog
from tests.cluster.controller import Controller
from tests.cluster.fleet import published
from tests.cluster.replay import status_of
from tests.cluster.world import World, condition, places

REPLICAS = 3
TYPE = "rollkeeper.io/ApplicationHealthy"


@pytest.fixture
def applications() -> Iterator[Applications]:
    with Applications(minors=(0, 1, 2), replicas=REPLICAS) as made:
        yield made


def told(world: World) -> dict[str, tuple[str, str]]:
    """Status and reason by pod."""
    found = {pod["metadata"]["name"]: condition(pod, TYPE) for pod in world.pods()}
    return {name: (c.get("status", ""), c.get("reason", "")) for name, c in found.items()}


def written(audit: AuditLog, world: World, begin: int) -> dict[str, int]:
    """How often the controller has written a pod's status."""
    writes = [w for w in audit.writes(world.namespace, begin) if w.by_controller]
    found = [w.name for w in writes if w.resource == "pods/status"]
    return {name: found.count(name) for name in sorted(found)}


def test_rich_applications_judge_rollouts(
    world: World, own_controller: Controller, applications: Applications, audit: AuditLog
) -> None:
    """H1, H3, H4, B8: all pods are Ready; what the application says decides, and stands in the failure."""
    begin = audit.mark()
    own_controller.start()
    world.create(published("1.0.0"), applications.fleet(REPLICAS, mode="Rich"))
    world.until_healthy("1.0.0", REPLICAS)
    assert told(world) == {f"web-{o}": ("True", "Healthy") for o in range(REPLICAS)}
    assert written(audit, world, begin) == {f"web-{o}": 1 for o in range(REPLICAS)}, "one write each"
    world.create(published("1.1.0"))
    world.until_run_to("1.1.0", "Completed")
    world.until_healthy("1.1.0", REPLICAS)
    applications.says(2, (200, {"ApplicationHealthState": "Unhealthy"}))
    world.create(published("1.2.0"))
    run = world.until_run_to("1.2.0", "Faulted")
    assert places(run) == {"failed": [0], "rolledBack": [0], "pending": [1, 2]}
    (failure,) = status_of(run)["failures"]
    assert failure["reason"] == "ApplicationUnhealthy"
    assert failure["message"] == f"HTTP 200 from http://{NET}.2.0:{applications.port}/health: Unhealthy"
    world.until_healthy("1.1.0", REPLICAS)


def test_states_outlive_the_controller(world: World, own_controller: Controller, applications: Applications) -> None:
    """H4: a new leader reads them from the pods, and writes nothing that stands there already."""
    own_controller.start()
    world.create(published("1.0.0"), applications.fleet(REPLICAS))
    world.until_healthy("1.0.0", REPLICAS)
    before = {pod["metadata"]["name"]: condition(pod, TYPE) for pod in world.pods()}
    own_controller.stop()
    asked = dict(applications.asked)
    applications.says(0, (503, None), ordinal=1)
    own_controller.start()
    world.until("an unhealthy application is told", lambda: told(world)["web-1"] == ("False", "Unhealthy") or None)
    after = {pod["metadata"]["name"]: condition(pod, TYPE) for pod in world.pods()}
    assert after["web-1"]["message"] == f"HTTP 503 from http://{NET}.0.1:{applications.port}/health"
    assert (after["web-0"], after["web-2"]) == (before["web-0"], before["web-2"])
    ready = world.until_condition("web", "Ready", "False", "InstancesUnhealthy")
    assert "ApplicationUnhealthy: HTTP 503 from" in ready["message"]
    assert applications.asked.keys() == asked.keys(), "nobody else was asked"
    applications.says(0, (200, None), ordinal=1)
    world.until_healthy("1.0.0", REPLICAS)


def test_a_set_whose_applications_were_not_asked_waits(
    world: World, own_controller: Controller, applications: Applications
) -> None:
    """H4, T6: nobody fails and nothing starts; then it goes on by itself."""
    made = applications.fleet(REPLICAS)
    health, made["spec"]["health"] = made["spec"]["health"], {"source": "Probe"}
    own_controller.start()
    world.create(published("1.0.0"), made)
    world.until_healthy("1.0.0", REPLICAS)
    assert applications.asked == {}, "only sets that use it are asked"
    world.patch("scaleset", "web", {"spec": {"health": health}})
    world.create(published("1.1.0"))
    world.until_run_to("1.1.0", "Completed")
    world.until_healthy("1.1.0", REPLICAS)
