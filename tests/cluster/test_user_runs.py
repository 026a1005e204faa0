"""Runs that users start, steer and end (T4, T5, T7, V5, F2, F7)."""

from datetime import UTC, datetime

import pytest

from tests.cluster.audit import Json
from tests.cluster.fleet import BROKEN, fleet, gate, published, users_run
from tests.cluster.manifests import CUSTOM
from tests.cluster.replay import code_of, status_of
from tests.cluster.world import World, condition, places

REPLICAS = 5
RUN_FINALIZER = "rollkeeper.io/active-run"


def _created(world: World, *, automatic: bool, percent: int = 20, gated: bool = False) -> None:
    gates = [gate(2)] if gated else []
    world.create(published("1.0.0"), *gates, fleet(REPLICAS, percent=percent, automatic=automatic))
    world.until_healthy("1.0.0", REPLICAS)


def test_downgrade_stays(live: World) -> None:
    """V5, T4, F4: what a user goes down from is held, what is published later is not."""
    live.publish(published("1.0.0"), published("1.1.0"))
    live.create(fleet(REPLICAS, percent=40))
    live.until_healthy("1.1.0", REPLICAS)
    live.create(users_run("down", "1.0.0"))
    run = live.until_run("down", "Completed")
    assert places(run) == {"succeeded": list(range(REPLICAS))}
    scale_set = live.until_healthy("1.0.0", REPLICAS)
    (hold,) = status_of(scale_set)["heldVersions"]
    assert (hold["version"], hold["above"], hold["reason"], hold["runName"]) == ("1.0.0", True, "UserDowngrade", "down")
    assert condition(scale_set, "UpToDate")["reason"] == "VersionHeld"
    assert [r["metadata"]["name"] for r in live.items("upgraderuns")] == ["down"]
    held_at = datetime.fromisoformat(hold["time"])  # times have whole seconds: "later" is the next second
    live.until("the hold's second is over", lambda: (datetime.now(UTC) - held_at).total_seconds() > 1)
    live.create(published("1.2.0"))
    live.until_run_to("1.2.0", "Completed")
    live.until_healthy("1.2.0", REPLICAS)


def test_a_downgrade_that_was_given_up(live: World) -> None:
    """V5, F3, F5, F4: what is above is held, but not the proven version: repair, scale-out, latest go on with that."""
    live.publish(published("1.0.0"), published("1.1.0"))
    live.create(gate(1), fleet(3, percent=34))
    live.until_healthy("1.1.0", 3)
    live.create(users_run("down", "1.0.0"))
    live.until_gated("1.0.0", 1)
    live.patch("upgraderun", "down", {"spec": {"desiredState": "Cancelled"}})
    assert places(live.until_run("down", "Cancelled")) == {"succeeded": [0], "pending": [1, 2]}
    (hold,) = status_of(live.until_healthy("1.1.0", 3))["heldVersions"]
    assert (hold["version"], hold["above"], hold["reason"]) == ("1.0.0", True, "UserDowngrade")
    before = live.uids()["web-2"]
    live("scale", "scaleset/web", "--replicas=4")
    live("delete", "pod", "web-2", "--wait=false")
    live.until("it is made anew", lambda: live.uids().get("web-2", before) != before)
    live.until_healthy("1.1.0", 4)
    assert live.versions() == ["1.0.0", "1.1.0", "1.1.0", "1.1.0"]
    assert [run["metadata"]["name"] for run in live.items("upgraderuns")] == ["down"]
    live.open_gate()
    live.create(users_run("up"))
    live.until_run("up", "Completed")
    assert live.versions() == ["1.1.0"] * 4


def test_cancel_in_mid_run(live: World) -> None:
    """F2, B13, F3, B12: the budget that refuses is named; what was not touched goes back to pending; a hold is kept."""
    _created(live, automatic=True, gated=True)
    live.create(published("1.1.0"))
    name = live.until_gated("1.1.0")
    refused = "web-2 can't be evicted: The disruption budget gate"
    live.until("the run says why", lambda: refused in status_of(live.get("upgraderuns", name))["message"])
    live.patch("upgraderun", name, {"spec": {"desiredState": "Cancelled"}})
    run = live.until_run(name, "Cancelled")
    assert places(run) == {"succeeded": [0, 1], "pending": [2, 3, 4]}
    assert status_of(run)["error"]["code"] == "CancelledByUser"
    live.until_condition("web", "UpToDate", "False", "VersionHeld")
    scale_set = live.until_healthy("1.0.0", REPLICAS)
    assert [(h["version"], h["reason"]) for h in status_of(scale_set)["heldVersions"]] == [("1.1.0", "CancelledByUser")]
    assert live.versions() == ["1.1.0", "1.1.0", "1.0.0", "1.0.0", "1.0.0"]


