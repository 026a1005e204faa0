"""A golden log of a Service Fabric set: update domain by update domain (B4, E3)."""

from tests.simulation.rollout import Rollout
from tests.simulation.scenarios import proven, scenario

FABRIC = {"durabilityLevel": "Silver", "clusterDurabilityLevel": "Silver", "typeHandlerVersion": "1.1"}


@scenario
def update_domain_by_update_domain() -> Rollout:
    """B4, E3: an instance is in the domain of its ordinal modulo 3; zones and enableCrossZoneUpgrade play no part."""
    rollout = proven(
        9,
        zones=("a", "b"),
        rolling={"maxBatchInstancePercent": 50, "enableCrossZoneUpgrade": True},
        spec={"health": None, "serviceFabric": {**FABRIC, "updateDomainCount": 3}},
    )
    rollout.publish("1.1.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout
