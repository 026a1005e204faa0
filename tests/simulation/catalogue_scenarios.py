"""Rollouts that regions stage (V4), and versions that are deleted while they are used (V7), as golden logs."""

from tests.simulation.rollout import Rollout
from tests.simulation.scenarios import ended, proven, scenario


@scenario
def region_by_region() -> Rollout:
    """V4, T9: a version for another region does nothing here; the region added, it rolls; taken away, the run ends."""
    rollout = proven(5, spec={"region": "eu"})
    rollout.publish("1.1.0", targetRegions=[{"name": "us"}])
    rollout.run_for(10)
    rollout.patch_version("1.1.0", {"targetRegions": [{"name": "us"}, {"name": "eu"}]})
    rollout.run(lambda: bool(rollout.active_run()))
    rollout.run_for(7)
    rollout.patch_version("1.1.0", {"targetRegions": [{"name": "us"}]})
    rollout.run(ended(rollout))
    rollout.run_until_quiet(quiet=30)
    rollout.patch_version("1.1.0", {"targetRegions": []})
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def no_region() -> Rollout:
    """V4: a set without a region waits, and says so, while all versions are for certain regions only."""
    rollout = Rollout(3)
    rollout.create_set()
    rollout.publish("1.0.0", targetRegions=[{"name": "eu"}])
    rollout.run_for(5)
    rollout.publish("1.0.1")
    rollout.run(lambda: rollout.status.get("provenImageVersion") == "1.0.1")
    rollout.run_until_quiet()
    return rollout


@scenario
def version_deleted_while_in_use() -> Rollout:
    """V7, T9, H3: deleted in mid-run the target ends the run, and each version goes when nothing needs it any more."""
    rollout = proven(5)
    rollout.publish("0.9.0")
    rollout.run_for(2)
    rollout.delete_version("0.9.0")
    rollout.run_for(2)
    rollout.publish("1.1.0")
    rollout.run(lambda: rollout.versions().get("1.1.0") == "0-1")
    rollout.delete_version("1.0.0")
    rollout.run_for(5)
    rollout.delete_version("1.1.0")
    rollout.run(ended(rollout))
    rollout.run_until_quiet(quiet=30)
    rollout.publish("1.2.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.2.0")
    rollout.run_until_quiet()
    return rollout
