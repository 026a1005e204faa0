"""What the set takes note of when a run has ended, in one write: proven, holds, left-failed, retry, history (F9)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rollkeeper.api.v1alpha1 import ScaleSet, ScaleSetStatus, UpgradeRun
from rollkeeper.api.v1alpha1.scale_set_status import (
    HeldVersion,
    HistoryEntry,
    HistoryProgress,
    HistoryRunningStatus,
    Progress,
    Retry,
    RollbackInfo,
    RunningStatus,
    TargetImageReference,
)
from rollkeeper.engine import ranges, run_state, versions
from rollkeeper.engine.automatic import attempt_of
from rollkeeper.engine.context import Context
from rollkeeper.engine.ranges import Ordinals
from rollkeeper.engine.reasons import Code, Hold
from rollkeeper.engine.run_state import RunState

MAX_HOLDS = 20
RETRY_AFTER = timedelta(minutes=5)
RETRY_AT_MOST = timedelta(minutes=60)
FAILURES_TO_HOLD = 3


@dataclass(frozen=True)
class Ending:
    """A finished run with what its end means."""

    run: UpgradeRun
    state: RunState
    target: TargetImageReference
    code: str
    """The reason it ended: the error's code, or Completed."""

    @property
    def completed(self) -> bool:
        """It ended Completed."""
        return self.run.status.running_status is not None and self.run.status.running_status.code == "Completed"

    @property
    def proves(self) -> bool:
        """F4 (b): Completed over the whole set with at least one success."""
        return self.completed and self.run.spec.instances is None and bool(self.state.tally.succeeded)

    @property
    def touched(self) -> Ordinals:
        """Instances that the run replaced."""
        return (self.state.tally.succeeded | self.state.tally.failed) & self.state.origins.keys()

    @property
    def only_environment(self) -> bool:
        """F3: every failure came from the surroundings, and putting back did not help either."""
        reasons = self.state.failure_reasons
        return bool(reasons) and all(r.environment for r in reasons) and not self.state.tally.rolled_back


def finish(status: ScaleSetStatus, run: UpgradeRun, ctx: Context) -> ScaleSetStatus:
    """F9's second write. Safe to repeat: it is lost or kept as a whole, with `activeRunName`."""
    scale_set = ctx.snapshot.scale_set
    if run.status.instances is None or run.status.target_image_reference is None:
        return status.model_copy(update={"active_run_name": None})  # it ended before it started
    error = run.status.error
    ending = Ending(
        run, run_state.load(run), run.status.target_image_reference, error.code if error else Code.COMPLETED
    )
    status = _prove(status, ending, scale_set)
    held = _holds(status, ending, ctx)
    return status.model_copy(
        update={
            "active_run_name": None,
            "held_versions": held,
            "left_failed": ranges.render(_left_failed(status, ending, ctx)) or None,
            "retry": _retries(status, ending, held, ctx.stamp),
            "os_upgrade_history": _history(status, ending, scale_set, ctx.now),
        }
    )


def _prove(status: ScaleSetStatus, ending: Ending, scale_set: ScaleSet) -> ScaleSetStatus:
    if not ending.proves:
        return status
    return status.model_copy(
        update={
            "proven_image": versions.image_name(scale_set.spec.image_reference),
            "proven_image_version": ending.state.target.version,
            "proven_model_revision": ending.state.target.revision,
            "ever_healthy": None,
        }
    )


def _left_failed(status: ScaleSetStatus, ending: Ending, ctx: Context) -> Ordinals:
    before = ranges.parse(status.left_failed or "")
    return (before | ending.state.tally.failed | frozenset(ending.state.relapses)) & ctx.unhealthy


def _holds(status: ScaleSetStatus, ending: Ending, ctx: Context) -> tuple[HeldVersion, ...]:
    image = versions.image_name(ctx.snapshot.scale_set.spec.image_reference)
    target = ending.state.target.version
    held = [h for h in status.held_versions if not versions.is_released(ctx.snapshot.scale_set, h)]
    if ending.proves:
        held = [_without(h, image, target) for h in held if (h.image, h.version, h.above) != (image, target, False)]
    new = _new_hold(status, ending, ctx, image)
    if new is not None:
        held = [h for h in held if (h.image, h.version, h.above) != (new.image, new.version, new.above)]
        held.append(new)
    return tuple(held[-MAX_HOLDS:])


def _without(hold: HeldVersion, image: str, target: str) -> HeldVersion:
    """A completed run to a version ends what an `above` hold says of it."""
    if hold.above and hold.image == image and versions.is_higher(target, hold.version):
        return hold.model_copy(update={"except_": (*hold.except_, target)})
    return hold


