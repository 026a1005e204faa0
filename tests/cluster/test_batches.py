"""How batches are made, watched and ended (B2, B3, B7, B8, B10, B13, B14, H2, H7, H8)."""

from datetime import datetime, timedelta

from rollkeeper.api.v1alpha1.names import LABEL_PROTECT
from tests.cluster.applications import Applications
from tests.cluster.audit import Json
from tests.cluster.fleet import BROKEN, fleet, gate, published, users_run
from tests.cluster.holds import holds
from tests.cluster.replay import status_of
from tests.cluster.world import World, condition, places

FINALIZER = "test.example/holds-the-pod"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _begun(world: World, version: str) -> str:
    """The name of the controller's own run to a version, which is active."""
    return str(world.until_run_to(version, "RollingForward")["metadata"]["name"])


def test_what_is_unavailable_elsewhere_makes_a_batch_smaller(live: World) -> None:
    """B2, B3, B10: a protected one is down and stays, so 3 become 2; an unhealthy one goes first."""
    rolling = {"prioritizeUnhealthyInstances": True, "maxUnhealthyInstancePercent": 50}
    live.create(published("1.0.0"), fleet(10, percent=30, rolling=rolling))
    live.until_healthy("1.0.0", 10)
    live("label", "pod", "web-9", f"{LABEL_PROTECT}=true")
    live.set_ready(9, ready=False)
    live.set_ready(7, ready=False)
    live.until("both are seen", lambda: status_of(live.get("scalesets", "web"))["unhealthyReplicas"] == 2)
    kept = live.uids()["web-9"]
    live.create(published("1.1.0"))
    run = live.until_run_to("1.1.0", "Completed")
    assert [b["instances"] for b in status_of(run)["batches"]] == ["0,7", "1-2", "3-4", "5-6", "8"]
    assert places(run) == {"succeeded": list(range(9)), "skipped": [9], "uncounted": [7]}
    assert status_of(run)["progress"]["skippedInstanceCount"] == 1
    assert live.uids()["web-9"] == kept
    live.set_ready(9, ready=True)
    left = condition(live.until_healthy("1.1.0", 10), "UpToDate")
    assert (left["reason"], "instances 9 " in left["message"]) == ("InstancesLeftBehind", True)


def test_pause_between_batches_and_relapse(live: World) -> None:
    """B7, B8, H3: upgraded instances are watched in the pause; one that relapses for too long stops the run."""
    pause = {"pauseTimeBetweenBatchesSeconds": 3}
    live.create(published("1.0.0"), fleet(3, percent=34, rolling=pause))
    live.until_healthy("1.0.0", 3)
    live.create(published("1.1.0"))
    name = _begun(live, "1.1.0")
    live.until_said(name, "pauseTimeBetweenBatchesSeconds")
    live.until("the second pause", lambda: len(status_of(live.get("upgraderuns", name)).get("batches", ())) == 2)
    first, second = status_of(live.get("upgraderuns", name))["batches"]
    assert _time(second["startTime"]) - _time(first["completedTime"]) >= timedelta(seconds=3)
    live.set_ready(0, ready=False)
    relapsed = live.until_said(name, "upgraded instances 0 turned unhealthy")
    assert [r["instances"] for r in relapsed["relapses"]] == ["0"]
    run = live.until_run(name, "Faulted")
    assert places(run) == {"succeeded": [1], "failed": [0], "rolledBack": [0], "pending": [2]}
    error = status_of(run)["error"]
    assert error["code"] == "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade"
    assert "1 of 2 upgraded instances unhealthy (50%, limit 20%)" in error["message"]
    assert [f["reason"] for f in status_of(run)["failures"]] == ["Relapsed"]
    live.until_healthy("1.0.0", 3)
    assert live.versions() == ["1.0.0", "1.1.0", "1.0.0"]


def test_a_relapse_that_passes(live: World) -> None:
    """B8: no batch starts while its clock runs; health without a break for healthTimeoutSeconds clears it."""
    live.create(published("1.0.0"), gate(1), fleet(2, percent=50))
    live.until_healthy("1.0.0", 2)
    live.create(published("1.1.0"))
    name = live.until_gated("1.1.0", 1)
    live.patch("upgraderun", name, {"spec": {"desiredState": "Paused"}})
    live.until_condition(name, "Paused", "True", "PausedByUser", kind="upgraderuns")
    live.set_ready(0, ready=False)
    live.until_said(name, "upgraded instances 0 turned unhealthy")
    live.open_gate()
    live.patch("upgraderun", name, {"spec": {"desiredState": "Running"}})
    live.set_ready(0, ready=True)
    run = live.until_run(name, "Completed")
    assert places(run) == {"succeeded": [0, 1]}
    assert status_of(run).get("relapses", []) == []


