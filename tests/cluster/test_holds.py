"""Holds on versions and pairs, and how they end (F3)."""

from tests.cluster.audit import Json
from tests.cluster.fleet import BROKEN, changed_template, fleet, gate, published, users_run
from tests.cluster.holds import end_back_off, holds
from tests.cluster.replay import status_of
from tests.cluster.world import World, condition, places

REPLICAS = 5
SIDECAR: Json = {"name": "sidecar", "image": f"registry.test/sidecar:1{BROKEN}"}


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


def test_what_is_held_is_passed_by(live: World) -> None:
    """V3, F3, M5, I6: by automatic upgrades, by a user's run to latest, and a pin to it waits; who names it gets it."""
    live.create(published("1.0.0"), gate(0), fleet(2, percent=50))
    live.until_healthy("1.0.0", 2)
    live.create(published("1.1.0"))
    name = live.until_gated("1.1.0", 0)
    live.patch("upgraderun", name, {"spec": {"desiredState": "Cancelled"}})
    live.until_run(name, "Cancelled")
    live.open_gate()
    live.create(published("1.0.5"))
    live.until_run_to("1.0.5", "Completed")
    live.until_healthy("1.0.5", 2)
    live.create(users_run("latest"))
    assert status_of(live.until_run("latest", "Completed"))["targetImageReference"]["version"] == "1.0.5"
    off = {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": False}}
    live.patch("scaleset", "web", {"spec": {"imageReference": {"version": "1.1.0"}, "upgradePolicy": off}})
    said = live.until_condition("web", "UpToDate", "False", "VersionHeld")["message"]
    assert f"the pinned version 1.1.0 is held since UpgradeRun {name}" in said
    assert holds(live.until_healthy("1.0.5", 2)) == [("1.1.0", "CancelledByUser")]
    live.create(users_run("named", "1.1.0"))
    live.until_run("named", "Completed")
    assert holds(live.until_healthy("1.1.0", 2)) == []
