"""Changed models and pins: modes, rollback of the model, held revisions, pruning (M1, M2, M4, M5, H3, F3)."""

from tests.cluster.audit import Json
from tests.cluster.fleet import BROKEN, changed_template, fleet, gate, published, users_run
from tests.cluster.replay import status_of
from tests.cluster.world import World, condition, places

SIDECAR = {"name": "sidecar", "image": f"registry.test/sidecar:1{BROKEN}"}
KEPT_REVISIONS = 10


def _platform_runs(world: World, type_: str) -> list[Json]:
    runs = [r for r in world.items("upgraderuns") if r["spec"].get("startedBy") == "Platform"]
    return [r for r in runs if r["spec"].get("type", "OSImage") == type_]


def _until_model_run(world: World, code: str, number: int = 1) -> Json:
    """Waits until the newest of so many Model runs of the controller's own has a code."""

    def there() -> str | None:
        runs = sorted(_platform_runs(world, "Model"), key=lambda r: int(r["metadata"]["resourceVersion"]))
        unfinished = [r for r in runs if not status_of(r).get("runningStatus", {}).get("completedTime")]
        return (unfinished or runs)[-1]["metadata"]["name"] if len(runs) == number else None

    return world.until_run(world.until(f"there are {number} Model runs", there), code)


def test_mode_rolling(live: World) -> None:
    """M1, H3, F3, B5: a model rolls by batches; a broken one is put back and held, other runs apply the proven one."""
    live.create(published("1.0.0"), fleet(4, percent=50))
    live.until_healthy("1.0.0", 4)
    live.patch("scaleset", "web", {"spec": {"template": changed_template("one")}})
    run = _until_model_run(live, "Completed")
    assert [b["instances"] for b in status_of(run)["batches"]] == ["0-1", "2-3"]
    assert (live.settings(), live.versions()) == (["one"] * 4, ["1.0.0"] * 4)
    good = status_of(live.until_healthy("1.0.0", 4))["provenModelRevision"]
    live.patch("scaleset", "web", {"spec": {"template": changed_template("two", SIDECAR)}})
    run = _until_model_run(live, "Faulted", 2)
    assert places(run) == {"failed": [0, 1], "rolledBack": [0, 1], "pending": [2, 3]}
    scale_set = live.until_healthy("1.0.0", 4)
    assert live.settings() == ["one"] * 4
    (held,) = status_of(scale_set)["heldModelRevisions"]
    assert (held["revision"], held["reason"]) == (status_of(scale_set)["modelRevision"], "UpgradedUnhealthy")
    live.create(published("1.1.0"))
    live.until_run_to("1.1.0", "Completed")
    scale_set = live.until_healthy("1.1.0", 4)
    assert (live.settings(), live.versions()) == (["one"] * 4, ["1.1.0"] * 4)
    assert status_of(scale_set)["provenModelRevision"] == good
    live.patch("scaleset", "web", {"spec": {"template": changed_template("three")}})
    live.until("the fix is proven", lambda: live.settings() == ["three"] * 4)
    kept = status_of(live.until_healthy("1.1.0", 4))["heldModelRevisions"]
    assert [h["revision"] for h in kept] == [held["revision"]], "going back to it would be as bad as before"


def test_a_model_change_mends_what_a_held_version_left(live: World) -> None:
    """M1, T7, F3: who runs a held version gets the proven one; then the version is tried once more."""
    live.create(published("1.0.0"), fleet(3, percent=34, rollback=False))
    live.until_healthy("1.0.0", 3)
    live.create(published("1.1.0", BROKEN))
    assert places(live.until_run_to("1.1.0", "Faulted")) == {"failed": [0], "pending": [1, 2]}
    assert live.versions() == ["1.1.0", "1.0.0", "1.0.0"]
    live.patch("scaleset", "web", {"spec": {"template": changed_template("one")}})
    run = _until_model_run(live, "Completed")
    assert places(run)["succeeded"] == [0, 1, 2]
    assert [b["instances"] for b in status_of(run)["batches"]] == ["0", "1", "2"]
    again = live.until_run_to("1.1.0", "Faulted", attempt=2)
    assert [(o["imageVersion"], o["instances"]) for o in status_of(again)["origins"]] == [("1.0.0", "0")]
    (hold,) = live.until("it is held again", lambda: status_of(live.get("scalesets", "web")).get("heldVersions"))
    assert (hold["reason"], hold["runName"]) == ("UpgradedUnhealthy", again["metadata"]["name"])
    assert live.settings() == ["one"] * 3


def test_modes_manual_and_automatic(live: World) -> None:
    """M1, M4, T2: Manual: nothing by itself, and upgrades wait for the model; Automatic: one batch of all."""
    live.create(published("1.0.0"), fleet(4, percent=25, mode="Manual"))
    before = live.until_healthy("1.0.0", 4)
    live.patch("scaleset", "web", {"spec": {"template": changed_template("one")}})
    live.create(published("1.1.0"))
    blocked = live.until_condition("web", "UpgradeBlocked", "True", "ModelNotApplied")
    assert "instances 0-3" in blocked["message"]
    assert "spec.type: Model" in blocked["message"]
    assert status_of(live.get("scalesets", "web"))["modelRevision"] != status_of(before)["modelRevision"]
    assert (live.items("upgraderuns"), live.settings()) == ([], [""] * 4)
    live.create(users_run("some", type="Model", instances="2"))
    live.until_run("some", "Completed")
    assert (live.settings(), live.versions()) == (["", "", "one", ""], ["1.0.0"] * 4)
    live.create(users_run("all", type="Model"))
    assert places(live.until_run("all", "Completed")) == {"succeeded": [0, 1, 2, 3]}
    live.until_run_to("1.1.0", "Completed")
    live.until_healthy("1.1.0", 4)
    assert (live.settings(), live.versions()) == (["one"] * 4, ["1.1.0"] * 4)
    live.patch(
        "scaleset", "web", {"spec": {"upgradePolicy": {"mode": "Automatic"}, "template": changed_template("two")}}
    )
    run = _until_model_run(live, "Completed")
    assert [b["instances"] for b in status_of(run)["batches"]] == ["0-3"]
    live.until_healthy("1.1.0", 4)
    assert live.settings() == ["two"] * 4


def test_mode_manual_in_mid_run(live: World) -> None:
    """M1, T9, B13: the Model run ends, nothing more is touched, nothing is held; in mode Rolling it goes on."""
    live.create(published("1.0.0"), gate(1), fleet(2, percent=50))
    live.until_healthy("1.0.0", 2)
    live.patch("scaleset", "web", {"spec": {"template": changed_template("one")}})
    live.until("web-0 has it", lambda: live.settings() == ["one", ""])
    run = _until_model_run(live, "RollingForward")
    live.patch("scaleset", "web", {"spec": {"upgradePolicy": {"mode": "Manual"}}})
    run = live.until_run(run["metadata"]["name"], "Cancelled")
    assert (status_of(run)["error"]["code"], places(run)) == ("PreconditionLost", {"succeeded": [0], "pending": [1]})
    live.open_gate()
    assert status_of(live.until_healthy("1.0.0", 2)).get("heldModelRevisions", []) == []
    assert live.settings() == ["one", ""]
    live.patch("scaleset", "web", {"spec": {"upgradePolicy": {"mode": "Rolling"}}})
    live.until("web-1 has it", lambda: live.settings() == ["one"] * 2)
    live.until_healthy("1.0.0", 2)


def test_rollback_restores_the_previous_model(live: World) -> None:
    """H3, T4, M2, F3: a user's run that asks for rollback brings version and model, and puts both back."""
    live.create(published("1.0.0"), fleet(4, percent=25, automatic=False, mode="Manual"))
    before = status_of(live.until_healthy("1.0.0", 4))["provenModelRevision"]
    live.patch("scaleset", "web", {"spec": {"template": changed_template("one")}})
    live.create(published("1.1.0", BROKEN), users_run("both", "1.1.0", automaticRollback=True))
    run = live.until_run("both", "Faulted")
    assert places(run) == {"failed": [0], "rolledBack": [0], "pending": [1, 2, 3]}
    newest = status_of(run)["targetModelRevision"]
    assert newest != before
    assert [(o["imageVersion"], o["modelRevision"]) for o in status_of(run)["origins"]] == [("1.0.0", before)]
    scale_set = live.until_healthy("1.0.0", 4)
    assert (live.settings(), live.versions()) == ([""] * 4, ["1.0.0"] * 4)
    (hold,) = status_of(scale_set)["heldVersions"]
    assert (hold["version"], hold["modelRevision"]) == ("1.1.0", newest)
    assert live.get("pods", "web-0")["metadata"]["annotations"]["rollkeeper.io/made-by"] == "both/1/Back"


def test_a_model_that_fits_no_node(live: World) -> None:
    """H5, H3, F3: a lack of nodes is the surroundings' fault, but put back the instance is well: the model is held."""
    live.create(published("1.0.0"), fleet(2, percent=50, rolling={"provisioningTimeoutSeconds": 5}))
    live.until_healthy("1.0.0", 2)
    live.patch("scaleset", "web", {"spec": {"template": {"spec": {"nodeSelector": {"there": "nowhere"}}}}})
    run = _until_model_run(live, "Faulted")
    assert places(run) == {"failed": [0], "rolledBack": [0], "pending": [1]}
    (failure,) = status_of(run)["failures"]
    assert (failure["reason"], "didn't match" in failure["message"]) == ("Unschedulable", True)
    (held,) = status_of(live.until_healthy("1.0.0", 2))["heldModelRevisions"]
    assert (held["runName"], held["reason"]) == (run["metadata"]["name"], "UpgradedUnhealthy")


def test_a_model_change_waits_for_the_active_run(live: World) -> None:
    """M5, M1, B5, T1: the run goes on with the model that it began with; then the changed one has a run of its own."""
    live.create(published("1.0.0"), gate(1), fleet(3, percent=34))
    before = status_of(live.until_healthy("1.0.0", 3))["provenModelRevision"]
    live.create(published("1.1.0"))
    name = live.until_gated("1.1.0", 1)
    live.patch("scaleset", "web", {"spec": {"template": changed_template("one")}})
    live.until("the change was seen", lambda: _is_observed(live.get("scalesets", "web")))
    live.open_gate()
    run = live.until_run(name, "Completed")
    assert (status_of(run)["targetModelRevision"], places(run)) == (before, {"succeeded": [0, 1, 2]})
    changed = _until_model_run(live, "Completed")
    (origin,) = status_of(changed)["origins"]
    assert (origin["imageVersion"], origin["modelRevision"], origin["instances"]) == ("1.1.0", before, "0-2")
    live.until_healthy("1.1.0", 3)
    assert live.settings() == ["one"] * 3


def test_new_instances_in_mode_manual(live: World) -> None:
    """F4, F5, M1: scaled out they get the newest model, made again the one that they had."""
    live.create(published("1.0.0"), fleet(2, automatic=False, mode="Manual"))
    live.until_healthy("1.0.0", 2)
    live.patch("scaleset", "web", {"spec": {"template": changed_template("one")}})
    live.until("the change was seen", lambda: _is_observed(live.get("scalesets", "web")))
    before = live.uids()
    live("scale", "scaleset/web", "--replicas=3")
    live("delete", "pod", "web-0", "--wait=false")
    live.until("web-0 is made anew", lambda: live.uids().get("web-0", before["web-0"]) != before["web-0"])
    live.until_healthy("1.0.0", 3)
    assert (live.settings(), live.items("upgraderuns")) == (["", "", "one"], [])


def test_a_broken_model_in_mode_automatic(live: World) -> None:
    """M1, H3, F3: all at once get it, and all at once get back what they ran; it is held."""
    live.create(published("1.0.0"), fleet(3, percent=34, automatic=False, mode="Automatic"))
    live.until_healthy("1.0.0", 3)
    live.patch("scaleset", "web", {"spec": {"template": changed_template("bad", SIDECAR)}})
    run = _until_model_run(live, "Faulted")
    assert [b["instances"] for b in status_of(run)["batches"]] == ["0-2"]
    assert places(run) == {"failed": [0, 1, 2], "rolledBack": [0, 1, 2]}
    scale_set = live.until_healthy("1.0.0", 3)
    assert live.settings() == [""] * 3
    assert [h["runName"] for h in status_of(scale_set)["heldModelRevisions"]] == [run["metadata"]["name"]]


