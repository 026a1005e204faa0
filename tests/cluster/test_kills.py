"""I8: killed at any point and started again, a run ends as it would have.

The controllers run without leader election: the Lease of a killed leader keeps its successor waiting for 15 s, which
would be most of the time here. What leaders and standbys do is in test_high_availability.
"""

import pytest

from tests.cluster.audit import Json
from tests.cluster.controller import Controller
from tests.cluster.fleet import BROKEN, fleet, gate, published, users_run
from tests.cluster.killable import BACK, CREATION, FORWARD, KILLED, USERS
from tests.cluster.replay import status_of
from tests.cluster.world import World, condition, places

REPLICAS = 5
ALONE = "--no-leader-elect"


def _kill_and_start_again(world: World, controller: Controller, point: str, image: Json) -> None:
    controller.start((*KILLED, point), (ALONE,))
    world.create(published("1.0.0"), fleet(REPLICAS, percent=40))
    world.until_healthy("1.0.0", REPLICAS)
    world.create(image)
    controller.wait_for_its_death(60)
    controller.start(flags=(ALONE,))


@pytest.mark.parametrize("point", CREATION)
def test_killed_in_first_creation(world: World, own_controller: Controller, point: str) -> None:
    """I8, I9, F4b: no pod is made twice, and no run is needed."""
    own_controller.start((*KILLED, point), (ALONE,))
    world.create(published("1.0.0"), fleet(REPLICAS))
    own_controller.wait_for_its_death(60)
    pods = {pod["metadata"]["uid"] for pod in world.pods()}
    own_controller.start(flags=(ALONE,))
    world.until_healthy("1.0.0", REPLICAS)
    assert pods <= {pod["metadata"]["uid"] for pod in world.pods()}
    assert world.items("upgraderuns") == []


@pytest.mark.parametrize("point", FORWARD)
def test_killed_while_a_good_version_rolls(world: World, own_controller: Controller, point: str) -> None:
    """I8, F9, I9."""
    _kill_and_start_again(world, own_controller, point, published("1.1.0"))
    run = world.until_run_to("1.1.0", "Completed")
    assert places(run) == {"succeeded": list(range(REPLICAS))}
    batches = [(b["number"], b["instances"], b["succeeded"], b["failed"]) for b in status_of(run)["batches"]]
    assert batches == [(1, "0-1", 2, 0), (2, "2-3", 2, 0), (3, "4", 1, 0)]
    assert status_of(run).get("failures", []) == []
    scale_set = world.until_healthy("1.1.0", REPLICAS)
    assert world.versions() == ["1.1.0"] * REPLICAS
    assert _ended(world, scale_set) == [("1.1.0", "Completed")]
    assert status_of(scale_set).get("heldVersions", []) == []


@pytest.mark.parametrize("point", BACK)
def test_killed_while_a_broken_version_is_put_back(world: World, own_controller: Controller, point: str) -> None:
    """I8, H3, F3, F9, I9."""
    _kill_and_start_again(world, own_controller, point, published("1.1.0", BROKEN))
    run = world.until_run_to("1.1.0", "Faulted")
    assert places(run) == {"failed": [0, 1], "rolledBack": [0, 1], "pending": [2, 3, 4]}
    scale_set = world.until_healthy("1.0.0", REPLICAS)
    assert world.versions() == ["1.0.0"] * REPLICAS
    assert _ended(world, scale_set) == [("1.1.0", "Faulted")]
    assert [h["version"] for h in status_of(scale_set)["heldVersions"]] == ["1.1.0"]
    assert condition(scale_set, "UpToDate")["reason"] == "VersionHeld"


@pytest.mark.parametrize("point", USERS)
def test_killed_around_a_users_run(world: World, own_controller: Controller, point: str) -> None:
    """I8, F7: started once, and gone when it was deleted."""
    own_controller.start((*KILLED, point), (ALONE,))
    world.create(published("1.0.0"), gate(0), fleet(REPLICAS, percent=20, automatic=False))
    world.until_healthy("1.0.0", REPLICAS)
    world.create(published("1.1.0"), users_run("mine", "1.1.0"))
    if point == "finalizer added":
        own_controller.wait_for_its_death(60)
        own_controller.start(flags=(ALONE,))
    world.until_gated("1.1.0", 0)
    world("delete", "upgraderun", "mine", "--wait=false")
    if point == "run cancelled":
        own_controller.wait_for_its_death(60)
        own_controller.start(flags=(ALONE,))
    world.until("the run is gone", lambda: world.find("upgraderuns", "mine") is None)
    scale_set = world.until_healthy("1.0.0", REPLICAS)
    history = [(h["runName"], h["runningStatus"]["code"]) for h in status_of(scale_set)["osUpgradeHistory"]]
    assert history == [("mine", "Cancelled")]
    assert world.versions() == ["1.0.0"] * REPLICAS


def test_two_controllers_at_once(world: World, own_controller: Controller, rival: Controller) -> None:
    """I8: as in the seconds in which a former leader still acts, but for a whole rollout and a rollback."""
    own_controller.start(flags=(ALONE,))
    rival.start(flags=(ALONE,))
    world.create(published("1.0.0"), fleet(REPLICAS, percent=40))
    world.until_healthy("1.0.0", REPLICAS)
    world.create(published("1.1.0"))
    assert places(world.until_run_to("1.1.0", "Completed")) == {"succeeded": list(range(REPLICAS))}
    world.until_healthy("1.1.0", REPLICAS)
    world.create(published("1.2.0", BROKEN))
    run = world.until_run_to("1.2.0", "Faulted")
    assert places(run) == {"failed": [0, 1], "rolledBack": [0, 1], "pending": [2, 3, 4]}
    scale_set = world.until_healthy("1.1.0", REPLICAS)
    assert world.versions() == ["1.1.0"] * REPLICAS
    history = status_of(scale_set)["osUpgradeHistory"]
    assert [h["targetImageReference"]["version"] for h in history] == ["1.2.0", "1.1.0"]
    own_controller.check()
    rival.check()


def _ended(world: World, scale_set: Json) -> list[tuple[str, str]]:
    """The history; there was one run only, and nothing keeps it from being deleted."""
    assert [run["metadata"].get("finalizers", []) for run in world.items("upgraderuns")] == [[]]
    history = status_of(scale_set)["osUpgradeHistory"]
    return [(h["targetImageReference"]["version"], h["runningStatus"]["code"]) for h in history]
