"""I10: a wrong clock on the controller's machine does no harm."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from tests.cluster.controller import Controller
from tests.cluster.fleet import BROKEN, fleet, published
from tests.cluster.replay import status_of
from tests.cluster.world import World, places
from tests.cluster.wrong_clock import AHEAD, BEHIND

REPLICAS = 3
NEAR = timedelta(minutes=5)


@pytest.mark.parametrize("program", [BEHIND, AHEAD], ids=["behind", "ahead"])
def test_a_rollout_by_a_wrong_clock(world: World, own_controller: Controller, program: Sequence[str]) -> None:
    """I10, H2: what is good is not timed out, what is broken is put back in its time, and what is written is right."""
    own_controller.start(program)
    world.create(published("1.0.0"), fleet(REPLICAS, percent=34))
    world.until_healthy("1.0.0", REPLICAS)
    world.create(published("1.1.0"))
    good = world.until_run_to("1.1.0", "Completed")
    assert places(good) == {"succeeded": list(range(REPLICAS))}
    world.create(published("1.2.0", BROKEN))
    broken = world.until_run_to("1.2.0", "Faulted")
    assert places(broken) == {"failed": [0], "rolledBack": [0], "pending": [1, 2]}
    for run in (good, broken):
        times = status_of(run)["runningStatus"]
        written = [datetime.fromisoformat(times[name]) for name in ("startTime", "completedTime")]
        assert all(abs(time - datetime.now(UTC)) < NEAR for time in written)
        assert written == sorted(written)
    world.until_healthy("1.1.0", REPLICAS)
