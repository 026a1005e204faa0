"""Who may start, who waits, who stops in mid-run (T3, T5 to T7, T9, F2, F6, B14, V5)."""

from tests.cluster.fleet import BROKEN, changed_template, fleet, gate, published, users_run
from tests.cluster.holds import holds
from tests.cluster.replay import code_of, status_of
from tests.cluster.world import World, condition, places

REPLICAS = 5
SWITCH = "automaticOSUpgradePolicy"


def _gated(world: World) -> str:
    """An automatic run in its middle: 0 and 1 are upgraded, 2 can't be evicted. Returns its name."""
    world.create(published("1.0.0"), gate(2), fleet(REPLICAS, percent=20))
    world.until_healthy("1.0.0", REPLICAS)
    world.create(published("1.1.0"))
    return world.until_gated("1.1.0")


def test_opt_out_in_mid_run(live: World) -> None:
    """T3, B13, F1, F3: the run ends at once and nothing is held; switched on again, a new run does the rest."""
    name = _gated(live)
    live.patch("scaleset", "web", {"spec": {"upgradePolicy": {SWITCH: {"enableAutomaticOSUpgrade": False}}}})
    run = live.until_run(name, "Cancelled")
    assert status_of(run)["error"]["code"] == "AutomaticUpgradesDisabled"
    assert places(run) == {"succeeded": [0, 1], "pending": [2, 3, 4]}
    scale_set = live.until_healthy("1.0.0", REPLICAS)
    assert live.versions() == ["1.1.0"] * 2 + ["1.0.0"] * 3
    assert (holds(scale_set), condition(scale_set, "UpToDate")["reason"]) == ([], "NewerVersionAvailable")
    live.open_gate()
    live.patch("scaleset", "web", {"spec": {"upgradePolicy": {SWITCH: {"enableAutomaticOSUpgrade": True}}}})
    run = live.until_run_to("1.1.0", "Completed", attempt=2)
    assert [b["instances"] for b in status_of(run)["batches"]] == ["2", "3", "4"]
    live.until_healthy("1.1.0", REPLICAS)


def test_a_paused_run_is_never_superseded(live: World) -> None:
    """F2, T5, T9, B14: what would replace it is blocked by it; a withdrawal ends it at once, and the next goes on."""
    name = _gated(live)
    live.patch("upgraderun", name, {"spec": {"desiredState": "Paused"}})
    live.until_condition(name, "Paused", "True", "PausedByUser", kind="upgraderuns")
    live.create(published("1.2.0"))
    blocked = live.until_condition("web", "UpgradeBlocked", "True", "RunPaused")
    assert name in blocked["message"]
    live.create(users_run("mine", "1.2.0"))
    live.until_said("mine", "which is paused")
    live.patch("upgraderun", "mine", {"spec": {"desiredState": "Cancelled"}})
    live.until_run("mine", "Cancelled")
    assert code_of(live.get("upgraderuns", name)) == "RollingForward"
    live.patch("imageversion", "os-1.1.0", {"spec": {"excludeFromLatest": True}})
    run = live.until_run(name, "Cancelled")
    assert (status_of(run)["error"]["code"], status_of(run)["displayStatus"]) == ("TargetWithdrawn", "Cancelled")
    live.open_gate()
    assert places(live.until_run_to("1.2.0", "Completed")) == {"succeeded": list(range(REPLICAS))}
    assert holds(live.until_healthy("1.2.0", REPLICAS)) == []


def test_what_may_not_start_supersedes_nothing(live: World) -> None:
    """T5, T4, T6, M3: runs whose own checks fail are Faulted, and the active run keeps its batch and goes on."""
    name = _gated(live)
    live.create(users_run("nowhere", "9.9.9"))
    codes = [status_of(live.until_run("nowhere", "Faulted"))["error"]["code"]]
    live.set_ready(3, ready=False)
    live.set_ready(4, ready=False)
    live.until("both are seen", lambda: status_of(live.get("scalesets", "web"))["unhealthyReplicas"] >= 2)
    live.create(users_run("elsewhere", "1.0.0", instances="0"))
    codes.append(status_of(live.until_run("elsewhere", "Faulted"))["error"]["code"])
    live.set_ready(3, ready=True)
    live.set_ready(4, ready=True)
    live.until("both are well", lambda: status_of(live.get("scalesets", "web"))["unhealthyReplicas"] <= 1)
    live.patch("scaleset", "web", {"spec": {"template": {"spec": {"volumes": [{"name": "x", "hostPath": {}}]}}}})
    live.create(users_run("refused", "1.0.0"))
    codes.append(status_of(live.until_run("refused", "Faulted"))["error"]["code"])
    assert codes == [
        "ImageVersionNotFound",
        "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade",
        "InvalidModel",
    ]
    active = live.get("upgraderuns", name)
    assert (code_of(active), places(active)) == (
        "RollingForward",
        {"succeeded": [0, 1], "inProgress": [2], "pending": [3, 4]},
    )
    live.open_gate()
    assert places(live.until_run(name, "Completed")) == {"succeeded": list(range(REPLICAS))}


def test_the_whole_queue(live: World) -> None:
    """T5: users' runs in the order of their creation, the controller's own last; each says for whom it waits."""
    live.create(published("1.0.0"), gate(2), fleet(REPLICAS, percent=40))
    live.until_healthy("1.0.0", REPLICAS)
    hidden = [published(v) for v in ("0.8.0", "0.9.0")]
    live.create(*hidden, users_run("a", "0.9.0", instances="2"))
    live.until_gated("0.9.0")
    live.create(users_run("b", "0.8.0", instances="0-1"))
    live.until_said("b", "waits for UpgradeRun a")
    live.create(users_run("c", "0.9.0", instances="1", ttlSecondsAfterFinished=1))
    live.until_said("c", "waits for UpgradeRun b")
    live.create(published("1.1.0"))
    live.until("the new version is seen", lambda: _latest(live) == "1.1.0")
    assert {r["metadata"]["name"] for r in live.items("upgraderuns")} == {"a", "b", "c"}
    live.patch("upgraderun", "a", {"spec": {"desiredState": "Cancelled"}})
    assert places(live.until_run("a", "Cancelled")) == {"pending": [2]}
    live.until_run("b", "Completed")
    live.until("c has ended and gone", lambda: live.find("upgraderuns", "c") is None)
    live.until_gated("1.1.0")
    live.open_gate()
    live.until_run_to("1.1.0", "Completed")
    scale_set = live.until_healthy("1.1.0", REPLICAS)
    told = [(h["runName"], h["runningStatus"]["code"]) for h in reversed(status_of(scale_set)["osUpgradeHistory"])]
    assert told[:3] == [("a", "Cancelled"), ("b", "Completed"), ("c", "Completed")], "F6: the history outlives the run"
    assert holds(scale_set) == [], "V5: only a run over the whole set is a downgrade"


def test_who_is_paused_before_the_start_stands_aside(live: World) -> None:
    """T5, F2: the run after it goes first; resumed, its turn comes."""
    live.create(published("1.0.0"), fleet(2, percent=50, automatic=False))
    live.until_healthy("1.0.0", 2)
    live.create(published("1.1.0"), users_run("aside", "1.0.0", desiredState="Paused"))
    live.until_said("aside", "paused before it started")
    live.create(users_run("mine", "1.1.0"))
    live.until_run("mine", "Completed")
    assert code_of(live.get("upgraderuns", "aside")) == "Pending"
    live.patch("upgraderun", "aside", {"spec": {"desiredState": "Running"}})
    live.until_run("aside", "Completed")
    live.until_healthy("1.0.0", 2)