def test_deleting_an_active_run_cancels_it(live: World) -> None:
    """F7: it goes when it has ended; the history remembers it."""
    _created(live, automatic=False, gated=True)
    live.create(published("1.1.0"))
    live.create(users_run("mine", "1.1.0"))
    live.until_gated("1.1.0")
    assert live.get("upgraderuns", "mine")["metadata"]["finalizers"] == [RUN_FINALIZER]
    live("delete", "upgraderun", "mine", "--timeout=60s")
    live.until("the run is gone", lambda: live.find("upgraderuns", "mine") is None)
    scale_set = live.until_healthy("1.0.0", REPLICAS)
    (entry,) = status_of(scale_set)["osUpgradeHistory"]
    assert (entry["runName"], entry["runningStatus"]["code"]) == ("mine", "Cancelled")
    assert entry["progress"]["successfulInstanceCount"] == 2
    assert status_of(scale_set).get("heldVersions", []) == []
    assert live.versions() == ["1.1.0", "1.1.0", "1.0.0", "1.0.0", "1.0.0"]


def test_pause_and_resume(live: World) -> None:
    """F2, T5: a paused run is not superseded; resumed, it goes on where it was."""
    _created(live, automatic=False, gated=True)
    live.create(published("1.1.0"))
    live.create(users_run("mine", "1.1.0"))
    live.until_gated("1.1.0")
    live.patch("upgraderun", "mine", {"spec": {"desiredState": "Paused"}})
    live.until_condition("mine", "Paused", "True", "PausedByUser", kind="upgraderuns")
    live.open_gate()
    paused = live.until("its batch is given back", lambda: _without_batch(live.get("upgraderuns", "mine")))
    assert (code_of(paused), status_of(paused)["displayStatus"]) == ("RollingForward", "Paused")
    assert places(paused) == {"succeeded": [0, 1], "pending": [2, 3, 4]}
    live.create(users_run("second", "1.1.0"))
    second = live.until("the second run waits", lambda: _with_message(live.get("upgraderuns", "second")))
    assert code_of(second) == "Pending"
    assert "mine" in status_of(second)["message"]
    live.patch("upgraderun", "mine", {"spec": {"desiredState": "Running"}})
    assert places(live.until_run("mine", "Completed")) == {"succeeded": list(range(REPLICAS))}
    live.until_run("second", "Completed")
    live.until_healthy("1.1.0", REPLICAS)


def _without_batch(run: Json) -> Json | None:
    return run if "currentBatch" not in status_of(run) else None


def _with_message(run: Json) -> Json | None:
    return run if status_of(run).get("message") else None


def test_subset(live: World) -> None:
    """T4, F4: only the instances that it names; a subset proves nothing."""
    _created(live, automatic=False)
    before = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in live.pods()}
    live.create(published("1.1.0"))
    live.create(users_run("some", "1.1.0", instances="1,3-4"))
    run = live.until_run("some", "Completed")
    assert places(run) == {"succeeded": [1, 3, 4]}
    live.until_healthy("1.0.0", REPLICAS)
    assert live.versions() == ["1.0.0", "1.1.0", "1.0.0", "1.1.0", "1.1.0"]
    kept = [pod["metadata"]["name"] for pod in live.pods() if pod["metadata"]["uid"] == before[pod["metadata"]["name"]]]
    assert kept == ["web-0", "web-2"]


IMPOSSIBLE = {
    "no such instance": ("1.0.0", "3-9", "InvalidInstances", "instances 0-4"),
    "no such version": ("9.9.9", "0", "ImageVersionNotFound", "versions there are: 1.0.0"),
    "backwards": ("1.0.0", "4-2", "InvalidInstances", "write 2-4"),
}


