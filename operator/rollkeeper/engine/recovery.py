"""A set's status that was lost, by a backup put back or a replace by hand, worked out again from what is there (F4).

Without it the controller would begin anew: versions that are held would be tried again, and a user who went down would
be brought back up. Finished runs tell what the set had made of them: they are taken note of again, one after another.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from rollkeeper.api.v1alpha1 import ScaleSet, ScaleSetStatus, UpgradeRun
from rollkeeper.engine import assignment as assignments
from rollkeeper.engine.context import Context
from rollkeeper.engine.finish import finish
from rollkeeper.engine.queue import FINAL, code_of
from rollkeeper.engine.snapshot import Pair
from rollkeeper.engine.versions import parse_version

_NEVER = datetime.min.replace(tzinfo=UTC)


def consider(ctx: Context) -> ScaleSetStatus | None:
    """The status that a set without one gets because it has instances; None: nothing was lost.

    The creation version is written before the first pod, so it can't be missing for any other reason.
    """
    status = ctx.snapshot.scale_set.status
    if ctx.proven or status.creation_version is not None or not ctx.instances:
        return None
    healthy = ctx.healthy & ctx.instances.keys()
    most_run = assignments.most_run(ctx.instances, healthy or frozenset(ctx.instances))
    for run in _finished(ctx.snapshot.scale_set, ctx.snapshot.runs):
        status = _taken_note_of(run, status, ctx)
    return _proven(status, most_run, ctx) if most_run is not None else None


def _finished(scale_set: ScaleSet, runs: Iterable[UpgradeRun]) -> list[UpgradeRun]:
    """The runs of this set that had begun and have ended, in their order; not those of an earlier set of its name."""
    created = scale_set.metadata.creation_timestamp or _NEVER
    ended = [r for r in runs if code_of(r) in FINAL and (r.metadata.creation_timestamp or _NEVER) >= created]
    return sorted((r for r in ended if r.status.policy is not None), key=_completed)


def _completed(run: UpgradeRun) -> datetime:
    running = run.status.running_status
    return (running.completed_time if running else None) or _NEVER


def _taken_note_of(run: UpgradeRun, status: ScaleSetStatus, ctx: Context) -> ScaleSetStatus:
    """F9's second write, as at the end of the run."""
    scale_set = ctx.snapshot.scale_set
    before = scale_set.model_copy(update={"status": _before(run, status, ctx)})
    then = replace(ctx, snapshot=replace(ctx.snapshot, scale_set=before), now=_completed(run))
    return finish(before.status, run, then)


def _before(run: UpgradeRun, status: ScaleSetStatus, ctx: Context) -> ScaleSetStatus:
    """With something proven: what the first run that is left found there, so that going down is seen (V5)."""
    origins = [Pair(o.image_version, o.image, o.model_revision) for o in run.status.origins]
    if status.proven_image_version is not None or not origins:
        return status
    return _proven(status, max(origins, key=lambda pair: parse_version(pair.version)), ctx)


def _proven(status: ScaleSetStatus, pair: Pair, ctx: Context) -> ScaleSetStatus:
    return status.model_copy(
        update={
            "proven_image": ctx.image_of(pair),
            "proven_image_version": pair.version,
            "proven_model_revision": pair.revision,
        }
    )
