"""Why the active run should stop, in B14's order: cancel, opt-out, withdrawal, superseding, pause (F2, T3, T5, T9)."""

from rollkeeper.api.v1alpha1 import UpgradeRun
from rollkeeper.engine import versions
from rollkeeper.engine.automatic import Automatic
from rollkeeper.engine.context import Context
from rollkeeper.engine.queue import Queue
from rollkeeper.engine.reasons import Code
from rollkeeper.engine.run import Stop
from rollkeeper.engine.versions import LATEST


def reasons_to_stop(run: UpgradeRun, target: str, ctx: Context, auto: Automatic, queue: Queue) -> tuple[Stop, ...]:
    """Every reason that applies now, the first to decide first."""
    paused = run.spec.desired_state == "Paused"
    found = [_cancelled(run)]
    if run.spec.started_by == "Platform":
        found += [_opted_out(ctx), _withdrawn(target, ctx), _precondition_lost(ctx)]
        if not paused:
            found.append(_superseded(target, auto, queue))
    if paused:
        found.append(Stop(None, "paused: set spec.desiredState to Running to go on"))
    return tuple(stop for stop in found if stop is not None)


def _cancelled(run: UpgradeRun) -> Stop | None:
    if run.spec.desired_state == "Cancelled":
        return Stop(Code.CANCELLED_BY_USER, "cancelled by spec.desiredState")
    if run.metadata.deletion_timestamp is not None:
        return Stop(Code.CANCELLED_BY_USER, "cancelled because the run is being deleted")
    return None


def _opted_out(ctx: Context) -> Stop | None:
    policy = ctx.snapshot.scale_set.spec.upgrade_policy.automatic_os_upgrade_policy
    if policy.enable_automatic_os_upgrade:
        return None
    return Stop(Code.OPTED_OUT, "automatic upgrades were switched off")


def _withdrawn(target: str, ctx: Context) -> Stop | None:
    published = ctx.catalogue.get(target)
    if published is None:
        return Stop(Code.TARGET_WITHDRAWN, f"ImageVersion {target} is gone")
    if published.deleting:
        return Stop(Code.TARGET_WITHDRAWN, f"ImageVersion {target} is being deleted")
    if published.excluded:
        return Stop(Code.TARGET_WITHDRAWN, f"ImageVersion {target} was excluded from latest")
    return None


def _precondition_lost(ctx: Context) -> Stop | None:
    spec = ctx.snapshot.scale_set.spec
    if spec.image_reference.version != LATEST:
        return Stop(Code.PRECONDITION_LOST, f"the scale set was pinned to {spec.image_reference.version}")
    if spec.health is None:
        return Stop(Code.PRECONDITION_LOST, "the scale set's health source was removed")
    return None


def _superseded(target: str, auto: Automatic, queue: Queue) -> Stop | None:
    if queue.next is not None:
        return Stop(Code.SUPERSEDED, f"superseded by UpgradeRun {queue.next.metadata.name}")
    if auto.target is not None and versions.is_higher(auto.target.version, target):
        return Stop(Code.SUPERSEDED, f"superseded by version {auto.target.version}")
    return None
