"""A node that is lost in mid-run: nothing is held because of it (F3, F8)."""

from collections.abc import Iterator

import pytest

from hack.localcluster import LocalCluster
from tests.cluster import nodes
from tests.cluster.fleet import fleet, published
from tests.cluster.holds import end_back_off, holds
from tests.cluster.manifests import PROBED, template
from tests.cluster.replay import status_of
from tests.cluster.world import World, condition, places

LONELY = "lonely"


@pytest.fixture
def _lonely_node(simulated: LocalCluster) -> Iterator[None]:
    nodes.add(simulated, LONELY, LONELY)
    yield
    simulated.kubectl("delete", "node", LONELY)


@pytest.mark.usefixtures("_lonely_node")
def test_a_lost_node_holds_nothing(live: World, simulated: LocalCluster) -> None:
    """F3, F8, H3: what was on it fails and can't be put back; the version is tried again when it is back."""
    pod = {**template(PROBED)["spec"], "terminationGracePeriodSeconds": 1, **nodes.to_pool(LONELY)}
    clocks = {"provisioningTimeoutSeconds": 8, "healthTimeoutSeconds": 5, "minHealthySeconds": 3}
    live.create(published("1.0.0"), fleet(1, rolling=clocks, template={"spec": pod}))
    live.until_healthy("1.0.0", 1)
    live.create(published("1.1.0"))
    live.until("it is made", lambda: live.versions() == ["1.1.0"])
    live.until("it runs", lambda: condition(live.get("pods", "web-0"), "Ready").get("status") == "True")
    nodes.lose(simulated, LONELY)
    run = live.until_run_to("1.1.0", "Faulted")
    assert places(run) == {"failed": [0], "rollbackFailed": [0]}
    assert [(r["reason"], r["environment"]) for r in status_of(run)["failureReasons"]] == [("NodeLost", True)]
    nodes.find_again(simulated, LONELY)
    scale_set = live.until_healthy("1.0.0", 1)
    assert (holds(scale_set), condition(scale_set, "UpgradeBlocked")["reason"]) == ([], "BackOff")
    end_back_off(live)
    live.until_run_to("1.1.0", "Completed", attempt=2)
    live.until_healthy("1.1.0", 1)
