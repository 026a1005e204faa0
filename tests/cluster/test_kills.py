"""I8: killed at any point and started again, a run ends as it would have.

The controllers run without leader election: the Lease of a killed leader keeps its successor waiting for 15 s, which
has tests of its own, and would be most of the time here.
"""

import pytest

from tests.cluster.audit import Json
from tests.cluster.controller import Controller
from tests.cluster.fleet import BROKEN, fleet, published
from tests.cluster.killable import BACK, FORWARD, MODULE
from tests.cluster.replay import status_of
from tests.cluster.world import World, condition, places

REPLICAS = 5
ALONE = "--no-leader-elect"


def _kill_and_start_again(world: World, controller: Controller, point: str, image: Json) -> None:
    controller.start((*MODULE, point), (ALONE,))
    world.create(published("1.0.0"), fleet(REPLICAS, percent=40))
    world.until_healthy("1.0.0", REPLICAS)
    world.create(image)
    controller.wait_for_its_death(60)
    controller.start(flags=(ALONE,))


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


def _ended(world: World, scale_set: Json) -> list[tuple[str, str]]:
    """The history; there was one run only, and nothing keeps it from being deleted."""
    assert [run["metadata"].get("finalizers", []) for run in world.items("upgraderuns")] == [[]]
    history = status_of(scale_set)["osUpgradeHistory"]
    return [(h["targetImageReference"]["version"], h["runningStatus"]["code"]) for h in history]