def test_broken_before_and_after(live: World) -> None:
    """B8, B2, H3, F3, F4: one that was broken before its batch, and is so after it, condemns no good version.

    It stands alone in the first batch, where it would be 1 of 1.
    """
    with Applications(minors=(0, 1), replicas=5) as applications:
        asked = applications.fleet(5, percent=20, rolling={"maxUnhealthyInstancePercent": 40})
        live.create(published("1.0.0"), asked)
        live.until_healthy("1.0.0", 5)
        for minor in (0, 1):
            applications.says(minor, (503, None), ordinal=3)
        live.until("it is seen", lambda: status_of(live.get("scalesets", "web"))["unhealthyReplicas"] == 1)
        live.create(published("1.1.0"))
        run = live.until_run_to("1.1.0", "Completed")
        assert [b["instances"] for b in status_of(run)["batches"]] == ["3", "0", "1", "2", "4"]
        assert places(run) == {"succeeded": [0, 1, 2, 4], "failed": [3], "rollbackFailed": [3], "uncounted": [3]}
        assert condition(run, "Succeeded")["reason"] == "CompletedWithFailures"
        scale_set = live.until("it is proven", lambda: _proven(live.get("scalesets", "web"), "1.1.0"))
        assert (holds(scale_set), status_of(scale_set)["leftFailed"]) == ([], "3")
        assert condition(scale_set, "Ready")["reason"] == "InstancesUnhealthy"


def _proven(scale_set: Json, version: str) -> Json | None:
    return scale_set if status_of(scale_set)["provenImageVersion"] == version else None


def test_healthy_for_long_enough(live: World) -> None:
    """H2: an instance counts when it has been healthy for minHealthySeconds."""
    live.create(published("1.0.0"), fleet(2, percent=50, rolling={"minHealthySeconds": 3, "healthTimeoutSeconds": 10}))
    live.until_healthy("1.0.0", 2)
    live.create(published("1.1.0"))
    run = live.until_run_to("1.1.0", "Completed")
    ended = [_time(batch["completedTime"]) for batch in status_of(run)["batches"]]
    ready = [_time(condition(pod, "Ready")["lastTransitionTime"]) for pod in live.pods()]
    assert all(end - since >= timedelta(seconds=3) for end, since in zip(ended, ready, strict=True))


def test_the_lowest_version_goes_first(live: World) -> None:
    """B3, B1, V2, V3, V5: 1.9.0 is lower than 1.10.0, though published later; who runs it goes before the others.

    A batch is 49% of 4, rounded down.
    """
    live.create(published("1.10.0"), fleet(4, percent=49))
    live.until_healthy("1.10.0", 4)
    live.publish(published("1.9.0"))
    live.create(users_run("down", "1.9.0", instances="1,3"))
    live.until_run("down", "Completed")
    scale_set = live.until_healthy("1.10.0", 4)
    assert status_of(scale_set)["latestImageVersion"] == "1.10.0"
    live.create(published("1.11.0"))
    run = live.until_run_to("1.11.0", "Completed")
    assert [b["instances"] for b in status_of(run)["batches"]] == ["1", "3", "0", "2"]
    assert len(live.items("upgraderuns")) == 2, "nothing else was rolled"


def test_protected_while_it_waits_in_its_batch(live: World) -> None:
    """B10, B13, F5: it is given back and skipped, and the run goes on; its label passes on to its successor."""
    live.create(published("1.0.0"), gate(1), fleet(3, percent=34))
    live.until_healthy("1.0.0", 3)
    live.create(published("1.1.0"))
    name = live.until_gated("1.1.0", 1)
    live("label", "pod", "web-1", f"{LABEL_PROTECT}=true")
    assert places(live.until_run(name, "Completed")) == {"succeeded": [0, 2], "skipped": [1]}
    before = live.uids()["web-1"]
    live("delete", "pod", "web-1", "--wait=false")
    live.until("it is made anew", lambda: live.uids().get("web-1", before) != before)
    assert live.get("pods", "web-1")["metadata"]["labels"][LABEL_PROTECT] == "true"
    live.until_healthy("1.1.0", 3)
    assert live.versions() == ["1.1.0", "1.0.0", "1.1.0"]


def test_cancelled_when_nothing_is_left_to_do(live: World) -> None:
    """B14, F2, F3, F4: the batch in hand is the last one and ends well: the run is Completed, and nothing is held."""
    slow = {"minHealthySeconds": 4, "healthTimeoutSeconds": 20}
    live.create(published("1.0.0"), fleet(1, rolling=slow))
    live.until_healthy("1.0.0", 1)
    live.create(published("1.1.0"))
    name = _begun(live, "1.1.0")
    live.until("it is made", lambda: live.versions() == ["1.1.0"])
    live.patch("upgraderun", name, {"spec": {"desiredState": "Cancelled"}})
    live.until_said(name, "cancelled by spec.desiredState; first the batch in hand ends")
    assert places(live.until_run(name, "Completed")) == {"succeeded": [0]}
    assert holds(live.until_healthy("1.1.0", 1)) == []