def test_pins_up_and_down(live: World) -> None:
    """M5, T5, V5: a pin rolls up and down, replaces a run to another pin, and latest alone moves nothing."""
    pinned: Json = {"gallery": "golden", "definition": "web"}
    versions = [published(v) for v in ("1.0.0", "1.1.0", "1.2.0")]
    live.create(*versions, fleet(3, percent=34, automatic=False, imageReference={**pinned, "version": "1.1.0"}))
    live.until_healthy("1.1.0", 3)
    live.patch("scaleset", "web", {"spec": {"imageReference": {"version": "1.2.0"}}})
    assert places(live.until_run_to("1.2.0", "Completed")) == {"succeeded": [0, 1, 2]}
    live.until_healthy("1.2.0", 3)
    live.create(gate(1))
    live.patch("scaleset", "web", {"spec": {"imageReference": {"version": "1.1.0"}}})
    stuck = live.until_gated("1.1.0", 1)
    live.patch("scaleset", "web", {"spec": {"imageReference": {"version": "1.0.0"}}})
    assert status_of(live.until_run(stuck, "Cancelled"))["error"]["code"] == "Superseded"
    live.open_gate()
    live.until_run_to("1.0.0", "Completed")
    scale_set = live.until_healthy("1.0.0", 3)
    assert live.versions() == ["1.0.0"] * 3
    assert status_of(scale_set).get("heldVersions", []) == []
    before = live.uids()
    live.patch("scaleset", "web", {"spec": {"imageReference": {"version": "latest"}}})
    scale_set = live.until_healthy("1.0.0", 3)
    assert condition(scale_set, "UpToDate")["reason"] == "NewerVersionAvailable"
    assert live.uids() == before


def test_a_pin_may_name_what_is_excluded_and_may_be_taken_back(live: World) -> None:
    """M5, T9: being excluded does not end the run of a pin; being taken back in mid-run does."""
    excluded = published("1.1.0")
    excluded["spec"]["excludeFromLatest"] = True
    live.publish(published("1.0.0"), excluded)
    live.create(fleet(3, percent=34, automatic=False))
    live.until_healthy("1.0.0", 3)
    live.patch("scaleset", "web", {"spec": {"imageReference": {"version": "1.1.0"}}})
    live.until_run_to("1.1.0", "Completed")
    live.until_healthy("1.1.0", 3)
    live.create(gate(1))
    live.patch("scaleset", "web", {"spec": {"imageReference": {"version": "1.0.0"}}})
    name = live.until_gated("1.0.0", 1)
    live.patch("scaleset", "web", {"spec": {"imageReference": {"version": "latest"}}})
    run = live.until_run(name, "Cancelled")
    assert (status_of(run)["error"]["code"], places(run)) == ("PreconditionLost", {"succeeded": [0], "pending": [1, 2]})
    assert "no longer pinned to 1.0.0" in status_of(run)["error"]["message"]
    live.until_healthy("1.1.0", 3)
    assert live.versions() == ["1.0.0", "1.1.0", "1.1.0"]


def test_old_models_are_pruned(live: World) -> None:
    """M2: ten are kept, and always those that are in use."""
    live.create(published("1.0.0"), fleet(1, automatic=False, mode="Manual"))
    used = status_of(live.until_healthy("1.0.0", 1))["provenModelRevision"]
    for number in range(KEPT_REVISIONS + 2):
        live.patch("scaleset", "web", {"spec": {"template": changed_template(str(number))}})
        live.until("the change was seen", lambda: _is_observed(live.get("scalesets", "web")))
    newest = status_of(live.get("scalesets", "web"))["modelRevision"]

    def pruned() -> bool:
        kept = {revision["metadata"]["name"] for revision in live.items("controllerrevisions")}
        return len(kept) == KEPT_REVISIONS and {used, newest} <= kept

    live.until("the oldest that nobody uses are gone", pruned)
    live.create(users_run("apply", type="Model"))
    live.until_run("apply", "Completed")
    assert live.settings() == [str(KEPT_REVISIONS + 1)]


def _is_observed(scale_set: Json) -> bool:
    return bool(status_of(scale_set).get("observedGeneration") == scale_set["metadata"]["generation"])
