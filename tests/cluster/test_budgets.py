"""Disruption budgets: for healthy instances alone, and told by name (B12)."""

from tests.cluster.audit import AuditLog
from tests.cluster.fleet import BROKEN, closed_gate, fleet, gate, published, users_run
from tests.cluster.replay import status_of
from tests.cluster.world import World, places

DOWN = {("create", "pods/eviction"): "evict", ("delete", "pods"): "delete"}


def _taken_down(audit: AuditLog, world: World, begin: int) -> list[tuple[str, str]]:
    """What the controller has evicted and deleted, in the order of time."""
    mine = [w for w in audit.writes(world.namespace, begin) if w.by_controller and w.took_effect]
    return [(DOWN[call], w.name) for w in mine if (call := (w.verb, w.resource)) in DOWN]


def test_budgets_are_for_the_healthy(live: World, audit: AuditLog) -> None:
    """B12, T7: what is broken is deleted under a budget that refuses all; what is healthy waits, and says for whom."""
    live.create(published("1.0.0"), fleet(3, percent=34, automatic=False, rolling={"maxUnhealthyInstancePercent": 40}))
    live.until_healthy("1.0.0", 3)
    live.create(closed_gate())
    live.set_ready(1, ready=False)
    live.until("it is seen", lambda: status_of(live.get("scalesets", "web"))["unhealthyReplicas"] == 1)
    begin = audit.mark()
    live.create(published("1.1.0"), users_run("mine", "1.1.0"))
    live.until_said("mine", "web-0 can't be evicted: The disruption budget gate")
    assert places(live.get("upgraderuns", "mine")) == {
        "succeeded": [1],
        "uncounted": [1],
        "inProgress": [0],
        "pending": [2],
    }
    assert _taken_down(audit, live, begin) == [("delete", "web-1")]
    live.open_gate()
    live.until_run("mine", "Completed")
    live.until_healthy("1.1.0", 3)


def test_a_budget_keeps_no_broken_instance(live: World, audit: AuditLog) -> None:
    """B12, H3, H6: what is put back is deleted, under a budget that would refuse its eviction for ever."""
    live.create(published("1.0.0"), fleet(3, percent=34, rolling={"healthTimeoutSeconds": 5}))
    live.until_healthy("1.0.0", 3)
    begin = audit.mark()
    live.create(published("1.1.0", BROKEN))
    live.until("web-0 is made", lambda: live.versions() == ["1.1.0", "1.0.0", "1.0.0"])
    live.create(closed_gate())
    run = live.until_run_to("1.1.0", "Faulted")
    assert places(run) == {"failed": [0], "rolledBack": [0], "pending": [1, 2]}
    assert _taken_down(audit, live, begin) == [("evict", "web-0"), ("delete", "web-0")]
    live.until_healthy("1.0.0", 3)


def test_two_budgets_over_one_instance(live: World) -> None:
    """B12: Kubernetes refuses such evictions for ever, with an error: the run names both; without them it goes on."""
    second = gate(1)
    second["metadata"] = {"name": "second"}
    live.create(published("1.0.0"), gate(1), second, fleet(2, percent=50))
    live.until_healthy("1.0.0", 2)
    live.create(published("1.1.0"))
    name = live.until_gated("1.1.0", 1)
    live.until_said(name, "web-1 can't be evicted: several PodDisruptionBudgets cover it (gate, second)")
    live.open_gate()
    live("delete", "poddisruptionbudget", "second")
    assert places(live.until_run(name, "Completed")) == {"succeeded": [0, 1]}
    live.until_healthy("1.1.0", 2)
