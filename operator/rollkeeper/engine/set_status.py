"""The set's counts and conditions, and what they say to who asks "why is nothing happening?"."""

from dataclasses import dataclass

from rollkeeper.api.v1alpha1 import ScaleSetStatus, UpgradeRun
from rollkeeper.api.v1alpha1.names import LABEL_SCALE_SET
from rollkeeper.engine import assignment as assignments
from rollkeeper.engine import conditions, gates, health, ranges, resolved, up_to_date, versions
from rollkeeper.engine.assignment import Assignment
from rollkeeper.engine.conditions import Wanted
from rollkeeper.engine.context import Context
from rollkeeper.engine.gates import Blocked
from rollkeeper.engine.ranges import Ordinals
from rollkeeper.engine.reasons import Failure, State, Wait
from rollkeeper.engine.snapshot import Pair


@dataclass(frozen=True)
class Situation:
    """What the other parts of the decision found, for the conditions to tell."""

    upgrading: str | None
    """The run that is active, or becomes so by this decision."""
    active: UpgradeRun | None
    """The same once it has started."""
    blocked: Blocked | None
    stalled: tuple[State | Wait, str] | None
    proven: Pair | None
    """The proven pair."""


def compute(status: ScaleSetStatus, ctx: Context, assignment: Assignment, situation: Situation) -> ScaleSetStatus:
    """The status with counts, assignment and conditions as they are now."""
    snapshot = ctx.snapshot
    newest = versions.latest(snapshot.scale_set, ctx.catalogue)
    counted = {
        "observed_generation": snapshot.scale_set.metadata.generation,
        "replicas": len(ctx.instances),
        "ready_replicas": len(ctx.healthy),
        "unhealthy_replicas": len(ctx.unhealthy),
        "updated_replicas": _updated(status, ctx, situation),
        "label_selector": f"{LABEL_SCALE_SET}={snapshot.scale_set.metadata.name}",
        "latest_image_version": newest.version if newest else None,
        "model_revision": snapshot.revision or None,
        "versions": assignments.dump(assignment, situation.proven),
        "resolved_images": resolved.remember(
            snapshot.scale_set, ctx.catalogue, {*assignment.values(), *([situation.proven] if situation.proven else [])}
        ),
        "starting": ranges.render(ctx.never_healthy) or None if ctx.proven else None,
        "protected": ranges.render(ctx.protected) or None,
        "left_failed": ranges.render(ranges.parse(status.left_failed or "") & ctx.unhealthy) or None,
    }
    wanted = [
        _ready(ctx, situation),
        _reconciling(ctx, situation),
        _stalled(situation),
        up_to_date.condition(status, ctx, situation.upgrading),
        _upgrade_blocked(situation.blocked or gates.no_region(ctx) or gates.not_supported(ctx)),
    ]
    generation = snapshot.scale_set.metadata.generation
    return status.model_copy(
        update={
            **counted,
            "conditions": conditions.merge(snapshot.scale_set.status.conditions, wanted, generation, ctx.stamp),
        }
    )


def _updated(status: ScaleSetStatus, ctx: Context, situation: Situation) -> int:
    active = situation.active.status if situation.active is not None else None
    target = active.target_image_reference if active is not None else None
    present = [i.pair for o, i in ctx.instances.items() if o < ctx.snapshot.replicas]
    if active is not None and target is None and active.target_model_revision is not None:
        return sum(pair.revision == active.target_model_revision for pair in present)
    if active is not None and target is not None:
        wanted = (target.version, active.target_model_revision)
    elif status.proven_image_version is not None:
        wanted = (status.proven_image_version, status.proven_model_revision)
    else:
        wanted = (status.creation_version or "", status.creation_model_revision)
    return sum((pair.version, pair.revision) == wanted for pair in present)


