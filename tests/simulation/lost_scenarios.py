"""Golden logs of a status that is lost (F3, F4, F9)."""

from tests.simulation.images import never_ready
from tests.simulation.rollout import Rollout
from tests.simulation.scenarios import ended, proven, scenario


@scenario
def status_lost_in_mid_run() -> Rollout:
    """F4, F9: nothing is replaced because of it; the active run is taken up again and ends as it would have."""
    rollout = proven(5)
    rollout.publish("1.1.0")
    rollout.run(lambda: bool(rollout.active_run()))
    rollout.run_for(7)
    rollout.lose_status()
    rollout.run(lambda: rollout.status.get("provenImageVersion") == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def status_lost_at_rest() -> Rollout:
    """F3, F4: what is proven is read from the instances, the hold from the run that caused it; nothing is touched."""
    rollout = proven(5)
    rollout.publish("1.1.0", never_ready())
    rollout.run(ended(rollout))
    rollout.run_until_quiet(quiet=30)
    rollout.lose_status()
    rollout.run_until_quiet()
    return rollout


@scenario
def status_lost_after_going_down() -> Rollout:
    """V5, F4: a user went down from 1.1.0; that is remembered, so nothing brings the set back up."""
    rollout = proven(3, version="1.1.0")
    rollout.publish("1.0.0")
    rollout.start_run("down", "1.0.0")
    rollout.run(lambda: rollout.code("down") == "Completed")
    rollout.run_until_quiet(quiet=30)
    rollout.lose_status()
    rollout.run_until_quiet()
    return rollout
