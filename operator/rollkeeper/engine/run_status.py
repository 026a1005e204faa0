"""A run's status in the words of the API: code, counts, conditions, sentence."""

from datetime import datetime
from typing import Literal

from rollkeeper.api.v1alpha1 import ScaleSet, UpgradeRun, UpgradeRunStatus
from rollkeeper.api.v1alpha1.scale_set_status import (
    Progress,
    RollbackInfo,
    RunCode,
    RunError,
    RunningStatus,
    TargetImageReference,
)
from rollkeeper.api.v1alpha1.upgrade_run_status import RunInstances, RunPolicy
from rollkeeper.engine import conditions, platform, ranges, run_state
from rollkeeper.engine.conditions import Status, Wanted
from rollkeeper.engine.context import Context
from rollkeeper.engine.queue import FINAL
from rollkeeper.engine.ranges import Ordinals
from rollkeeper.engine.reasons import Code, Course
from rollkeeper.engine.run import Advanced, End
from rollkeeper.engine.run_state import RunState
from rollkeeper.engine.snapshot import Pair
from rollkeeper.engine.target import Refused

_FINAL_CODE: dict[Code, RunCode] = {
    Code.COMPLETED: "Completed",
    Code.COMPLETED_WITH_FAILURES: "Completed",
    Code.CANCELLED_BY_USER: "Cancelled",
    Code.OPTED_OUT: "Cancelled",
    Code.TARGET_WITHDRAWN: "Cancelled",
    Code.PRECONDITION_LOST: "Cancelled",
    Code.SUPERSEDED: "Cancelled",
    Code.SCALE_SET_DELETED: "Cancelled",
}


def start(run: UpgradeRun, ctx: Context, pair: Pair, members: Ordinals) -> UpgradeRun:
    """The run as it leaves Pending: target, policy and instances are fixed (I4)."""
    scale_set, now = ctx.snapshot.scale_set, ctx.stamp
    has_image = run.spec.type == "OSImage" or bool(ctx.on_other_image)
    policy = scale_set.spec.upgrade_policy
    rollback = run.spec.automatic_rollback
    if rollback is None:
        rollback = (
            run.spec.started_by == "Platform" and not policy.automatic_os_upgrade_policy.disable_automatic_rollback
        )
    rolling = scale_set.spec.rolling_upgrade_policy.model_dump()
    if policy.mode == "Automatic" and platform.cause_of(run) in ("Model", "Pin"):
        rolling["max_batch_instance_percent"] = 100  # M1: all at once, recorded as a run with one batch
    status = run.status.model_copy(
        update={
            "running_status": RunningStatus(
                code="RollingForward", start_time=now, last_action="Start", last_action_time=now
            ),
            "target_image_reference": _image(scale_set, pair) if has_image else None,
            "target_model_revision": pair.revision,
            "policy": RunPolicy(**rolling, automatic_rollback=rollback, replacement_method=policy.replacement_method),
            "instances": RunInstances(pending=ranges.render(members)),
        }
    )
    return run.model_copy(update={"status": status})


def _image(scale_set: ScaleSet, pair: Pair) -> TargetImageReference:
    reference = scale_set.spec.image_reference
    return TargetImageReference(
        publisher=reference.publisher,
        offer=reference.offer,
        sku=reference.sku,
        gallery=reference.gallery,
        definition=reference.definition,
        version=pair.version,
        image=pair.image,
    )


def active(advanced: Advanced, now: datetime) -> UpgradeRunStatus:
    """The status of a run that goes on, or has just ended."""
    state = advanced.state
    status = run_state.dump(state)
    running = status.running_status or RunningStatus()
    if advanced.end is not None:
        return _final(state.run, _with_counts(status, state), advanced.end, now)
    running = _with_action(state.run, running, now).model_copy(
        update={"code": "RollingBack" if state.putting_back else "RollingForward"}
    )
    status = status.model_copy(update={"running_status": running, "message": advanced.look.message})
    reason = advanced.blocked.reason if advanced.blocked is not None else Course.UPGRADING
    return _stamped(state.run, _with_counts(status, state), reason, now)


def _with_action(run: UpgradeRun, running: RunningStatus, now: datetime) -> RunningStatus:
    """Notes pause, resume and cancel when they are first seen (F2)."""
    action: Literal["Start", "Pause", "Resume", "Cancel"] | None = running.last_action
    if run.spec.desired_state == "Cancelled" or run.metadata.deletion_timestamp is not None:
        action = "Cancel"
    elif run.spec.desired_state == "Paused":
        action = "Pause"
    elif running.last_action == "Pause":
        action = "Resume"
    if action == running.last_action:
        return running
    return running.model_copy(update={"last_action": action, "last_action_time": now})


def _with_counts(status: UpgradeRunStatus, state: RunState) -> UpgradeRunStatus:
    tally = state.tally
    return status.model_copy(
        update={
            "progress": Progress(
                successful_instance_count=len(tally.succeeded),
                failed_instance_count=len(tally.failed),
                in_progress_instance_count=len(tally.in_progress),
                pending_instance_count=len(tally.pending),
                skipped_instance_count=len(tally.skipped),
                summary=f"{len(tally.succeeded)}/{len(tally.members)}",
            ),
            "rollback_info": RollbackInfo(
                successfully_rolledback_instance_count=len(tally.rolled_back),
                failed_rolledback_instance_count=len(tally.rollback_failed),
            ),
        }
    )


def _final(run: UpgradeRun, status: UpgradeRunStatus, end: End, now: datetime) -> UpgradeRunStatus:
    code = _FINAL_CODE.get(end.code, "Faulted")
    running = (status.running_status or RunningStatus()).model_copy(update={"code": code, "completed_time": now})
    error = None if code == "Completed" else RunError(code=end.code, message=end.message)
    status = status.model_copy(
        update={"running_status": running, "current_batch": None, "error": error, "message": end.message}
    )
    return _stamped(run, status, end.code, now)


def ended(run: UpgradeRun, refused: Refused, now: datetime) -> UpgradeRunStatus:
    """A run that ends before it became active, or with its set (T6, M3, T4)."""
    status = run.status.model_copy(update={"relapses": ()})
    running = (status.running_status or RunningStatus()).model_copy(update={"start_time": _start_time(run)})
    return _final(run, status.model_copy(update={"running_status": running}), End(refused.code, refused.message), now)


def _start_time(run: UpgradeRun) -> datetime | None:
    return run.status.running_status.start_time if run.status.running_status else None


def pending(run: UpgradeRun, reason: str, message: str, now: datetime) -> UpgradeRunStatus:
    """A run that waits, and for what (T5)."""
    status = run.status.model_copy(update={"running_status": RunningStatus(code="Pending"), "message": message})
    return _stamped(run, status, reason, now)


def restamped(run: UpgradeRun, now: datetime) -> UpgradeRunStatus:
    """A finished run whose generation moved: kubectl wait ignores conditions of older generations."""
    reason = next((c.reason for c in run.status.conditions if c.type == "Finished"), Course.FINISHED)
    return _stamped(run, run.status, reason, now)


def _stamped(run: UpgradeRun, status: UpgradeRunStatus, reason: str, now: datetime) -> UpgradeRunStatus:
    code = status.running_status.code if status.running_status else "Pending"
    paused = run.spec.desired_state == "Paused" and code not in FINAL
    return status.model_copy(
        update={
            "observed_generation": run.metadata.generation,
            "display_status": "Paused" if paused else code,
            "conditions": conditions.merge(
                run.status.conditions,
                _wanted(code, reason, status.message or "", paused=paused),
                run.metadata.generation,
                now,
            ),
        }
    )


def _wanted(code: RunCode, reason: str, message: str, *, paused: bool) -> list[Wanted]:
    final = code in FINAL
    done = code == "Completed"
    succeeded: Status = "True" if done else "False" if final else "Unknown"
    # The sentence of a run that goes on stands in status.message; repeated here it would only be written twice.
    said = message if final or code == "Pending" else ""
    return [
        Wanted("Succeeded", succeeded, reason, said),
        Wanted("Finished", _status(final), reason, said),
        Wanted("Paused", _status(paused), Course.PAUSED if paused else Course.NOT_PAUSED),
        Wanted("Ready", _status(done), reason, said),
        Wanted("Reconciling", _status(not final), reason if not final else Course.FINISHED),
        Wanted("Stalled", _status(final and not done), reason if final and not done else Course.NOT_STALLED),
    ]


def _status(value: bool) -> Status:  # noqa: FBT001
    return "True" if value else "False"