@pytest.mark.parametrize(("version", "instances", "code", "says"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_impossible_runs_say_why(live: World, version: str, instances: str, code: str, says: str) -> None:
    """T4: Faulted at once, and nothing is touched."""
    _created(live, automatic=False)
    pods = [pod["metadata"]["uid"] for pod in live.pods()]
    live.create(users_run("wrong", version, instances=instances))
    run = live.until_run("wrong", "Faulted")
    assert status_of(run)["error"]["code"] == code
    assert says in status_of(run)["error"]["message"]
    assert [pod["metadata"]["uid"] for pod in live.pods()] == pods


def test_a_pinned_set_has_one_target(live: World) -> None:
    """T4: another version than the pinned one is refused, with the way out."""
    pinned = {**CUSTOM, "version": "1.0.0"}
    live.publish(published("1.0.0"), published("1.1.0"))
    live.create(fleet(2, percent=50, automatic=False, imageReference=pinned))
    live.until_healthy("1.0.0", 2)
    live.create(users_run("other", "1.1.0"))
    error = status_of(live.until_run("other", "Faulted"))["error"]
    assert "the scale set is pinned to 1.0.0: name it, or set spec.imageReference.version" in error["message"]
    live.create(users_run("same", "1.0.0"))
    assert places(live.until_run("same", "Completed")) == {"succeeded": [0, 1]}
    assert live.versions() == ["1.0.0"] * 2


def test_superseded_by_a_newer_version(live: World) -> None:
    """T5, B13: a run that is stuck is always replaced by its fix."""
    _created(live, automatic=True, gated=True)
    live.create(published("1.1.0"))
    first = live.until_gated("1.1.0")
    live.create(published("1.2.0"))
    run = live.until_run(first, "Cancelled")
    assert status_of(run)["error"]["code"] == "Superseded"
    assert "1.2.0" in status_of(run)["error"]["message"]
    assert places(run) == {"succeeded": [0, 1], "pending": [2, 3, 4]}
    live.until_gated("1.2.0")
    live.open_gate()
    live.until_run_to("1.2.0", "Completed")
    scale_set = live.until_healthy("1.2.0", REPLICAS)
    assert status_of(scale_set).get("heldVersions", []) == []


def test_superseded_by_a_users_run(live: World) -> None:
    """T5, V3: a user may name a version that is excluded from latest; it goes before the controller's own run."""
    _created(live, automatic=True, gated=True)
    live.create(published("1.1.0"))
    first = live.until_gated("1.1.0")
    hidden = published("1.2.0")
    hidden["spec"]["excludeFromLatest"] = True
    live.create(hidden)
    live.create(users_run("mine", "1.2.0"))
    run = live.until_run(first, "Cancelled")
    assert (status_of(run)["error"]["code"], "mine" in status_of(run)["error"]["message"]) == ("Superseded", True)
    live.open_gate()
    live.until_run("mine", "Completed")
    live.until_healthy("1.2.0", REPLICAS)


def test_without_rollback_the_broken_ones_stay_until_they_are_mended(live: World) -> None:
    """T4, B8, T7, F1: no automatic rollback; a user's run to a good version replaces the failed ones first."""
    _created(live, automatic=False, percent=40)
    live.create(published("1.1.0", BROKEN))
    live.create(users_run("bad", "1.1.0"))
    run = live.until_run("bad", "Faulted")
    assert places(run) == {"failed": [0, 1], "pending": [2, 3, 4]}
    assert live.versions() == ["1.1.0", "1.1.0", "1.0.0", "1.0.0", "1.0.0"]
    scale_set = live.until("the set says so", lambda: _with_left_failed(live.get("scalesets", "web")))
    assert status_of(scale_set)["leftFailed"] == "0-1"
    live.create(published("1.2.0"))
    live.create(users_run("good", "1.2.0"))
    run = live.until_run("good", "Completed")
    assert status_of(run)["batches"][0]["instances"] == "0-1"
    live.until_healthy("1.2.0", REPLICAS)


def _with_left_failed(scale_set: Json) -> Json | None:
    return scale_set if status_of(scale_set).get("leftFailed") else None
