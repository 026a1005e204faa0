"""What is kept of runs that are over (F6)."""

from tests.cluster.fleet import fleet, published
from tests.cluster.replay import status_of
from tests.cluster.world import World

KEPT = 5


def test_the_controllers_own_runs_are_pruned(live: World) -> None:
    """F6: the newest five objects stay; the history in the set's status has as many."""
    live.create(published("1.0.0"), fleet(1))
    live.until_healthy("1.0.0", 1)
    versions = [f"1.{number}.0" for number in range(1, KEPT + 2)]
    for version in versions:
        live.create(published(version))
        live.until_healthy(version, 1)
    live.until("the oldest is gone", lambda: len(live.items("upgraderuns")) == KEPT)
    assert {run["spec"]["imageVersion"] for run in live.items("upgraderuns")} == set(versions[1:])
    history = status_of(live.get("scalesets", "web"))["osUpgradeHistory"]
    assert [entry["targetImageReference"]["version"] for entry in history] == versions[:0:-1]