def test_a_pod_that_does_not_go(live: World) -> None:
    """H8, B13, F5: its batch ends, the run is judged without it, and it is made anew when it is gone at last."""
    live.create(published("1.0.0"), fleet(5, percent=20))
    live.until_healthy("1.0.0", 5)
    live.patch("pod", "web-0", {"metadata": {"finalizers": [FINALIZER]}})
    live.create(published("1.1.0"))
    run = live.until_run_to("1.1.0", "Completed")
    assert places(run) == {"succeeded": [1, 2, 3, 4], "failed": [0], "rollbackFailed": [0], "uncounted": [0]}
    assert [(f["instance"], f["reason"]) for f in status_of(run)["failures"]] == [(0, "TerminationStuck")]
    assert condition(run, "Succeeded")["reason"] == "CompletedWithFailures"
    assert holds(live.get("scalesets", "web")) == []
    live.patch("pod", "web-0", {"metadata": {"finalizers": None}})
    live.until_healthy("1.1.0", 5)
    assert live.get("pods", "web-0")["metadata"]["annotations"]["rollkeeper.io/made-by"] == "Repair"


def test_a_pod_that_is_deleted_twice_in_its_batch(live: World) -> None:
    """H2, H3, F3: made again once, and noted before; the second time it has failed, and is put back."""
    long = {"minHealthySeconds": 4, "healthTimeoutSeconds": 20}
    live.create(published("1.0.0"), fleet(2, percent=50, rolling=long))
    live.until_healthy("1.0.0", 2)
    live.create(published("1.1.0"))
    name = _begun(live, "1.1.0")
    forward = f"{name}/1/Forward"
    first = live.until("it is made", lambda: _uid_of(live, forward))
    live("delete", "pod", "web-0", "--wait=false")
    live.until("it is made again", lambda: _uid_of(live, forward) not in {None, first})
    assert status_of(live.get("upgraderuns", name))["currentBatch"]["recreated"] == "0"
    live("delete", "pod", "web-0", "--wait=false")
    run = live.until_run(name, "Faulted")
    assert [(f["instance"], f["reason"]) for f in status_of(run)["failures"]] == [(0, "PodDeleted")]
    assert places(run) == {"failed": [0], "rolledBack": [0], "pending": [1]}
    scale_set = live.until_healthy("1.0.0", 2)
    assert live.versions() == ["1.0.0"] * 2
    assert condition(scale_set, "UpgradeBlocked")["reason"] in {"BackOff", "NotBlocked"}


def test_a_pod_that_is_deleted_while_it_is_put_back(live: World) -> None:
    """F5, H3, I9: it belongs to the run, which makes it again of what it ran before."""
    clocks = {"minHealthySeconds": 4, "healthTimeoutSeconds": 6}
    live.create(published("1.0.0"), fleet(2, percent=50, rolling=clocks))
    live.until_healthy("1.0.0", 2)
    live.create(published("1.1.0", BROKEN))
    name = _begun(live, "1.1.0")
    back = f"{name}/1/Back"
    first = live.until("it is put back", lambda: _uid_of(live, back))
    live("delete", "pod", "web-0", "--wait=false")
    live.until("it is made again", lambda: _uid_of(live, back) not in {None, first})
    run = live.until_run(name, "Faulted")
    assert places(run) == {"failed": [0], "rolledBack": [0], "pending": [1]}
    live.until_healthy("1.0.0", 2)
    assert live.versions() == ["1.0.0"] * 2


def _uid_of(world: World, made_by: str) -> str | None:
    pod = world.find("pods", "web-0") or {"metadata": {"annotations": {}}}
    made = pod["metadata"]["annotations"].get("rollkeeper.io/made-by") == made_by
    return str(pod["metadata"]["uid"]) if made and "deletionTimestamp" not in pod["metadata"] else None


def test_a_model_run_replaces_what_is_unhealthy(live: World) -> None:
    """H7, T4: an instance that is not healthy is never "done", though it has the newest model; the others are."""
    live.create(published("1.0.0"), fleet(3, percent=34, automatic=False))
    live.until_healthy("1.0.0", 3)
    live.set_ready(1, ready=False)
    live.until("it is seen", lambda: status_of(live.get("scalesets", "web"))["unhealthyReplicas"] == 1)
    before = live.uids()
    live.create(users_run("again", type="Model"))
    run = live.until_run("again", "Completed")
    assert [b["instances"] for b in status_of(run)["batches"]] == ["1"]
    assert places(run).get("succeeded") == [0, 1, 2]
    after = live.uids()
    assert [after[n] == before[n] for n in ("web-0", "web-1", "web-2")] == [True, False, True]
