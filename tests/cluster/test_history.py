"""What is kept of runs that are over (F6)."""

from tests.cluster.fleet import fleet, gate, published
from tests.cluster.replay import status_of
from tests.cluster.world import World

KEPT = 5


def test_the_controllers_own_runs_are_pruned(live: World) -> None:
    """F6, F3: the newest five objects stay, and one that a hold names; the history in the status has five."""
    live.create(published("1.0.0"), gate(0), fleet(1))
    live.until_healthy("1.0.0", 1)
    live.create(published("1.1.0"))
    held = live.until_gated("1.1.0", 0)
    live.patch("upgraderun", held, {"spec": {"desiredState": "Cancelled"}})
    live.until_run(held, "Cancelled")
    live.open_gate()
    versions = [f"1.{number}.0" for number in range(2, KEPT + 3)]
    for version in versions:
        live.create(published(version))
        live.until_healthy(version, 1)
    live.until("the oldest but the held one is gone", lambda: len(live.items("upgraderuns")) == KEPT + 1)
    assert {run["spec"]["imageVersion"] for run in live.items("upgraderuns")} == {"1.1.0", *versions[1:]}
    history = status_of(live.get("scalesets", "web"))["osUpgradeHistory"]
    assert [entry["targetImageReference"]["version"] for entry in history] == versions[:0:-1]
