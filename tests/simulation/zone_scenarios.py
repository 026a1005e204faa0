"""Golden logs of zones: batches stay inside one, or reach over all (B4)."""

from tests.simulation.rollout import Rollout
from tests.simulation.scenarios import ended, proven, scenario

ZONES = ("a", "b", "c")


def _rolled_over_zones(**policy: object) -> Rollout:
    rollout = proven(9, zones=ZONES, rolling={"maxBatchInstancePercent": 50, **policy})
    rollout.publish("1.1.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def batches_keep_to_one_zone() -> Rollout:
    """B3, B4: zone after zone (0,3,6 then 1,4,7 then 2,5,8), with the zone that the API server copied to the pods."""
    return _rolled_over_zones()


@scenario
def batches_reach_over_zones() -> Rollout:
    """B3, B4: with enableCrossZoneUpgrade a batch is filled from the next zone."""
    return _rolled_over_zones(enableCrossZoneUpgrade=True)


@scenario
def unhealthy_first_in_each_zone() -> Rollout:
    """B3, B4: unhealthy instances go before all others, and still one zone at a time."""
    rollout = proven(
        9,
        zones=ZONES,
        rolling={
            "maxUnhealthyInstancePercent": 50,
            "maxBatchInstancePercent": 50,
            "prioritizeUnhealthyInstances": True,
        },
    )
    for ordinal in (5, 7):
        rollout.set_ready(ordinal, ready=False)
    rollout.run_for(5)
    rollout.publish("1.1.0")
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout
