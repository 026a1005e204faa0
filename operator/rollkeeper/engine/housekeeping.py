"""Runs that are not active: Pending, refused, finished, too old (F6, F7, F9, T5)."""

from datetime import datetime, timedelta

from rollkeeper.api.v1alpha1 import UpgradeRun
from rollkeeper.api.v1alpha1.names import FINALIZER_RUN
from rollkeeper.engine import queue, run_events, run_status
from rollkeeper.engine.actions import (
    Action,
    AddRunFinalizer,
    DeleteRevision,
    DeleteRun,
    RemoveRunFinalizer,
    WriteRun,
)
from rollkeeper.engine.context import Context
from rollkeeper.engine.queue import FINAL, Queue, code_of
from rollkeeper.engine.reasons import Code
from rollkeeper.engine.target import Refused

KEPT_RUNS = 5
KEPT_REVISIONS = 10


def guard(run: UpgradeRun) -> tuple[Action, ...]:
    """F7: the finalizer stands on a run before it becomes active."""
    return () if FINALIZER_RUN in run.metadata.finalizers else (AddRunFinalizer(run.metadata.name),)


def runs(ctx: Context, waiting: Queue, named: UpgradeRun | None) -> list[Action]:
    """Everything that runs other than the active one need."""
    actions: list[Action] = []
    for ended in waiting.ended:
        actions += _end(ctx, ended.run, ended.refused)
    for wait in waiting.waiting:
        status = run_status.pending(wait.run, wait.reason, wait.message, ctx.stamp)
        if status != wait.run.status:
            actions.append(WriteRun(wait.run.metadata.name, status, urgent=True))
    actions += [DeleteRun(r.metadata.name, "its target is no longer due") for r in waiting.obsolete]
    for second in queue.surplus_active(ctx, named):
        actions += _end(ctx, second, Refused(Code.INTERNAL, "another run of the set is active"))
    for run in ctx.snapshot.runs:
        if code_of(run) in FINAL and run is not named:
            actions += _after_end(ctx, run)
    actions += [*_prune(ctx, named, "OSImage"), *_prune(ctx, named, "Model")]
    return actions


def _end(ctx: Context, run: UpgradeRun, refused: Refused) -> list[Action]:
    status = run_status.ended(run, refused, ctx.stamp)
    ended = run.model_copy(update={"status": status})
    return [WriteRun(run.metadata.name, status, urgent=True), *run_events.of_end(ended)]


def _after_end(ctx: Context, run: UpgradeRun) -> list[Action]:
    actions: list[Action] = []
    if run.status.observed_generation != run.metadata.generation and run.metadata.deletion_timestamp is None:
        actions.append(WriteRun(run.metadata.name, run_status.restamped(run, ctx.stamp), urgent=True))
    if FINALIZER_RUN in run.metadata.finalizers:
        actions.append(RemoveRunFinalizer(run.metadata.name))
    expires = expires_at(run)
    if expires is not None and ctx.now >= expires and _is_free(run):
        actions.append(DeleteRun(run.metadata.name, "ttlSecondsAfterFinished is over"))
    return actions


def expires_at(run: UpgradeRun) -> datetime | None:
    """F6: when a finished run is to be deleted, if its user said so."""
    running = run.status.running_status
    if run.spec.ttl_seconds_after_finished is None or running is None or running.completed_time is None:
        return None
    return running.completed_time + timedelta(seconds=run.spec.ttl_seconds_after_finished)


def _prune(ctx: Context, named: UpgradeRun | None, kind: str) -> list[Action]:
    """F6: of the controller's own runs the newest five stay, and those that a hold names."""
    status = ctx.snapshot.scale_set.status
    held = {hold.run_name for hold in status.held_versions} | {h.run_name for h in status.held_model_revisions}
    own = [
        run
        for run in ctx.snapshot.runs
        if run.spec.started_by == "Platform"
        and run.spec.type == kind
        and code_of(run) in FINAL
        and run is not named
        and _is_free(run)
    ]
    newest_first = sorted(
        own,
        key=lambda r: (r.metadata.creation_timestamp is not None, r.metadata.creation_timestamp, r.metadata.name),
        reverse=True,
    )
    return [
        DeleteRun(run.metadata.name, f"only the newest {KEPT_RUNS} runs are kept")
        for run in newest_first[KEPT_RUNS:]
        if run.metadata.name not in held
    ]


def prune_revisions(ctx: Context) -> list[Action]:
    """M2: of the models that nothing uses the oldest go, when there are more than ten in all."""
    existing = ctx.snapshot.revisions
    surplus = len(existing) - KEPT_REVISIONS
    if surplus <= 0:
        return []
    status = ctx.snapshot.scale_set.status
    used = {ctx.snapshot.revision, status.proven_model_revision, status.creation_model_revision}
    used |= {pair.revision for pair in ctx.assignment.values()}
    used |= {instance.pair.revision for instance in ctx.instances.values()}
    used |= {
        origin.model_revision for run in ctx.snapshot.runs for origin in run.status.origins if code_of(run) not in FINAL
    }
    if status.batch_in_hand is not None:
        used |= {origin.model_revision for origin in status.batch_in_hand.origins}
    used |= {run.status.target_model_revision for run in ctx.snapshot.runs if code_of(run) not in FINAL}
    unused = sorted((number, name) for name, number in existing.items() if name not in used)
    return [DeleteRevision(name) for _, name in unused[:surplus]]


def _is_free(run: UpgradeRun) -> bool:
    return run.metadata.deletion_timestamp is None and FINALIZER_RUN not in run.metadata.finalizers
