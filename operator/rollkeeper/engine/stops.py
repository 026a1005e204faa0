"""Why the active run should stop, in B14's order: cancel, opt-out, withdrawal, superseding, pause (F2, T3, T5, T9)."""

from collections.abc import Callable

from rollkeeper.api.v1alpha1 import UpgradeRun
from rollkeeper.engine import gates, platform, versions
from rollkeeper.engine.context import Context
from rollkeeper.engine.gates import Blocked
from rollkeeper.engine.platform import Cause, Platform
from rollkeeper.engine.queue import FINAL, Queue, code_of
from rollkeeper.engine.reasons import Code, Wait
from rollkeeper.engine.run import Stop
from rollkeeper.engine.snapshot import Pair
from rollkeeper.engine.versions import LATEST


def reasons_to_stop(run: UpgradeRun, target: Pair, ctx: Context, wishes: Platform, queue: Queue) -> tuple[Stop, ...]:
    """Every reason that applies now, the first to decide first."""
    paused = run.spec.desired_state == "Paused"
    cause = platform.cause_of(run)
    found = [_cancelled(run)]
    if cause == "Automatic":
        found += [_opted_out(ctx), _image_changed(run, ctx), _withdrawn(target.version, ctx)]
        found += [_excluded(target.version, ctx), _precondition_lost(ctx)]
    elif cause is not None:
        found += [_mode_manual(ctx), _image_changed(run, ctx)]
        if run.status.target_image_reference is not None:
            found.append(_withdrawn(target.version, ctx))
            found.append(_excluded(target.version, ctx) if cause == "Model" else None)
    if cause is not None and not paused:
        found += [_by_user(queue), _BY_NEWER[cause](target, ctx, wishes), _by_a_model_that_mends(run, target, ctx)]
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
    region = ctx.snapshot.scale_set.spec.region
    if not published.listed:
        where = f"region {region}" if region is not None else "scale sets without a region"
        return Stop(Code.TARGET_WITHDRAWN, f"ImageVersion {target} is no longer for {where} (spec.targetRegions)")
    return None


def _excluded(target: str, ctx: Context) -> Stop | None:
    """T9 for runs that follow latest. A pin names its version, as it may name one that was excluded before (M5).

    Else the run of such a pin would be due, end by this, and be due again without end.
    """
    published = ctx.catalogue.get(target)
    pinned = ctx.snapshot.scale_set.spec.image_reference.version == target
    if published is None or not published.excluded or pinned:
        return None
    return Stop(Code.TARGET_WITHDRAWN, f"ImageVersion {target} was excluded from latest")


def _image_changed(run: UpgradeRun, ctx: Context) -> Stop | None:
    """T9, V6: an upgrade never changes the image; a changed one has versions of its own."""
    target, now = run.status.target_image_reference, versions.image_name(ctx.snapshot.scale_set.spec.image_reference)
    if target is None or versions.image_name(target) == now:
        return None
    return Stop(Code.PRECONDITION_LOST, f"the scale set's image was changed to {now}")


def _precondition_lost(ctx: Context) -> Stop | None:
    spec = ctx.snapshot.scale_set.spec
    if spec.image_reference.version != LATEST:
        return Stop(Code.PRECONDITION_LOST, f"the scale set was pinned to {spec.image_reference.version}")
    if spec.health is None and spec.service_fabric is None:
        return Stop(Code.PRECONDITION_LOST, "the scale set's health source was removed")
    if gates.updates_itself(spec):
        return Stop(Code.PRECONDITION_LOST, "windowsConfiguration.enableAutomaticUpdates was set to true")
    return None


def _mode_manual(ctx: Context) -> Stop | None:
    if ctx.snapshot.scale_set.spec.upgrade_policy.mode != "Manual":
        return None
    return Stop(Code.PRECONDITION_LOST, "the mode was set to Manual")


def _by_user(queue: Queue) -> Stop | None:
    if queue.next is None:
        return None
    return Stop(Code.SUPERSEDED, f"superseded by UpgradeRun {queue.next.metadata.name}")


def _by_newer_version(target: Pair, _ctx: Context, wishes: Platform) -> Stop | None:
    newer = next((w for w in wishes.wishes if w.cause == "Automatic"), None)
    if newer is None or newer.blocked is not None or not versions.is_higher(newer.target, target.version):
        return None
    return Stop(Code.SUPERSEDED, f"superseded by version {newer.target}")


def _by_newer_model(target: Pair, ctx: Context, wishes: Platform) -> Stop | None:
    """T5: unless the newer one's own checks fail, such as M3; one that is no longer due needs none."""
    newer = next((w for w in wishes.wishes if w.cause == "Model"), None)
    if ctx.model == target.revision or (newer is not None and newer.blocked is not None):
        return None
    return Stop(Code.SUPERSEDED, f"superseded by model {ctx.model}")


def _by_a_model_that_mends(run: UpgradeRun, target: Pair, ctx: Context) -> Stop | None:
    """T5: while a run waits for something that its model misses, a newer model is its way out."""
    if ctx.model == target.revision:
        return None
    checks = ctx.snapshot.reference_checks.items()
    own = (c for occasion, c in checks if occasion.startswith(f"{run.metadata.uid}/") and c.missing)
    stuck = next((check for check in own if check.retry_at and ctx.now < check.retry_at), None)
    if stuck is None:
        return None
    return Stop(Code.SUPERSEDED, f"superseded by model {ctx.model}: {stuck.missing[0]} is missing")


def _by_other_pin(target: Pair, ctx: Context, _wishes: Platform) -> Stop | None:
    pinned = ctx.snapshot.scale_set.spec.image_reference.version
    if pinned == target.version:
        return None
    if pinned == LATEST:
        return Stop(Code.PRECONDITION_LOST, f"the scale set is no longer pinned to {target.version}")
    return Stop(Code.SUPERSEDED, f"superseded by the pin to {pinned}")


_BY_NEWER: dict[Cause, Callable[[Pair, Context, Platform], Stop | None]] = {
    "Automatic": _by_newer_version,
    "Model": _by_newer_model,
    "Pin": _by_other_pin,
}


def blocked_by_pause(active: UpgradeRun | None, wishes: Platform, queue: Queue) -> Blocked | None:
    """T5: a paused run is never superseded; what would do so is blocked by it."""
    if active is None or active.spec.desired_state != "Paused" or code_of(active) in FINAL:
        return None
    others = [w for w in wishes.wishes if w.target != _target(active)]
    waiting = [w for w in queue.waiting if w.reason == Wait.RUN_PAUSED and w.run.spec.desired_state == "Running"]
    if not others and not waiting:
        return None
    name = active.metadata.name
    return Blocked(Wait.RUN_PAUSED, f"UpgradeRun {name} is paused: set its spec.desiredState to Running or Cancelled")


def _target(run: UpgradeRun) -> str | None:
    image = run.status.target_image_reference
    return image.version if image is not None and run.spec.type == "OSImage" else run.status.target_model_revision
