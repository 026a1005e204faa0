"""What the controller costs the API server, told by the audit log: nothing at rest, little in a rollout."""

import time
from collections import Counter

from tests.cluster.audit import AuditLog
from tests.cluster.controller import Controller
from tests.cluster.fleet import data_disk, fleet, published
from tests.cluster.replay import status_of
from tests.cluster.world import World, condition

IDLE_SECONDS = 60
"""Real time, the one place where it has to pass: a write that comes every 30 s would be missed in less. It is more
than the controller's own clocks (counts every 5 s, refused calls again within 30 s)."""

HUNDRED = 100
BATCHES = 5


def test_at_rest_nothing_is_written(world: World, own_controller: Controller, audit: AuditLog) -> None:
    """I7: converged means silent; the leader's Lease alone is renewed."""
    own_controller.start()
    world.create(published("1.0.0"), fleet(10, volumeClaimTemplates=[data_disk()]))
    world.until_healthy("1.0.0", 10)
    world.create(published("1.1.0"))
    world.until_run_to("1.1.0", "Completed")
    world.until_healthy("1.1.0", 10)
    # Who uses a version is counted every few seconds only, and its registry is asked beside all that (V7, V8).
    world.until("its versions have the last count", lambda: _used(world) == {"1.0.0": (0, 0), "1.1.0": (1, 10)})
    begin = audit.mark()
    time.sleep(IDLE_SECONDS)
    mine = [w for w in audit.writes(world.namespace, begin) if w.by_controller]
    assert [w for w in mine if w.resource != "leases"] == []
    assert len(mine) >= IDLE_SECONDS // 10, "the Lease was not renewed: the log is not what it should be"


def _used(world: World) -> dict[str, tuple[int, int]]:
    """How many sets and instances each version says that it has, once its registry was asked."""
    there = [item for item in world.items("imageversions") if condition(item, "Resolved")]
    users = {item["spec"]["version"]: status_of(item).get("usedBy", {}) for item in there}
    return {version: (found.get("scaleSets", 0), found.get("instances", 0)) for version, found in users.items()}


def test_calls_of_a_rollout(live: World, audit: AuditLog) -> None:
    """At most an eviction and a create an instance, and six status writes a batch (20 at once, B1)."""
    live.create(published("1.0.0"), fleet(HUNDRED, percent=20))
    live.until_healthy("1.0.0", HUNDRED)
    begin = audit.mark()
    live.create(published("1.1.0"))
    run = live.until_run_to("1.1.0", "Completed", seconds=120)
    assert len(status_of(run)["batches"]) == BATCHES
    live.until_healthy("1.1.0", HUNDRED)
    mine = [w for w in audit.writes(live.namespace, begin) if w.by_controller]
    calls = Counter((w.verb, w.resource) for w in mine if not w.dry_run)
    pods = {call: n for call, n in calls.items() if call[1].startswith(("pods", "persistentvolumeclaims"))}
    assert pods == {("create", "pods/eviction"): HUNDRED, ("create", "pods"): HUNDRED}, calls
    statuses = sum(n for (_, resource), n in calls.items() if resource in {"scalesets/status", "upgraderuns/status"})
    assert statuses <= 6 * BATCHES, calls