def stalled_by(ctx: Context, new: Pair | None, *, needs_pods: bool) -> tuple[State | Wait, str] | None:
    """What keeps instances from being made until a person does something."""
    if ctx.snapshot.internal_error:
        return State.INTERNAL_ERROR, ctx.snapshot.internal_error
    fault = ctx.snapshot.provider_fault or (ctx.snapshot.model_fault if needs_pods and new is None else None)
    if fault is not None:
        return Wait(fault.reason), fault.message
    if needs_pods and new is None:
        return State.NO_IMAGE_VERSION, up_to_date.no_version(ctx)
    known = ctx.snapshot.dry_runs.get(new) if new is not None and not ctx.proven else None
    if needs_pods and known is not None and known.verdict != "Accepted":
        return State.INVALID_MODEL, f"the API server refuses {ctx.made_of}: {known.message}"
    taken = [r for r in ctx.snapshot.refusals.values() if r.reason == Failure.NAME_TAKEN]
    if taken:
        return State.NAME_TAKEN, taken[0].message
    return None


def _ready(ctx: Context, situation: Situation) -> Wanted:
    replicas = ctx.snapshot.replicas
    if situation.stalled is not None:
        return Wanted("Ready", "False", *situation.stalled)
    if situation.upgrading is not None:
        return Wanted("Ready", "False", State.UPGRADING, f"UpgradeRun {situation.upgrading} is active")
    if len(ctx.healthy) == replicas and not _surplus(ctx):
        message = f"{replicas} of {replicas} instances are healthy" if replicas else "no instances wanted"
        return Wanted("Ready", "True", State.HEALTHY if replicas else State.NO_INSTANCES, message)
    if ctx.starting and not ctx.unhealthy:
        healthy = f"{len(ctx.healthy)} of {replicas} instances are healthy, the others start"
        return Wanted("Ready", "False", State.CREATING, healthy + _why(ctx, ctx.starting))
    if ctx.unhealthy:
        return Wanted("Ready", "False", State.UNHEALTHY, _unhealthy(ctx))
    return Wanted("Ready", "False", State.SCALING, f"scaling in to {replicas}")


def _unhealthy(ctx: Context) -> str:
    names = ranges.render(ctx.unhealthy)
    return f"{len(ctx.unhealthy)} of {ctx.snapshot.replicas} instances are unhealthy: {names}{_why(ctx, ctx.unhealthy)}"


def _why(ctx: Context, ordinals: Ordinals) -> str:
    """What the kubelet and the API server say of some instances, each reason once; empty when they say nothing."""
    found = (health.problem_of(i, ctx.health) for o in ordinals if (i := ctx.instances.get(o)) is not None)
    problems = sorted(
        {f"{p.reason}: {p.message}" if p.message else p.reason for p in found if p is not None}
        | {f"{r.reason}: {r.message}" for o, r in ctx.snapshot.refusals.items() if o in ordinals}
        | {f"{Wait.HEALTH_NOT_READ}: {ranges.render(ctx.unread)}" for _ in ctx.unread & ordinals}
    )
    return f" ({'; '.join(problems[:3])})" if problems else ""


def _surplus(ctx: Context) -> Ordinals:
    return frozenset(o for o in ctx.instances if o >= ctx.snapshot.replicas)


def _reconciling(ctx: Context, situation: Situation) -> Wanted:
    if situation.upgrading is not None:
        return Wanted("Reconciling", "True", State.UPGRADING, f"UpgradeRun {situation.upgrading} is active")
    if situation.stalled is not None:
        return Wanted("Reconciling", "False", situation.stalled[0])
    missing = any(o not in ctx.instances for o in range(ctx.snapshot.replicas))
    if ctx.starting or missing:
        return Wanted("Reconciling", "True", State.CREATING, "instances are being created")
    if _surplus(ctx):
        return Wanted("Reconciling", "True", State.SCALING, f"scaling in to {ctx.snapshot.replicas}")
    return Wanted("Reconciling", "False", State.SETTLED)


def _stalled(situation: Situation) -> Wanted:
    if situation.stalled is None:
        return Wanted("Stalled", "False", State.NOT_STALLED)
    return Wanted("Stalled", "True", *situation.stalled)


def _upgrade_blocked(blocked: Blocked | None) -> Wanted:
    if blocked is None:
        return Wanted("UpgradeBlocked", "False", Wait.NOT_BLOCKED)
    return Wanted("UpgradeBlocked", "True", blocked.reason, blocked.message)
