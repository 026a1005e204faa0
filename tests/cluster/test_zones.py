"""Batches stay inside one zone (B4), on nodes of several zones that no other test uses."""

from collections.abc import Iterator

import pytest

from hack.localcluster import LocalCluster
from tests.cluster import nodes
from tests.cluster.audit import Json
from tests.cluster.fleet import fleet, published
from tests.cluster.manifests import PROBED, template
from tests.cluster.nodes import ZONE
from tests.cluster.replay import ordinals, status_of
from tests.cluster.world import World

POOL = "zoned"
ZONES = {1: "east", 2: "north", 3: "west"}


@pytest.fixture(scope="module")
def _zoned_nodes(simulated: LocalCluster) -> Iterator[None]:
    """Three nodes, one a zone, for pods that tolerate their taint."""
    names = [f"zoned-{number}" for number in ZONES]
    for name, zone in zip(names, ZONES.values(), strict=True):
        nodes.add(simulated, name, POOL, zone)
    yield
    simulated.kubectl("delete", "node", *names)


def _zoned_fleet(replicas: int, percent: int, **policy: object) -> Json:
    spec = {
        **template(PROBED)["spec"],
        "terminationGracePeriodSeconds": 1,
        **nodes.to_pool(POOL),
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": ZONE,
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"rollkeeper.io/scale-set": "web"}},
            }
        ],
    }
    made = fleet(replicas, percent, template={"spec": spec})
    made["spec"]["upgradePolicy"]["rollingUpgradePolicy"] |= policy
    return made


def _batches(run: Json, zone_of: dict[int, str]) -> list[set[str]]:
    return [{zone_of[o] for o in ordinals(batch["instances"])} for batch in status_of(run)["batches"]]


@pytest.mark.usefixtures("_zoned_nodes")
@pytest.mark.parametrize("across", [False, True])
def test_batches_and_zones(live: World, *, across: bool) -> None:
    """B4: zone after zone, unless enableCrossZoneUpgrade lets a batch reach over several."""
    live.create(published("1.0.0"), _zoned_fleet(6, 50, enableCrossZoneUpgrade=across))
    live.until_healthy("1.0.0", 6)
    zones = {int(p["metadata"]["labels"]["rollkeeper.io/ordinal"]): p["metadata"]["labels"][ZONE] for p in live.pods()}
    assert sorted(zones.values()) == sorted([*ZONES.values()] * 2)
    live.create(published("1.1.0"))
    run = live.until_run_to("1.1.0", "Completed")
    if across:
        assert [len(found) for found in _batches(run, zones)] == [2, 2]
    else:
        assert _batches(run, zones) == [{zone} for zone in ZONES.values()]
