"""What is lost or broken from outside: statuses, pods in mid-run, room for pods (F3, F4, F5, F7, F8, F9, H5)."""

from tests.cluster.audit import Json
from tests.cluster.fleet import BROKEN, fleet, gate, published
from tests.cluster.holds import holds
from tests.cluster.replay import status_of
from tests.cluster.world import World, condition, places

REPLICAS = 5


def _wipe_status(world: World) -> None:
    """As `kubectl replace` of a backup does it: the status is as if nobody had ever looked."""
    scale_set = world.get("scalesets", "web")
    scale_set["status"] = {}
    world("replace", "--subresource=status", "--filename=-", stdin=scale_set)


def test_status_wiped_in_mid_run(live: World) -> None:
    """F4, F9: nothing is replaced because of it, the active run is taken up again and ends as it would have."""
    live.create(published("1.0.0"), gate(2), fleet(REPLICAS, percent=20))
    live.until_healthy("1.0.0", REPLICAS)
    live.create(published("1.1.0"))
    name = live.until_gated("1.1.0")
    before = live.uids()
    _wipe_status(live)
    adopted = live.until("the run is taken up", lambda: _with_active(live.get("scalesets", "web"), name))
    assert (status_of(adopted)["provenImageVersion"], live.uids()) == ("1.0.0", before)
    live.open_gate()
    run = live.until_run(name, "Completed")
    assert places(run) == {"succeeded": list(range(REPLICAS))}
    assert [b["instances"] for b in status_of(run)["batches"]] == ["0", "1", "2", "3", "4"]
    live.until_healthy("1.1.0", REPLICAS)
    assert [r["metadata"]["name"] for r in live.items("upgraderuns")] == [name]


def _with_active(scale_set: Json, name: str) -> Json | None:
    return scale_set if status_of(scale_set).get("activeRunName") == name else None


def test_status_wiped_at_rest(live: World) -> None:
    """F4, F3, F6: proven, holds and history are worked out again; the held version is not tried again."""
    live.create(published("1.0.0"), fleet(REPLICAS, percent=20))
    live.until_healthy("1.0.0", REPLICAS)
    live.create(published("1.1.0"))
    live.until_run_to("1.1.0", "Completed")
    live.create(published("1.2.0", BROKEN))
    live.until_run_to("1.2.0", "Faulted")
    before, uids = live.until_healthy("1.1.0", REPLICAS), live.uids()
    _wipe_status(live)
    after = live.until_healthy("1.1.0", REPLICAS)
    assert live.uids() == uids
    same = ("versions", "provenModelRevision", "heldVersions", "osUpgradeHistory")
    assert {name: status_of(after)[name] for name in same} == {name: status_of(before)[name] for name in same}
    assert condition(after, "UpToDate")["reason"] == "VersionHeld"
    assert len(live.items("upgraderuns")) == 2


def test_pods_that_vanish_in_mid_run(live: World) -> None:
    """F5, I9: made again as they were meant to be: upgraded ones on the target, the others as before."""
    live.create(published("1.0.0"), gate(2), fleet(REPLICAS, percent=20))
    live.until_healthy("1.0.0", REPLICAS)
    live.create(published("1.1.0"))
    name = live.until_gated("1.1.0")
    before = live.uids()
    live("delete", "pod", "web-0", "web-4", "--wait=false")
    live.until("both are made anew", lambda: _all_but(live.uids(), before) == {"web-0", "web-4"})
    made = [live.get("pods", p)["metadata"]["annotations"]["rollkeeper.io/made-by"] for p in ("web-0", "web-4")]
    assert (made, live.versions()) == (["Repair"] * 2, ["1.1.0"] * 2 + ["1.0.0"] * 3)
    live.open_gate()
    assert places(live.until_run(name, "Completed")) == {"succeeded": list(range(REPLICAS))}
    live.until_healthy("1.1.0", REPLICAS)


def _all_but(now: dict[str, str], before: dict[str, str]) -> set[str]:
    """Who is there, and was not before."""
    return {name for name, uid in now.items() if before.get(name) != uid}


