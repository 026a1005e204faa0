"""Rollouts of changed models and pins, as golden logs (M1, M3 to M5)."""

from rollkeeper.kube.resources import CONTROLLER_REVISIONS
from tests.simulation.images import never_ready
from tests.simulation.objects_of_ours import reference, scale_set
from tests.simulation.rollout import Rollout
from tests.simulation.scenarios import ended, proven, scenario

BAD_SIDECAR = "registry.example/sidecar:bad"
GOOD_SIDECAR = "registry.example/sidecar:good"


def change_model(rollout: Rollout, sidecar: str) -> None:
    """The template gets a second container."""
    template = scale_set(1)["spec"]["template"]
    template["spec"]["containers"].append({"name": "sidecar", "image": sidecar})
    rollout.patch_set({"template": template}, f"the template has the container {sidecar}")


@scenario
def model_change_rolls() -> Rollout:
    """M1: a changed template is rolled out by a run of type Model; every instance keeps its version."""
    rollout = proven(5)
    change_model(rollout, GOOD_SIDECAR)
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def bad_model_is_put_back_and_held() -> Rollout:
    """M1, H3, F3: instances get their previous model back, the revision is held, and its fix rolls."""
    rollout = proven(5)
    rollout.cluster.images.set(BAD_SIDECAR, never_ready())
    change_model(rollout, BAD_SIDECAR)
    rollout.run(ended(rollout))
    rollout.run_until_quiet(quiet=30)
    rollout.publish("1.1.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    change_model(rollout, GOOD_SIDECAR)
    rollout.run(lambda: rollout.status["provenModelRevision"] == rollout.status["modelRevision"])
    rollout.run_until_quiet()
    return rollout


@scenario
def both_only_together() -> Rollout:
    """F3, B5, T5, T7: image and model both turned bad, and each one's fix fails with the other: both at once work."""
    rollout = proven(1)
    change_model(rollout, BAD_SIDECAR)
    rollout.run(ended(rollout))
    rollout.run_until_quiet(quiet=30)
    rollout.cluster.images.set(reference("1.0.0"), never_ready())
    rollout.cluster.images.set(BAD_SIDECAR, never_ready())
    rollout.delete_pod(0)
    rollout.say("what is proven no longer works, neither the image nor the model")
    change_model(rollout, GOOD_SIDECAR)
    rollout.run(lambda: bool(rollout.active_run()))
    rollout.run(ended(rollout))
    rollout.run_until_quiet(quiet=30)
    rollout.publish("1.1.0")
    rollout.run(lambda: bool(rollout.active_run()))
    rollout.run(ended(rollout))
    rollout.run_until_quiet(quiet=30)
    hold = rollout.status["heldModelRevisions"][0]
    rollout.patch_set({"upgradePolicy": {"mode": "Manual"}})
    rollout.run_for(5)
    rollout.annotate_set({"rollkeeper.io/release-hold": f"{hold['revision']}/{hold['runName']}"})
    rollout.run_for(5)
    rollout.start_run("together", "1.1.0")
    rollout.run(lambda: rollout.code("together") == "Completed")
    rollout.patch_set({"upgradePolicy": {"mode": "Rolling"}})
    rollout.run_until_quiet()
    return rollout


@scenario
def model_superseded_by_its_fix() -> Rollout:
    """T5: a newer model supersedes a Model run."""
    rollout = proven(5)
    rollout.cluster.images.set(BAD_SIDECAR, never_ready())
    change_model(rollout, BAD_SIDECAR)
    rollout.run(lambda: bool(rollout.active_run()))
    rollout.run_for(10)
    change_model(rollout, GOOD_SIDECAR)
    rollout.run(lambda: rollout.status["provenModelRevision"] == rollout.status["modelRevision"])
    rollout.run_until_quiet()
    return rollout


@scenario
def manual_mode() -> Rollout:
    """M1, M4, T2: in mode Manual nothing happens by itself; automatic upgrades wait until the model is applied."""
    rollout = proven(3, mode="Manual")
    change_model(rollout, GOOD_SIDECAR)
    rollout.run_for(30)
    rollout.publish("1.1.0")
    rollout.run_for(5)
    rollout.start_run("one", type="Model", instances="2")
    rollout.run(lambda: rollout.code("one") == "Completed")
    rollout.start_run("all", type="Model")
    rollout.run(lambda: rollout.code("all") == "Completed")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def automatic_mode() -> Rollout:
    """M1: in mode Automatic a model change reaches all instances at once, recorded as a run with one batch."""
    rollout = proven(5, mode="Automatic")
    change_model(rollout, GOOD_SIDECAR)
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def pinned_up_and_down() -> Rollout:
    """M5, V5: a changed pin is rolled out like a model change, down too; back to latest, automatic upgrades go on."""
    rollout = proven(3, automatic=False)
    rollout.publish("1.1.0")
    for version in ("1.1.0", "1.0.0"):
        rollout.patch_set({"imageReference": {"version": version}})
        rollout.run(lambda version=version: rollout.status["provenImageVersion"] == version)  # type: ignore[misc]
        rollout.run_for(5)
    rollout.patch_set({"imageReference": {"version": "latest"}})
    rollout.run_until_quiet()
    return rollout


@scenario
def refused_model_touches_nothing() -> Rollout:
    """M3: a model that the API server refuses is found before anything is touched; its fix rolls."""
    rollout = proven(3)
    rollout.patch_set({"template": {"metadata": {"annotations": {"simulation/refuse": "Invalid"}}}})
    rollout.run_for(20)
    rollout.patch_set({"template": {"metadata": {"annotations": {"simulation/refuse": None, "fixed": "yes"}}}})
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def old_models_are_pruned() -> Rollout:
    """M2, M4: in mode Manual models pile up; ten are kept, the one in use always, and it can still be repaired with."""
    rollout = proven(1, automatic=False, mode="Manual")
    for number in range(12):
        change_model(rollout, f"registry.example/sidecar:{number}")
        rollout.run_for(1)
        rollout.say(f"{len(rollout.server.list(CONTROLLER_REVISIONS, 'default').items)} models are kept")
    rollout.delete_pod(0)
    rollout.run_for(10)
    rollout.start_run("apply", type="Model")
    rollout.run(lambda: rollout.code("apply") == "Completed")
    rollout.run_until_quiet()
    return rollout


@scenario
def pinned_to_a_version_that_fails() -> Rollout:
    """M5, F3, I6: it is put back, held and not tried again; another pin rolls."""
    rollout = proven(5, automatic=False)
    rollout.publish("1.1.0", never_ready())
    rollout.patch_set({"imageReference": {"version": "1.1.0"}})
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    rollout.publish("1.0.1")
    rollout.patch_set({"imageReference": {"version": "1.0.1"}})
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.0.1")
    rollout.run_until_quiet()
    return rollout


@scenario
def pinned_to_an_excluded_version() -> Rollout:
    """M5, T9: a pin names its version, so that may be excluded from latest, before its run or in the middle of it."""
    rollout = proven(3)
    rollout.publish("1.1.0", excludeFromLatest=True)
    off = {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": False}}
    rollout.patch_set({"upgradePolicy": off, "imageReference": {"version": "1.1.0"}}, "pinned to 1.1.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.publish("1.2.0")
    rollout.patch_set({"imageReference": {"version": "1.2.0"}}, "pinned to 1.2.0")
    rollout.run(lambda: rollout.versions().get("1.2.0") == "0")
    rollout.patch_version("1.2.0", {"excludeFromLatest": True})
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.2.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def model_that_is_refused_supersedes_nothing() -> Rollout:
    """T5, M3: the new run's own checks come first: while the API server refuses the newer model, the run goes on."""
    rollout = proven(5)
    change_model(rollout, "good")
    rollout.run(lambda: bool(rollout.active_run()))
    rollout.run_for(4)
    rollout.patch_set({"template": {"metadata": {"annotations": {"simulation/refuse": "Invalid"}}}})
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout
