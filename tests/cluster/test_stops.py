"""What ends a run of the controller's own in its middle, and what comes after (B6, T5, T9, V5, V6, F3, F8)."""

import pytest

from hack.localcluster import ClusterError
from tests.cluster.audit import Json
from tests.cluster.fleet import changed_template, fleet, gate, published
from tests.cluster.holds import end_back_off, holds
from tests.cluster.manifests import CUSTOM, made
from tests.cluster.replay import code_of, status_of
from tests.cluster.world import World, condition, places

REPLICAS = 5


def _gated(world: World, **policy: object) -> str:
    """An automatic run in its middle: 0 and 1 are upgraded, 2 can't be evicted. Returns its name."""
    world.create(published("1.0.0"), gate(2), fleet(REPLICAS, percent=20, rolling=policy))
    world.until_healthy("1.0.0", REPLICAS)
    world.create(published("1.1.0"))
    return world.until_gated("1.1.0")


def _automatic(*, on: bool) -> Json:
    """Automatic upgrades, on or off."""
    return {"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": on}}}


def test_too_many_turn_unhealthy_in_mid_run(live: World) -> None:
    """B2, B6, B9, B14, F1, F8, T6: the batch in hand ends, no other begins; tried again when its back-off is over."""
    name = _gated(live)
    live.set_ready(3, ready=False)
    live.set_ready(4, ready=False)
    live.until("both are seen", lambda: status_of(live.get("scalesets", "web"))["unhealthyReplicas"] >= 2)
    live.open_gate()
    run = live.until_run(name, "Faulted")
    error = status_of(run)["error"]
    assert error["code"] == "MaxUnhealthyInstancePercentExceededInRollingUpgrade"
    assert "2 of 5 instances unhealthy (40%, limit 20%)" in error["message"]
    assert places(run) == {"succeeded": [0, 1, 2], "pending": [3, 4]}
    assert live.versions() == ["1.1.0"] * 3 + ["1.0.0"] * 2
    assert live.until_condition("web", "UpgradeBlocked", "True", "BackOff")["message"].startswith("attempt 1 at 1.1.0")
    end_back_off(live)
    live.until_condition("web", "UpgradeBlocked", "True", "TooManyUnhealthyInstances")
    live.set_ready(3, ready=True)
    again = live.until_run_to("1.1.0", "Completed", attempt=2)
    assert [b["instances"] for b in status_of(again)["batches"]] == ["4", "3"], "B2: what is down anyway goes first"
    live.until_healthy("1.1.0", REPLICAS)
    assert holds(live.get("scalesets", "web")) == []


def test_the_image_is_changed_in_mid_run(live: World) -> None:
    """T9, V6, M1: the run ends, and a Model run brings all to the other image; nothing is held."""
    name = _gated(live)
    other = {**CUSTOM, "definition": "other", "version": "0.1.0", "image": "registry.test/other:0.1.0"}
    live.create(made("ImageVersion", "other-0.1.0", other))
    live.patch("scaleset", "web", {"spec": {"imageReference": {"definition": "other"}}})
    run = live.until_run(name, "Cancelled")
    assert (status_of(run)["error"]["code"], places(run)) == (
        "PreconditionLost",
        {"succeeded": [0, 1], "pending": [2, 3, 4]},
    )
    live.open_gate()
    scale_set = live.until_healthy("0.1.0", REPLICAS)
    assert (status_of(scale_set)["provenImage"], live.versions()) == ("golden/other", ["0.1.0"] * REPLICAS)
    assert holds(live.get("scalesets", "web")) == []


def test_pinned_in_mid_run(live: World) -> None:
    """T9, M5, V5: a pin ends an automatic run to another version; what it has brought stays, and the set names it."""
    name = _gated(live)
    pin: Json = {"imageReference": {"version": "1.0.0"}, **_automatic(on=False)}
    live.patch("scaleset", "web", {"spec": pin})
    run = live.until_run(name, "Cancelled")
    assert status_of(run)["error"]["code"] == "AutomaticUpgradesDisabled", "the server asks for that with a pin"
    live.until("the set has let go of it", lambda: "activeRunName" not in status_of(live.get("scalesets", "web")))
    up_to_date = live.until_condition("web", "UpToDate", "False", "InstancesOnOtherVersions")
    assert "instances 0-1 do not run the pinned version 1.0.0" in up_to_date["message"]


