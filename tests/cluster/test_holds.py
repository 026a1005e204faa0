"""Holds on versions, pairs and models: how they come about, what they keep away, how they end (F3, F8, I6)."""

from datetime import datetime, timedelta

from tests.cluster.audit import Json
from tests.cluster.fleet import BROKEN, changed_template, fleet, gate, published, users_run
from tests.cluster.holds import end_back_off, holds
from tests.cluster.replay import status_of
from tests.cluster.world import World, condition, places

REPLICAS = 5
SIDECAR: Json = {"name": "sidecar", "image": f"registry.test/sidecar:1{BROKEN}"}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _stopped_attempt(world: World, number: int) -> Json:
    """An attempt at 1.1.0 whose first instance fails, and which B6 stops then: 3 and 4 turned unhealthy."""
    name = world.until_gated("1.1.0", 0)
    for ordinal in (3, 4):
        world.set_ready(ordinal, ready=False)
    world.open_gate()
    run = world.until_run(name, "Faulted")
    assert run["metadata"]["annotations"]["rollkeeper.io/attempt"] == str(number)
    assert places(run) == {"failed": [0], "rolledBack": [0], "pending": [1, 2, 3, 4]}
    assert "2 of 5 instances unhealthy (40%, limit 20%)" in status_of(run)["error"]["message"]
    for ordinal in (3, 4):
        world.set_ready(ordinal, ready=True)
    return world.until_healthy("1.0.0", REPLICAS)


def test_the_third_failure_in_a_row_holds_the_version(live: World) -> None:
    """F3, F8, B6: attempts that the set's health stopped, each with an own failure of an instance; two are tried again.

    B8 never stops them: all upgraded instances may fail here. The back-off takes 5 and 10 minutes: its end is moved.
    """
    patient = {"maxUnhealthyUpgradedInstancePercent": 100}
    live.create(published("1.0.0"), fleet(REPLICAS, percent=20, rolling=patient))
    live.until_healthy("1.0.0", REPLICAS)
    live.create(gate(0), published("1.1.0", BROKEN))
    for number in (1, 2):
        scale_set = _stopped_attempt(live, number)
        blocked = condition(scale_set, "UpgradeBlocked")
        assert (holds(scale_set), blocked["reason"]) == ([], "BackOff")
        assert blocked["message"].startswith(f"attempt {number} at 1.1.0 failed")
        (retry,) = status_of(scale_set)["retry"]
        (ended,) = [
            r for r in status_of(scale_set)["osUpgradeHistory"] if r["runName"] == live.attempt_at("1.1.0", number)
        ]
        delay = _time(retry["notBefore"]) - _time(ended["runningStatus"]["completedTime"])
        assert round(delay / timedelta(minutes=5)) == number, "F8: 5 minutes, then 10"
        live.create(gate(0))
        end_back_off(live)
    scale_set = _stopped_attempt(live, 3)
    assert holds(scale_set) == [("1.1.0", "RepeatedFailure")]
    assert condition(scale_set, "UpToDate")["reason"] == "VersionHeld"
    assert condition(scale_set, "UpgradeBlocked")["reason"] == "NotBlocked"
    (retry,) = status_of(scale_set)["retry"]
    assert (retry["attempt"], "notBefore" in retry) == (3, False), "F8: what is held is not tried again"


def test_a_held_pair_ends_with_its_model(live: World) -> None:
    """F3, B5: a good version failed with a model of its run's own: the hold is over when a run proves another model.

    That run is one of type OSImage: a Model run that completes ends holds of failed versions anyway.
    """
    live.create(published("1.0.0"), fleet(2, percent=50, automatic=False, mode="Manual"))
    live.until_healthy("1.0.0", 2)
    live.patch("scaleset", "web", {"spec": {"template": changed_template("bad", SIDECAR)}})
    live.create(published("1.1.0"), users_run("both", "1.1.0", automaticRollback=True))
    run = live.until_run("both", "Faulted")
    assert places(run) == {"failed": [0], "rolledBack": [0], "pending": [1]}
    (hold,) = status_of(live.until_healthy("1.0.0", 2))["heldVersions"]
    assert (hold["version"], hold["modelRevision"]) == ("1.1.0", status_of(run)["targetModelRevision"])
    live.patch("scaleset", "web", {"spec": {"template": changed_template("good")}})
    live.create(published("1.0.5"), users_run("other", "1.0.5"))
    live.until_run("other", "Completed")
    assert holds(live.until_healthy("1.0.5", 2)) == []
    live.create(users_run("latest"))
    live.until_run("latest", "Completed")
    live.until_healthy("1.1.0", 2)
    assert live.settings() == ["good"] * 2


def _cancelled_attempt(world: World) -> str:
    """Two instances on 1.0.0, and a run to 1.1.0 that was cancelled while a gate kept 0; returns its name."""
    world.create(published("1.0.0"), gate(0), fleet(2, percent=50))
    world.until_healthy("1.0.0", 2)
    world.create(published("1.1.0"))
    name = world.until_gated("1.1.0", 0)
    world.patch("upgraderun", name, {"spec": {"desiredState": "Cancelled"}})
    world.until_run(name, "Cancelled")
    assert holds(world.until_healthy("1.0.0", 2)) == [("1.1.0", "CancelledByUser")]
    return name