def test_a_users_run_supersedes_a_model_run(live: World) -> None:
    """T5, B13, B5: the Model run that stands still gives way; the user's brings the newest model along."""
    live.create(published("1.0.0"), gate(0), fleet(2, percent=50, automatic=False))
    live.until_healthy("1.0.0", 2)
    live.patch("scaleset", "web", {"spec": {"template": changed_template("one")}})
    (model,) = live.until("a Model run is there", lambda: live.items("upgraderuns"))
    live.until_said(model["metadata"]["name"], "web-0 can't be evicted")
    live.create(published("1.1.0"), users_run("mine", "1.1.0"))
    run = live.until_run(model["metadata"]["name"], "Cancelled")
    assert (status_of(run)["error"]["code"], places(run)) == ("Superseded", {"pending": [0, 1]})
    live.open_gate()
    live.until_run("mine", "Completed")
    live.until_healthy("1.1.0", 2)
    assert live.settings() == ["one"] * 2


def _latest(world: World) -> str:
    return str(status_of(world.get("scalesets", "web")).get("latestImageVersion"))


def test_not_into_a_fire(live: World) -> None:
    """T6, T7, B9: 40% are unhealthy: the controller waits and says so; runs that do not mend them are refused."""
    live.create(published("1.0.0"), fleet(REPLICAS, percent=20))
    live.until_healthy("1.0.0", REPLICAS)
    live.set_ready(1, ready=False)
    live.set_ready(3, ready=False)
    live.until("both are seen", lambda: status_of(live.get("scalesets", "web"))["unhealthyReplicas"] == 2)
    live.create(published("1.1.0"))
    numbers = "2 of 5 instances unhealthy (40%, limit 20%)"
    blocked = live.until_condition("web", "UpgradeBlocked", "True", "TooManyUnhealthyInstances")
    assert numbers in blocked["message"]
    assert "create an UpgradeRun" in blocked["message"]
    live.create(users_run("elsewhere", "1.1.0", instances="0"))
    error = status_of(live.until_run("elsewhere", "Faulted"))["error"]
    assert error["code"] == "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade"
    assert numbers in error["message"]
    live.create(users_run("mends", "1.1.0", instances="1"), users_run("mends-too", "1.1.0", instances="1,3"))
    assert status_of(live.until_run("mends", "Completed"))["progress"]["summary"] == "1/1", "1 of 5 is within 20%"
    live.until_run("mends-too", "Completed")
    run = live.until_run_to("1.1.0", "Completed")
    assert places(run) == {"succeeded": list(range(REPLICAS))}
    live.until_healthy("1.1.0", REPLICAS)


def test_a_newer_version_mends_what_an_older_one_broke(live: World) -> None:
    """T7, F1: an automatic run may replace what an earlier run left failed, however much it is, and begins there."""
    live.create(published("1.0.0"), fleet(REPLICAS, percent=40, rollback=False))
    live.until_healthy("1.0.0", REPLICAS)
    live.create(published("1.1.0", BROKEN))
    assert places(live.until_run_to("1.1.0", "Faulted")) == {"failed": [0, 1], "pending": [2, 3, 4]}
    assert live.versions() == ["1.1.0"] * 2 + ["1.0.0"] * 3
    live.until("the set notes them", lambda: status_of(live.get("scalesets", "web")).get("leftFailed") == "0-1")
    live.create(published("1.2.0"))
    run = live.until_run_to("1.2.0", "Completed")
    assert status_of(run)["batches"][0]["instances"] == "0-1"
    assert "leftFailed" not in status_of(live.until_healthy("1.2.0", REPLICAS))


def test_a_subset_goes_down(live: World) -> None:
    """T4, V5: named instances to a named version; nobody brings them back up, and nothing is held."""
    live.publish(published("1.0.0"), published("1.1.0"))
    live.create(fleet(3, percent=34))
    live.until_healthy("1.1.0", 3)
    live.create(users_run("down", "1.0.0", instances="1"))
    live.until_run("down", "Completed")
    scale_set = live.until_healthy("1.1.0", 3)
    assert live.versions() == ["1.1.0", "1.0.0", "1.1.0"]
    up_to_date = condition(scale_set, "UpToDate")
    assert (up_to_date["status"], up_to_date["reason"], holds(scale_set)) == ("False", "InstancesLeftBehind", [])
    assert "instances 1 " in up_to_date["message"]
    live.create(users_run("up"))
    assert places(live.until_run("up", "Completed")) == {"succeeded": [0, 1, 2]}
    assert live.versions() == ["1.1.0"] * 3