def test_no_room_holds_nothing_and_is_tried_again(live: World) -> None:
    """H5, F3, F8: a full quota is the surroundings' fault; the next attempt comes when its back-off is over.

    The back-off takes 5 minutes: its end is moved here by hand, in the status.
    """
    live.create(published("1.0.0"), gate(0), fleet(3, percent=34, rolling={"provisioningTimeoutSeconds": 3}))
    live.until_healthy("1.0.0", 3)
    live.create(published("1.1.0"))
    live.until_gated("1.1.0", 0)
    quota: Json = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "full"}}
    live.create({**quota, "spec": {"hard": {"pods": "1"}}})
    live.until("the quota is in force", lambda: status_of(live.get("resourcequotas", "full")).get("used"))
    live.open_gate()
    run = live.until_run_to("1.1.0", "Faulted")
    assert places(run) == {"failed": [0], "rollbackFailed": [0], "pending": [1, 2]}
    assert [(r["reason"], r["environment"]) for r in status_of(run)["failureReasons"]] == [("QuotaExceeded", True)]
    live("delete", "resourcequota", "full")
    scale_set = live.until_healthy("1.0.0", 3)
    assert holds(scale_set) == []
    (retry,) = status_of(scale_set)["retry"]
    assert (retry["target"], retry["attempt"]) == ("1.1.0", 1)
    assert condition(scale_set, "UpgradeBlocked")["reason"] == "BackOff"
    earlier = {**retry, "notBefore": status_of(run)["runningStatus"]["completedTime"]}
    live.patch_status("scaleset", "web", {"retry": [earlier]})
    assert places(live.until_run_to("1.1.0", "Completed", attempt=2)) == {"succeeded": [0, 1, 2]}
    live.until_healthy("1.1.0", 3)


def _remove_by_force(world: World, name: str) -> None:
    """As impatient people do it: the finalizer goes with the object, and nobody was asked."""
    world("delete", "upgraderun", name, "--wait=false")
    world.patch("upgraderun", name, {"metadata": {"finalizers": None}})


def test_a_run_removed_by_force(live: World) -> None:
    """F7, H3: what it had in hand is put back from the set's status; no other run starts before, and its attempt ends.

    The next attempt stops by B8 as the first one would have, so that nothing goes round.
    """
    live.create(published("1.0.0"), fleet(REPLICAS, percent=40, rolling={"healthTimeoutSeconds": 8}))
    live.until_healthy("1.0.0", REPLICAS)
    live.create(published("1.1.0", BROKEN))
    name = live.until_run_to("1.1.0", "RollingForward")["metadata"]["name"]
    live.until("both are made", lambda: live.versions() == ["1.1.0"] * 2 + ["1.0.0"] * 3)
    _remove_by_force(live, name)
    blocked = live.until_condition("web", "UpgradeBlocked", "True", "RunRemoved")
    assert f"{name} was removed while it had instances 0-1 in hand" in blocked["message"]
    status = status_of(live.get("scalesets", "web"))
    assert ("activeRunName" in status, status["batchInHand"]["instances"]) == (False, "0-1")
    made = live.until("both are put back", lambda: _made_for(live, f"{name}/1/Back"))
    assert made == {"web-0", "web-1"}
    run = live.until_run_to("1.1.0", "Faulted")
    assert places(run) == {"failed": [0, 1], "rolledBack": [0, 1], "pending": [2, 3, 4]}
    scale_set = live.until_healthy("1.0.0", REPLICAS)
    assert ("batchInHand" in status_of(scale_set), holds(scale_set)) == (False, [("1.1.0", "UpgradedUnhealthy")])


def _made_for(world: World, occasion: str) -> set[str] | None:
    """The pods that were made for an occasion, once there are two."""
    pods = (pod["metadata"] for pod in world.pods())
    made = {pod["name"] for pod in pods if pod["annotations"]["rollkeeper.io/made-by"] == occasion}
    return made if len(made) == 2 else None
