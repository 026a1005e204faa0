"""I10: what the clock of the controller's machine says does not matter; elapsed time is the API server's."""

import re
from datetime import timedelta

import pytest

from tests.simulation.images import never_ready
from tests.simulation.machine import Machine
from tests.simulation.rollout import Rollout

RIGHT = timedelta(0)
YEAR, MINUTES = timedelta(days=400), timedelta(minutes=7)


def _rollout(before: timedelta, then: timedelta) -> Rollout:
    """A good version, then a broken one, whose time-outs put it back; the clock jumps in between, and at a restart."""
    rollout = Rollout(5, machine=Machine)
    assert rollout.machine is not None
    rollout.machine.wrong = before
    rollout.restart()
    rollout.create_set()
    rollout.publish("1.0.0")
    rollout.run(lambda: rollout.status.get("provenImageVersion") == "1.0.0")
    rollout.publish("1.1.0")
    rollout.run(lambda: bool(rollout.active_run()))
    rollout.machine.wrong = then
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.publish("1.2.0", never_ready())
    rollout.run(lambda: bool(rollout.active_run()))
    rollout.restart()
    rollout.run(lambda: bool(rollout.status.get("heldVersions")))
    rollout.run_until_quiet(quiet=30)
    return rollout


def _story(rollout: Rollout) -> list[str]:
    """What happened, without the seconds: a Date header tells no parts of them, so a step may come a second later."""
    return [re.sub(r"^ *\d+s", "", line) for line in rollout.log if "not ready yet" not in line]


def _ended(rollout: Rollout) -> int:
    """When the last thing happened."""
    found = re.match(r" *(\d+)s", rollout.log[-1])
    assert found is not None
    return int(found[1])


@pytest.fixture(scope="module")
def right() -> Rollout:
    """With a clock that is right."""
    return _rollout(RIGHT, RIGHT)


@pytest.mark.parametrize(("before", "then"), [(YEAR, -MINUTES), (-YEAR, MINUTES), (RIGHT, YEAR), (MINUTES, -YEAR)])
def test_i10_a_rollout_is_the_same_whatever_the_machines_clock_says(
    right: Rollout, before: timedelta, then: timedelta
) -> None:
    wrong = _rollout(before, then)
    assert _story(wrong) == _story(right)
    assert abs(_ended(wrong) - _ended(right)) <= 1


def test_i10_a_machine_that_slept_fails_nothing() -> None:
    """Its monotonic clock stood still; the next answer tells the time, and what is healthy has not timed out."""
    rollout = Rollout(5, machine=Machine)
    assert rollout.machine is not None
    rollout.create_set()
    rollout.publish("1.0.0")
    rollout.run(lambda: rollout.status.get("provenImageVersion") == "1.0.0")
    rollout.publish("1.1.0")
    rollout.run(lambda: bool(rollout.active_run()))
    rollout.cluster.advance(3600)
    rollout.machine.slept += timedelta(seconds=3600)
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    run = rollout.last_run()["status"]
    assert (run["runningStatus"]["code"], run["failures"]) == ("Completed", [])
