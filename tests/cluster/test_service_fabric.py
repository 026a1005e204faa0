"""E3: a Service Fabric set is rolled update domain by update domain; its breaches are refused by name."""

import pytest

from hack.localcluster import ClusterError
from tests.cluster.audit import Json
from tests.cluster.fleet import fleet, published
from tests.cluster.replay import status_of
from tests.cluster.world import World

FABRIC: Json = {"durabilityLevel": "Gold", "clusterDurabilityLevel": "Gold", "typeHandlerVersion": "1.1"}


def fabric_fleet(**fields: object) -> Json:
    made = fleet(6, percent=50, serviceFabric={**FABRIC, "updateDomainCount": 3, **fields})
    del made["spec"]["health"]
    return made


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"durabilityLevel": "Bronze", "clusterDurabilityLevel": "Bronze"}, "use Silver or Gold"),
        ({"clusterDurabilityLevel": "Silver"}, "set both to the same level"),
        ({"typeHandlerVersion": "1.0"}, "1.0 is too old"),
    ],
)
def test_e3_breaches_are_refused(world: World, fields: Json, says: str) -> None:
    """E3: at apply time; the rest of them in test_crds.py."""
    with pytest.raises(ClusterError, match=says):
        world.create(fabric_fleet(**fields))
    world.create(fabric_fleet())
    with pytest.raises(ClusterError, match=says):
        world.patch("scaleset", "web", {"spec": {"serviceFabric": fields}})


def test_e3_update_domain_by_update_domain(live: World) -> None:
    """E3, B4: three domains, three batches, without a health source."""
    live.create(published("1.0.0"), fabric_fleet())
    live.until_healthy("1.0.0", 6)
    live.create(published("1.1.0"))
    run = live.until_run_to("1.1.0", "Completed")
    assert [batch["instances"] for batch in status_of(run)["batches"]] == ["0,3", "1,4", "2,5"]
