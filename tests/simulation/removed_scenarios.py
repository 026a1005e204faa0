"""Golden logs of runs that are removed by force: finalizer stripped, object deleted (F7, H3)."""

from tests.simulation.images import never_ready
from tests.simulation.rollout import Rollout
from tests.simulation.scenarios import ended, proven, scenario


def _begun(rollout: Rollout) -> str:
    """The active run, with a pod of its batch made."""
    rollout.run(lambda: len(rollout.versions()) > 1)
    return rollout.active_run()


@scenario
def run_removed_by_force() -> Rollout:
    """F7, I1: the run object vanishes in mid-batch; its instances are settled first, then a new run goes on."""
    rollout = proven(5)
    rollout.publish("1.1.0")
    rollout.remove_run_by_force(_begun(rollout))
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def run_removed_by_force_to_a_broken_version() -> Rollout:
    """F7, H3: what does not become healthy gets back what it ran, as the set knows; then it is tried anew."""
    rollout = proven(5)
    rollout.publish("1.1.0", never_ready())
    rollout.remove_run_by_force(_begun(rollout))
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def run_removed_by_force_while_putting_back() -> Rollout:
    """F7, H3: the set's assignment tells who is being put back, after a restart of the controller too."""
    rollout = proven(5)
    rollout.publish("1.1.0", never_ready())
    rollout.run(lambda: rollout.active_run() != "" and rollout.code(rollout.active_run()) == "RollingBack")
    rollout.remove_run_by_force(rollout.active_run())
    rollout.opt_out()
    rollout.restart()
    rollout.run_until_quiet()
    return rollout


@scenario
def users_run_removed_by_force() -> Rollout:
    """F7, T4, T7: a user's run puts nothing back; what it left failed is mended by the next one, which waits for it."""
    rollout = proven(5, automatic=False)
    rollout.publish("1.1.0", never_ready())
    rollout.start_run("up", "1.1.0")
    rollout.remove_run_by_force(_begun(rollout))
    rollout.start_run("down", "1.0.0")
    rollout.run(lambda: rollout.code("down") == "Completed")
    rollout.run_until_quiet()
    return rollout


@scenario
def run_removed_by_force_in_place() -> Rollout:
    """F7, H3: an image that was changed in place is put back in place."""
    rollout = proven(5)
    rollout.patch_set({"upgradePolicy": {"replacementMethod": "InPlaceIfPossible"}}, "InPlaceIfPossible")
    rollout.publish("1.1.0", never_ready())
    rollout.remove_run_by_force(_begun(rollout))
    rollout.opt_out()
    rollout.run_until_quiet()
    return rollout