def _new_hold(status: ScaleSetStatus, ending: Ending, ctx: Context, image: str) -> HeldVersion | None:
    target = ending.state.target.version
    before = ctx.snapshot.scale_set.status.proven_image_version
    reason = _hold_reason(status, ending)
    if reason is not None and target != status.proven_image_version:
        return _hold(ending, image, reason, ending.run.status.message or "", ctx.stamp)
    downgrade = (
        ending.run.spec.started_by == "User"
        and ending.run.spec.instances is None
        and before is not None
        and versions.is_higher(before, target)
        and bool(ending.touched)
    )
    if not downgrade:
        return None
    message = f"a user went down from {before} to {target}: versions above {target} that exist now are held"
    return _hold(ending, image, Hold.USER_DOWNGRADE, message, ctx.stamp).model_copy(update={"above": True})


def _hold(ending: Ending, image: str, reason: Hold, message: str, now: datetime) -> HeldVersion:
    return HeldVersion(
        image=image,
        version=ending.state.target.version,
        run_name=ending.run.metadata.name,
        reason=reason,
        message=message,
        time=now,
    )


def _hold_reason(status: ScaleSetStatus, ending: Ending) -> Hold | None:
    if ending.code == Code.CANCELLED_BY_USER and ending.run.spec.started_by == "Platform":
        return Hold.CANCELLED_BY_USER
    stopped = ending.code == Code.UPGRADED_UNHEALTHY
    fruitless = ending.completed and bool(ending.touched) and not ending.state.tally.succeeded
    if (stopped or fruitless) and not ending.only_environment:
        return Hold.UPGRADED_UNHEALTHY
    if _own_failures(ending) and 1 + _failures_before(status, ending) >= FAILURES_TO_HOLD:
        return Hold.REPEATED_FAILURE
    return None


def _own_failures(ending: Ending) -> bool:
    """A Platform run that B6 stopped, with failures of its instances' own among the reasons."""
    return (
        ending.run.spec.started_by == "Platform"
        and ending.code == Code.UNHEALTHY_DURING
        and any(not r.environment for r in ending.state.failure_reasons)
    )


def _failures_before(status: ScaleSetStatus, ending: Ending) -> int:
    return next((r.failures for r in status.retry if r.target == ending.state.target.version), 0)


def _retries(status: ScaleSetStatus, ending: Ending, held: tuple[HeldVersion, ...], now: datetime) -> tuple[Retry, ...]:
    """F8: what is tried again, and when. A completed run or a new target ends what was noted before.

    The attempt is kept whatever the end was: it is part of the next run's name, and a hold that names a run must not be
    released by the annotation that released an earlier one.
    """
    if ending.completed or ending.run.spec.started_by != "Platform":
        return () if ending.proves else status.retry
    faulted = ending.run.status.running_status is not None and ending.run.status.running_status.code == "Faulted"
    is_held = any(h.version == ending.state.target.version and h.run_name == ending.run.metadata.name for h in held)
    attempt = attempt_of(ending.run)
    failures = 1 + _failures_before(status, ending) if _own_failures(ending) else 0
    delay = min(RETRY_AFTER * 2 ** min(attempt - 1, 10), RETRY_AT_MOST)
    return (
        Retry(
            type="OSImage",
            target=ending.state.target.version,
            attempt=attempt,
            failures=failures,
            not_before=now + delay if faulted and not is_held else None,
        ),
    )


def _history(status: ScaleSetStatus, ending: Ending, scale_set: ScaleSet, now: datetime) -> tuple[HistoryEntry, ...]:
    """F6: newest first, so many and so old as the set says."""
    policy = scale_set.spec.upgrade_policy
    oldest = now - timedelta(days=policy.run_history_days)
    entries = [e for e in status.os_upgrade_history if e.run_name != ending.run.metadata.name]
    kept = [e for e in entries if (e.running_status.completed_time or now) > oldest]
    return (_entry(ending), *kept)[: policy.run_history_limit]


def _entry(ending: Ending) -> HistoryEntry:
    run, status = ending.run, ending.run.status
    running = status.running_status or RunningStatus()
    progress = status.progress or Progress()
    return HistoryEntry(
        run_name=run.metadata.name,
        running_status=HistoryRunningStatus(
            code=running.code, start_time=running.start_time, completed_time=running.completed_time
        ),
        progress=HistoryProgress(
            successful_instance_count=progress.successful_instance_count,
            failed_instance_count=progress.failed_instance_count,
            in_progress_instance_count=progress.in_progress_instance_count,
            pending_instance_count=progress.pending_instance_count,
        ),
        started_by=run.spec.started_by,
        target_image_reference=ending.target.model_copy(update={"image": None}),
        rollback_info=status.rollback_info or RollbackInfo(),
        error=status.error,
    )
