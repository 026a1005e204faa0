"""What people are told of a run as Kubernetes Events: every change of its state, on the run and on its set."""

from typing import Literal

from rollkeeper.api.v1alpha1 import UpgradeRun
from rollkeeper.engine.actions import Action, EmitEvent
from rollkeeper.engine.queue import FINAL, code_of
from rollkeeper.engine.reasons import Event

_ENDED = {"Completed": Event.UPGRADE_COMPLETED, "Cancelled": Event.UPGRADE_CANCELLED}


def of_step(before: UpgradeRun, after: UpgradeRun) -> list[Action]:
    """A step of an active run: where it stands, its batches and its failures. Its end is told by `of_end`."""
    return [*_course(before, after), *_batch(before, after), *_failures(before, after)]


def of_end(run: UpgradeRun) -> list[Action]:
    """The end of a run."""
    code = code_of(run)
    error = f"{run.status.error.code}: " if run.status.error else ""
    reason = _ENDED.get(code, Event.UPGRADE_FAULTED)
    return _on_both(run, reason, f"{error}{run.status.message or code}", warning=code == "Faulted")


def _course(before: UpgradeRun, after: UpgradeRun) -> list[Action]:
    was, now = _shown(before), _shown(after)
    if was == now or now in FINAL:
        return []
    sentence = after.status.message or now
    if code_of(before) == "Pending":
        return _on_both(after, Event.UPGRADE_STARTED, f"upgrade to {_target(after)} started by {after.spec.started_by}")
    if now == "Paused":
        return _on_both(after, Event.UPGRADE_PAUSED, sentence)
    if now == "RollingBack":
        return _on_both(after, Event.PUTTING_BACK, sentence, warning=True)
    return _on_both(after, Event.UPGRADE_RESUMED if was == "Paused" else Event.UPGRADE_GOES_ON, sentence)


def _batch(before: UpgradeRun, after: UpgradeRun) -> list[Action]:
    old, new = before.status.current_batch, after.status.current_batch
    if new is None or new.phase != "Upgrading" or (old is not None and old.number == new.number):
        return []
    message = after.status.message or f"batch {new.number}: instances {new.instances}"
    return [EmitEvent("UpgradeRun", after.metadata.name, "Normal", Event.BATCH_STARTED, message)]


def _failures(before: UpgradeRun, after: UpgradeRun) -> list[Action]:
    name = after.metadata.name
    return [
        EmitEvent(
            "UpgradeRun",
            name,
            "Warning",
            Event.INSTANCE_FAILED,
            f"instance {failure.instance}: {failure.reason}: {failure.message}",
        )
        for failure in after.status.failures
        if failure not in before.status.failures
    ]


def _shown(run: UpgradeRun) -> str:
    """`Paused`, or the code: the state as columns show it."""
    return run.status.display_status or code_of(run)


def _target(run: UpgradeRun) -> str:
    reference = run.status.target_image_reference
    return reference.version if reference is not None else f"model {run.status.target_model_revision}"


def _on_both(run: UpgradeRun, reason: Event, message: str, *, warning: bool = False) -> list[Action]:
    kind: Literal["Normal", "Warning"] = "Warning" if warning else "Normal"
    name = run.metadata.name
    return [
        EmitEvent("UpgradeRun", name, kind, reason, message),
        EmitEvent("ScaleSet", run.spec.scale_set_name, kind, reason, f"UpgradeRun {name}: {message}"),
    ]
