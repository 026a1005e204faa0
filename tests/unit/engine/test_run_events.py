"""run_events: every change of a run's state is told, on the run and on its set, and nothing twice."""

from typing import Any

import pytest

from rollkeeper.api.v1alpha1 import UpgradeRun
from rollkeeper.engine import run_events
from rollkeeper.engine.actions import EmitEvent

from .builders import active_run, finished, upgrade_run

Told = list[tuple[str, str, str]]
"""Kind of the object, type and reason of the event."""


def seen(code: str = "RollingForward", shown: str | None = None, **fields: Any) -> UpgradeRun:
    run = active_run(code=code, **fields)
    return run.model_copy(update={"status": run.status.model_copy(update={"display_status": shown or code})})


def told(actions: list[Any]) -> Told:
    assert all(isinstance(action, EmitEvent) for action in actions)
    return [(event.regarding, event.type, str(event.reason)) for event in actions]


def both(reason: str, kind: str = "Normal") -> Told:
    return [("UpgradeRun", kind, reason), ("ScaleSet", kind, reason)]


COURSE: dict[str, tuple[UpgradeRun, UpgradeRun, Told]] = {
    "started": (upgrade_run(), seen(), both("UpgradeStarted")),
    "goes on as before": (seen(), seen(), []),
    "puts back": (seen(), seen("RollingBack"), both("PuttingBack", "Warning")),
    "has put back": (seen("RollingBack"), seen(), both("UpgradeGoesOn")),
    "paused": (seen(), seen(shown="Paused"), both("UpgradePaused")),
    "paused while it puts back": (seen("RollingBack"), seen("RollingBack", "Paused"), both("UpgradePaused")),
    "stays paused": (seen(shown="Paused"), seen("RollingBack", "Paused"), []),
    "resumed": (seen(shown="Paused"), seen(), both("UpgradeResumed")),
    "resumed to put back": (seen(shown="Paused"), seen("RollingBack"), both("PuttingBack", "Warning")),
    "ended, which is told when it is written": (seen(), seen("Completed"), []),
}


@pytest.mark.parametrize(("before", "after", "events"), COURSE.values(), ids=COURSE)
def test_every_change_of_state_is_told_once(before: UpgradeRun, after: UpgradeRun, events: Told) -> None:
    assert told(run_events.of_step(before, after)) == events


@pytest.mark.parametrize(
    ("code", "error", "event"),
    [
        ("Completed", "", both("UpgradeCompleted")),
        ("Cancelled", "CancelledByUser", both("UpgradeCancelled")),
        ("Faulted", "MaxUnhealthyUpgradedInstancePercentExceeded", both("UpgradeFaulted", "Warning")),
    ],
)
def test_the_end_is_told_with_its_code(code: str, error: str, event: Told) -> None:
    actions = run_events.of_end(finished(code, error))
    assert told(actions) == event
    assert all(isinstance(action, EmitEvent) and error in action.message for action in actions)


def test_a_batch_is_told_on_the_run_alone() -> None:
    before, after = seen(pending="0-9"), seen(inProgress="0-1", pending="2-9", batch=(1, "0-1"))
    assert told(run_events.of_step(before, after)) == [("UpgradeRun", "Normal", "BatchStarted")]
    assert run_events.of_step(after, after) == []
