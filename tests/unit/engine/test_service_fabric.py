"""E3, B4: Service Fabric sets go by update domain, and need no health source."""

import pytest

from rollkeeper.engine import batches, gates, ranges, stops
from rollkeeper.engine.platform import consider as wishes_of
from rollkeeper.engine.queue import Queue

from .builders import active_run, ctx, fleet, instance, pair, platform, scale_set, state, unhealthy

FABRIC = {"durabilityLevel": "Silver", "clusterDurabilityLevel": "Silver", "typeHandlerVersion": "1.1"}


def fabric(count: int = 5, replicas: int = 10, **fields: object) -> object:
    return scale_set(replicas, health=None, serviceFabric={**FABRIC, "updateDomainCount": count}, **fields)


# Number of domains, replicas, unhealthy ones that go first, what is pending, and the batch.
BATCHES: dict[str, tuple[int, int, str, str, str]] = {
    "the first domain": (5, 10, "", "0-9", "0,5"),
    "what is left of it": (5, 10, "", "1-9", "5"),
    "the next domain": (5, 10, "", "1-4,6-9", "1,6"),
    "the tenth comes after the ninth": (11, 11, "", "9-10", "9"),
    "one domain": (1, 4, "", "0-3", "0-1"),
    "broken ones first, in their domain": (5, 10, "7", "0-9", "7"),
}


@pytest.mark.parametrize(("count", "replicas", "broken", "pending", "wanted"), BATCHES.values(), ids=BATCHES)
def test_e3_update_domains(count: int, replicas: int, broken: str, pending: str, wanted: str) -> None:
    """B4: never two domains in a batch, whatever enableCrossZoneUpgrade says of zones."""
    first = ranges.parse(broken)
    world = {o: instance(o, zone="ab"[o % 2]) for o in range(replicas)} | {o: unhealthy(o) for o in first}
    seen = ctx(fabric(count, replicas), world)  # type: ignore[arg-type]
    run = state(pending=pending, policy={"maxBatchInstancePercent": 50, "enableCrossZoneUpgrade": True})
    assert ranges.render(batches.select(run, seen, first)) == wanted
    assert batches.keeps_to_one_domain(run, seen)
    assert {batches.domain_of(seen, o) for o in range(replicas)} == {str(n) for n in range(min(count, replicas))}


def test_e3_no_health_source_is_needed() -> None:
    """E3, T2, T9: Service Fabric judges its own nodes."""
    seen = ctx(fabric(), fleet())  # type: ignore[arg-type]
    assert gates.has_health_source(seen, pair()) is None
    run = active_run(pending="0-9", **platform())
    assert stops.reasons_to_stop(run, pair("1.1.0"), seen, wishes_of(seen), Queue()) == ()
