"""I8: killed between any two writes and started again, a rollout ends as it would have."""

from collections.abc import Callable

import pytest

from tests.simulation.faults import Fault, Killed, at_write, killed, lost
from tests.simulation.images import never_ready
from tests.simulation.machine_scenarios import machines, make_golden, of_claims, publish, publish_claim
from tests.simulation.rollout import Rollout
from tests.simulation.scenarios import proven

REPLICAS = 5


def upgrade(rollout: Rollout) -> bool:
    return rollout.status.get("provenImageVersion") == "1.1.0"


def hold(rollout: Rollout) -> bool:
    return bool(rollout.status.get("heldVersions")) and not rollout.active_run()


def good(rollout: Rollout) -> None:
    rollout.publish("1.1.0")


def bad(rollout: Rollout) -> None:
    rollout.publish("1.1.0", never_ready())


def in_place(rollout: Rollout) -> None:
    rollout.patch_set({"upgradePolicy": {"replacementMethod": "InPlaceIfPossible"}})


def good_in_place(rollout: Rollout) -> None:
    in_place(rollout)
    good(rollout)


def bad_in_place(rollout: Rollout) -> None:
    in_place(rollout)
    bad(rollout)


def good_disk(rollout: Rollout) -> None:
    publish(rollout, "1.1.0")


def bad_disk(rollout: Rollout) -> None:
    publish(rollout, "1.1.0", "-nostart")


def bad_claim(rollout: Rollout) -> None:
    make_golden(rollout, "1.1.0", "-nostart")
    publish_claim(rollout, "1.1.0", "-nostart")


STORIES = {
    "good": (proven, good, upgrade, {"1.1.0": "0-4"}),
    "bad": (proven, bad, hold, {"1.0.0": "0-4"}),
    "good, in place": (proven, good_in_place, upgrade, {"1.1.0": "0-4"}),
    "bad, in place": (proven, bad_in_place, hold, {"1.0.0": "0-4"}),
    "good, machines": (machines, good_disk, upgrade, {"1.1.0": "0-4"}),
    "bad, machines": (machines, bad_disk, hold, {"1.0.0": "0-4"}),
    "bad, machines with claims": (of_claims, bad_claim, hold, {"1.0.0": "0-4"}),
}


def run_with_kills(rollout: Rollout, done: Callable[[Rollout], bool]) -> int:
    """Runs to the end; each kill is followed by a start. How many kills there were."""
    kills = 0
    for _ in range(600):
        try:
            rollout.settle()
        except Killed:
            kills += 1
            rollout.restart()
            continue
        if done(rollout):
            return kills
        rollout.cluster.advance(1)
    raise AssertionError("did not end:\n" + "\n".join(rollout.log[-20:]))


def writes_of(story: str) -> int:
    """How many writes the story takes when nothing happens to it."""
    make, begin, done, _ = STORIES[story]
    rollout = make(REPLICAS)
    before = len(rollout.process.api.writes)
    begin(rollout)
    run_with_kills(rollout, done)
    rollout.run_until_quiet(quiet=20)
    return len(rollout.process.api.writes) - before


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("story", STORIES)
def test_killed_at_any_write(story: str, when: str) -> None:
    """I8: the process is gone before or after the write, and starts again with nothing in its memory."""
    for number in range(writes_of(story)):
        check(story, number, killed(when))  # type: ignore[arg-type]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("story", STORIES)
def test_any_write_is_lost(story: str, when: str) -> None:
    """I8: the call fails before its effect, or its answer does not arrive."""
    for number in range(writes_of(story)):
        check(story, number, lost(when))  # type: ignore[arg-type]


def check(story: str, number: int, fault: Fault) -> None:
    make, begin, done, versions = STORIES[story]
    rollout = make(REPLICAS)
    rollout.process.api.plan = at_write(number, fault)
    begin(rollout)
    run_with_kills(rollout, done)
    try:
        rollout.run_until_quiet(quiet=20)
    except Killed:  # some things are written when all is over, such as who uses a version
        rollout.restart()
        rollout.run_until_quiet(quiet=20)
    assert rollout.versions() == versions, f"write {number}: {rollout.text()}"
    codes = [rollout.code(run["metadata"]["name"]) for run in rollout.runs()]
    assert codes == ["Completed" if story.startswith("good") else "Faulted"], f"write {number}: {rollout.text()}"
    assert all(not run["metadata"].get("finalizers") for run in rollout.runs()), f"write {number}"
    assert len(rollout.status["osUpgradeHistory"]) == 1, f"write {number}"
