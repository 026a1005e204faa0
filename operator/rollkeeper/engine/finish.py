"""What the set takes note of when a run has ended, in one write: proven, holds, left-failed, retry, history (F9)."""

from datetime import datetime, timedelta

from rollkeeper.api.v1alpha1 import ScaleSet, ScaleSetStatus, UpgradeRun
from rollkeeper.api.v1alpha1.scale_set_status import (
    HistoryEntry,
    HistoryProgress,
    HistoryRunningStatus,
    Progress,
    RollbackInfo,
    RunningStatus,
    TargetImageReference,
)
from rollkeeper.engine import holds, ranges, run_state, versions
from rollkeeper.engine.context import Context
from rollkeeper.engine.holds import Ending
from rollkeeper.engine.ranges import Ordinals


def finish(status: ScaleSetStatus, run: UpgradeRun, ctx: Context) -> ScaleSetStatus:
    """F9's second write. Safe to repeat: it is lost or kept as a whole, with `activeRunName`."""
    scale_set = ctx.snapshot.scale_set
    if run.status.instances is None or run.status.policy is None:
        return status.model_copy(update={"active_run_name": None, "batch_in_hand": None})  # it ended before it started
    ending = Ending(run, run_state.load(run))
    status = _prove(status, ending, scale_set)
    versions_held = holds.versions_held(status, ending, ctx)
    models_held = holds.models_held(status, ending, ctx)
    name = run.metadata.name
    held = any(h.run_name == name for h in versions_held) or any(h.run_name == name for h in models_held)
    return status.model_copy(
        update={
            "active_run_name": None,
            "batch_in_hand": None,
            "held_versions": versions_held,
            "held_model_revisions": models_held,
            "left_failed": ranges.render(_left_failed(status, ending, ctx)) or None,
            "retry": holds.retries(status, ending, held=held, now=ctx.stamp),
            "os_upgrade_history": _history(status, ending, scale_set, ctx.now),
        }
    )


def _prove(status: ScaleSetStatus, ending: Ending, scale_set: ScaleSet) -> ScaleSetStatus:
    """F4 (b), (c). While nothing is proven a Model run proves nothing: first creation does, when all are healthy."""
    if not ending.proves or (ending.state.is_model and status.proven_image_version is None):
        return status
    if ending.state.is_model and not ending.state.changes_image:
        return status.model_copy(update={"proven_model_revision": ending.state.target.revision})
    return status.model_copy(
        update={
            "proven_image": ending.image or versions.image_name(scale_set.spec.image_reference),
            "proven_image_version": ending.state.target.version,
            "proven_model_revision": ending.state.target.revision,
            "ever_healthy": None,
        }
    )


def _left_failed(status: ScaleSetStatus, ending: Ending, ctx: Context) -> Ordinals:
    before = ranges.parse(status.left_failed or "")
    return (before | ending.state.tally.failed | frozenset(ending.state.relapses)) & ctx.unhealthy


def _history(status: ScaleSetStatus, ending: Ending, scale_set: ScaleSet, now: datetime) -> tuple[HistoryEntry, ...]:
    """F6: newest first, so many and so old as the set says."""
    policy = scale_set.spec.upgrade_policy
    image = ending.run.status.target_image_reference
    if image is None or ending.state.is_model:
        return status.os_upgrade_history  # a Model run is no OS upgrade
    oldest = now - timedelta(days=policy.run_history_days)
    entries = [e for e in status.os_upgrade_history if e.run_name != ending.run.metadata.name]
    kept = [e for e in entries if (e.running_status.completed_time or now) > oldest]
    return (_entry(ending.run, image), *kept)[: policy.run_history_limit]


def _entry(run: UpgradeRun, image: TargetImageReference) -> HistoryEntry:
    status = run.status
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
        target_image_reference=image.model_copy(update={"image": None}),
        rollback_info=status.rollback_info or RollbackInfo(),
        error=status.error,
    )