def test_a_deleted_automatic_run_is_held(live: World) -> None:
    """F3, F7: who deletes an automatic run does not want that version; a newer one comes all the same."""
    name = _gated(live)
    live("delete", "upgraderun", name, "--timeout=60s")
    live.until_condition("web", "UpToDate", "False", "VersionHeld")
    assert holds(live.get("scalesets", "web")) == [("1.1.0", "CancelledByUser")]
    live.open_gate()
    live.create(published("1.2.0"))
    live.until_run_to("1.2.0", "Completed")
    live.until_healthy("1.2.0", REPLICAS)


def test_a_model_is_superseded_by_its_fix(live: World) -> None:
    """T5, B13, M1: the run that stands still gives way at once, and nothing is held."""
    live.create(published("1.0.0"), gate(0), fleet(2, percent=50))
    live.until_healthy("1.0.0", 2)
    live.patch("scaleset", "web", {"spec": {"template": changed_template("one")}})
    (first,) = live.until("a Model run is there", lambda: live.items("upgraderuns"))
    name = first["metadata"]["name"]
    live.until_said(name, "web-0 can't be evicted")
    live.patch("scaleset", "web", {"spec": {"template": changed_template("two")}})
    run = live.until_run(name, "Cancelled")
    assert (status_of(run)["error"]["code"], places(run)) == ("Superseded", {"pending": [0, 1]})
    live.open_gate()
    live.until("the fix is there", lambda: live.settings() == ["two"] * 2)
    assert status_of(live.until_healthy("1.0.0", 2)).get("heldModelRevisions", []) == []


def test_the_proven_version_is_withdrawn(live: World) -> None:
    """V5: nothing goes down by itself, repair and scale-out included; the set says so."""
    live.publish(published("1.0.0"), published("1.1.0"))
    live.create(fleet(2))
    live.until_healthy("1.1.0", 2)
    live.patch("imageversion", "os-1.1.0", {"spec": {"excludeFromLatest": True}})
    live.until_condition("web", "UpToDate", "False", "WouldDowngrade")
    live("scale", "scaleset/web", "--replicas=3")
    live("delete", "pod", "web-0", "--wait=false")
    live.until("web-0 and web-2 are made", lambda: _occasions(live) == ["Repair", "FirstCreation", "ScaleOut"])
    scale_set = live.until_healthy("1.1.0", 3)
    assert live.versions() == ["1.1.0"] * 3
    assert (condition(scale_set, "UpToDate")["reason"], live.items("upgraderuns")) == ("WouldDowngrade", [])


def _occasions(world: World) -> list[str]:
    return [pod["metadata"]["annotations"]["rollkeeper.io/made-by"] for pod in world.pods()]


def test_the_health_source_is_removed_in_mid_run(live: World) -> None:
    """T9, T2, T3, H1: refused while automatic upgrades are on; switched off with it, the run ends, nothing is held."""
    name = _gated(live)
    health = live.get("scalesets", "web")["spec"]["health"]
    with pytest.raises(ClusterError, match="automatic upgrades are judged by health"):
        live.patch("scaleset", "web", {"spec": {"health": None}})
    assert code_of(live.get("upgraderuns", name)) == "RollingForward"
    live.patch("scaleset", "web", {"spec": {"health": None, **_automatic(on=False)}})
    run = live.until_run(name, "Cancelled")
    assert status_of(run)["error"]["code"] == "AutomaticUpgradesDisabled"
    assert places(run) == {"succeeded": [0, 1], "pending": [2, 3, 4]}
    live.open_gate()
    assert holds(live.until_healthy("1.0.0", REPLICAS)) == []
    live.patch("scaleset", "web", {"spec": {"health": health, **_automatic(on=True)}})
    again = live.until_run_to("1.1.0", "Completed", attempt=2)
    assert [b["instances"] for b in status_of(again)["batches"]] == ["2", "3", "4"]
    live.until_healthy("1.1.0", REPLICAS)