def test_ways_out_of_a_hold(live: World) -> None:
    """F3: released by its annotation; and ended by a user's run over the whole set that completes."""
    name = _cancelled_attempt(live)
    live("annotate", "scaleset", "web", f"rollkeeper.io/release-hold=1.1.0/{name}")
    second = live.until_gated("1.1.0", 0)
    live.patch("upgraderun", second, {"spec": {"desiredState": "Cancelled"}})
    live.until_run(second, "Cancelled")
    assert holds(live.until_healthy("1.0.0", 2)) == [("1.1.0", "CancelledByUser")]
    live.open_gate()
    live.create(users_run("mine", "1.1.0"))
    live.until_run("mine", "Completed")
    assert holds(live.until_healthy("1.1.0", 2)) == []


def test_what_is_held_is_passed_by(live: World) -> None:
    """V3, F3, M5, I6: by automatic upgrades, by a user's run to latest, and a pin to it waits; who names it gets it."""
    name = _cancelled_attempt(live)
    live.open_gate()
    live.create(published("1.0.5"))
    live.until_run_to("1.0.5", "Completed")
    live.until_healthy("1.0.5", 2)
    live.create(users_run("latest"))
    assert status_of(live.until_run("latest", "Completed"))["targetImageReference"]["version"] == "1.0.5"
    off = {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": False}}
    live.patch("scaleset", "web", {"spec": {"imageReference": {"version": "1.1.0"}, "upgradePolicy": off}})
    said = f"the pinned version 1.1.0 is held since UpgradeRun {name}"
    live.until("it says so", lambda: said in condition(live.get("scalesets", "web"), "UpToDate")["message"])
    assert holds(live.until_healthy("1.0.5", 2)) == [("1.1.0", "CancelledByUser")]
    live.create(users_run("named", "1.1.0"))
    live.until_run("named", "Completed")
    assert holds(live.until_healthy("1.1.0", 2)) == []


def test_what_is_held_is_not_installed_again(live: World) -> None:
    """I6, F5, F3: repair and scale-out take the proven version; released, the version is tried once more."""
    live.create(published("1.0.0"), fleet(REPLICAS, percent=20, rollback=False, rolling={"healthTimeoutSeconds": 1}))
    live.until_healthy("1.0.0", REPLICAS)
    live.create(published("1.1.0", BROKEN))
    run = live.until_run_to("1.1.0", "Faulted")
    assert live.versions() == ["1.1.0"] + ["1.0.0"] * 4
    live("scale", "scaleset/web", "--replicas=6")
    live.until("it has 6", lambda: len(live.pods()) == 6)
    live("delete", "pod", "web-0", "--wait=false")
    live.until_healthy("1.0.0", 6)
    assert live.versions() == ["1.0.0"] * 6
    live("annotate", "scaleset", "web", f"rollkeeper.io/release-hold=1.1.0/{run['metadata']['name']}")
    again = live.until_run_to("1.1.0", "Faulted", attempt=2)
    holds = [h["runName"] for h in status_of(live.get("scalesets", "web"))["heldVersions"]]
    assert holds == [again["metadata"]["name"]], "the annotation releases the hold that it names, and no later one"


def test_no_success_at_all_holds_the_version(live: World) -> None:
    """F3, F4, H3: no limit stopped the run, and all its instances had to be put back: it would start again for ever."""
    anything = {"maxUnhealthyInstancePercent": 100, "maxUnhealthyUpgradedInstancePercent": 100}
    live.create(published("1.0.0"), fleet(2, percent=100, rolling=anything))
    live.until_healthy("1.0.0", 2)
    live.create(published("1.1.0", BROKEN))
    run = live.until_run_to("1.1.0", "Completed")
    assert places(run) == {"failed": [0, 1], "rolledBack": [0, 1]}
    scale_set = live.until_healthy("1.0.0", 2)
    assert holds(scale_set) == [("1.1.0", "UpgradedUnhealthy")]
    assert condition(scale_set, "UpToDate")["reason"] == "VersionHeld"


def test_a_cancelled_model_is_held(live: World) -> None:
    """F3, M1, B5: it is not tried again, and other runs apply the proven one; released, it rolls.

    The Model run that completes then ends no hold of a version that a user did not want.
    """
    _cancelled_attempt(live)
    live.patch("scaleset", "web", {"spec": {"template": changed_template("one")}})
    model = live.until("a Model run stands still", lambda: _run_of_model(live))
    live.patch("upgraderun", model, {"spec": {"desiredState": "Cancelled"}})
    live.until_run(model, "Cancelled")
    live.open_gate()
    (held,) = status_of(live.until_healthy("1.0.0", 2))["heldModelRevisions"]
    assert (held["runName"], held["reason"]) == (model, "CancelledByUser")
    live.create(published("1.0.5"))
    live.until_run_to("1.0.5", "Completed")
    live.until_healthy("1.0.5", 2)
    assert live.settings() == [""] * 2
    live("annotate", "scaleset", "web", f"rollkeeper.io/release-hold={held['revision']}/{model}")
    live.until("the model rolls", lambda: live.settings() == ["one"] * 2)
    scale_set = live.until_healthy("1.0.5", 2)
    assert status_of(scale_set).get("heldModelRevisions", []) == []
    assert holds(scale_set) == [("1.1.0", "CancelledByUser")]


def _run_of_model(world: World) -> str | None:
    runs = (run for run in world.items("upgraderuns") if run["spec"].get("type") == "Model")
    return next((str(run["metadata"]["name"]) for run in runs if status_of(run).get("currentBatch")), None)
