"""From a snapshot to what is to be done and what is to be said: the one entry of the engine."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from rollkeeper.api.v1alpha1 import ScaleSetStatus, UpgradeRun
from rollkeeper.engine import assignment as assignments
from rollkeeper.engine import (
    context,
    creation,
    gates,
    housekeeping,
    origin,
    os_disks,
    platform,
    queue,
    ranges,
    recovery,
    removed,
    rolling,
    run_events,
    scaling,
    set_status,
    stops,
    teardown,
    versions,
)
from rollkeeper.engine import finish as finishing
from rollkeeper.engine.actions import (
    Action,
    CreateRun,
    DryRunPod,
    EnsureRevision,
    EvictInstance,
    WriteSet,
)
from rollkeeper.engine.context import Context
from rollkeeper.engine.origin import NewInstances
from rollkeeper.engine.platform import Platform
from rollkeeper.engine.queue import FINAL, Queue, code_of
from rollkeeper.engine.ranges import NONE, Ordinals
from rollkeeper.engine.rolling import Rolling
from rollkeeper.engine.set_status import Situation
from rollkeeper.engine.snapshot import Pair, Snapshot
from rollkeeper.engine.urgency import is_assigned_anew, is_urgent_for_set


@dataclass(frozen=True)
class Decision:
    """What to do now, in this order, and when to look again without being asked."""

    actions: tuple[Action, ...]
    look_at: datetime | None = None


def decide(snapshot: Snapshot, now: datetime) -> Decision:
    """All rules of the rulebook, applied to one scale set at one moment.

    Pure: the same snapshot and time give the same decision. `now` is the API server's time, in UTC (I10). Nothing to
    do gives no actions (I7).
    """
    if snapshot.scale_set.metadata.deletion_timestamp is not None:
        return Decision(teardown.actions(snapshot, now))
    policy = snapshot.scale_set.spec.upgrade_policy.rolling_upgrade_policy
    status = snapshot.scale_set.status
    assignment = assignments.load(status, snapshot.instances, snapshot.replicas)
    ctx = context.build(snapshot, assignment, policy, now)
    named = queue.named_run(ctx)
    if named is not None and code_of(named) in FINAL:
        return _finish(ctx, named)
    recovered = recovery.consider(ctx)
    if recovered is not None:
        return Decision((WriteSet(recovered, urgent=True),), ctx.now)
    adopted = queue.to_adopt(ctx) if named is None else None
    if adopted is not None:
        return _adopt(ctx, adopted)
    return _go_on(ctx, named)


def _adopt(ctx: Context, run: UpgradeRun) -> Decision:
    """F9, I9: nothing else is done before the set names the run again: what it has in hand is its own to make."""
    status = ctx.snapshot.scale_set.status.model_copy(update={"active_run_name": run.metadata.name})
    return Decision((WriteSet(status, urgent=True),), ctx.now)


def _finish(ctx: Context, named: UpgradeRun) -> Decision:
    """F9 from its second write on; what the end means for the set is decided with the next snapshot."""
    status = finishing.finish(ctx.snapshot.scale_set.status, named, ctx)
    return Decision((WriteSet(status, urgent=True), *run_events.of_end(named)), ctx.now)


def _go_on(ctx: Context, named: UpgradeRun | None) -> Decision:
    new, held = origin.consider(ctx, named), origin.held_by(ctx, named)
    assigned = scaling.assign(ctx, new.pair)
    ctx = replace(ctx, assignment=scaling.without_held(ctx, assigned, NONE, new.pair, held))
    wishes = platform.consider(ctx)
    waiting = queue.consider(ctx, wishes, named)
    rolled = rolling.step(ctx, named, wishes, waiting) if named is not None else removed.settle(ctx)
    # Once more: what the run says of those it is through with is what they ran before it, and may be held by now.
    assigned = scaling.without_held(ctx, rolled.assignment, rolled.exclusive, new.pair, held)
    rolled = replace(rolled, assignment=assigned)
    chosen = _choose(ctx, wishes, waiting, named)
    status = _set_status(ctx, new, wishes, waiting, rolled, chosen)
    questions = _questions(ctx, new, wishes, waiting, rolled)
    if questions:
        return Decision(questions, ctx.now)
    actions: list[Action] = []
    actions += housekeeping.runs(ctx, waiting, named)
    actions += housekeeping.prune_revisions(ctx)
    if chosen.name is None and rolled.in_hand is None:
        actions += os_disks.obsolete(ctx)
    actions += chosen.actions
    actions += rolled.run_actions
    on_instances: list[Action] = [
        *scaling.unfinished(ctx, {action.ordinal for action in rolled.instance_actions}),
        *rolled.instance_actions,
        *scaling.plan(ctx, rolled.assignment, rolled.exclusive, lambda pair: _may_make(ctx, pair)),
    ]
    if status != ctx.snapshot.scale_set.status:
        actions.append(WriteSet(status, _is_urgent(ctx.snapshot.scale_set.status, status, on_instances)))
    actions += on_instances
    return Decision(tuple(actions), _look_at(ctx, wishes, rolled))


def _is_urgent(old: ScaleSetStatus, new: ScaleSetStatus, on_instances: Iterable[Action]) -> bool:
    """I9: what instances are to run is written before one is made or changed; until evicted pods are gone it can wait.

    Counts that change meanwhile are in the same write.
    """
    needed = any(not isinstance(action, EvictInstance) for action in on_instances)
    return is_urgent_for_set(old, new) or (needed and is_assigned_anew(old, new))


@dataclass(frozen=True)
class _Choice:
    """The run that becomes active, if one does."""

    name: str | None = None
    actions: tuple[Action, ...] = ()


def _choose(ctx: Context, wishes: Platform, waiting: Queue, named: UpgradeRun | None) -> _Choice:
    """I4: a run is named in the set's status, under its resourceVersion, before it leaves Pending."""
    if named is not None:
        return _Choice(named.metadata.name)
    if waiting.next is not None:
        return _Choice(waiting.next.metadata.name, housekeeping.guard(waiting.next))
    wish = wishes.next
    if wish is None or waiting.checking is not None:
        return _Choice()
    attempt = platform.next_attempt(ctx, wish.target)
    name = platform.run_name(ctx.snapshot.scale_set, wish.target, attempt)
    return _Choice(name, (CreateRun(name, wish.type, wish.target, wish.cause, attempt, wish.message),))


def _set_status(
    ctx: Context, new: NewInstances, wishes: Platform, waiting: Queue, rolled: Rolling, chosen: _Choice
) -> ScaleSetStatus:
    waits = any(o not in ctx.instances for o in range(ctx.snapshot.replicas))
    situation = Situation(
        upgrading=chosen.name,
        active=rolled.run,
        blocked=wishes.blocked or gates.model_is_known(ctx, context.NOTHING)
        if chosen.name is None
        else stops.blocked_by_pause(rolled.run, wishes, waiting),
        stalled=set_status.stalled_by(ctx, new.pair, needs_pods=waits),
        proven=new.proven,
    )
    status = new.status
    if status.active_run_name is not None and rolled.run is None:
        status = _without_removed_run(ctx, status, rolled.exclusive)
    scale_set = ctx.snapshot.scale_set
    named = status.model_copy(
        update={
            "active_run_name": chosen.name,
            "batch_in_hand": rolled.in_hand,
            "left_failed": ranges.render(rolled.left_failed | ranges.parse(status.left_failed or "")) or None,
            "held_versions": tuple(
                h for h in status.held_versions if not versions.is_released(scale_set, h.version, h)
            ),
            "held_model_revisions": tuple(
                h for h in status.held_model_revisions if not versions.is_released(scale_set, h.revision, h)
            ),
        }
    )
    return set_status.compute(named, ctx, rolled.assignment, situation)


def _without_removed_run(ctx: Context, status: ScaleSetStatus, in_hand: Ordinals) -> ScaleSetStatus:
    """F7: the run was removed by force. What its batches before left unhealthy may be mended by the next run (T7)."""
    others = ctx.unhealthy - in_hand
    left = frozenset(o for o in others if ctx.runs_now(o).version != status.proven_image_version)
    left |= ranges.parse(status.left_failed or "")
    return status.model_copy(update={"left_failed": ranges.render(left) or None})


def _may_make(ctx: Context, pair: Pair) -> bool:
    """M3: while nothing is proven, pods are made of a pair only after the API server has accepted one."""
    if ctx.snapshot.provider_fault is not None:
        return False
    if ctx.proven:
        return True
    known = ctx.snapshot.dry_runs.get(pair)
    return known is not None and known.verdict == "Accepted"


def _questions(
    ctx: Context, new: NewInstances, wishes: Platform, waiting: Queue, rolled: Rolling
) -> tuple[Action, ...]:
    """What has to be known first. Nothing is written before, or the status would tell of every question."""
    asked: list[Action] = []
    if ctx.snapshot.revision not in ctx.snapshot.revisions and ctx.snapshot.model_fault is None:
        asked.append(EnsureRevision(ctx.snapshot.revision))
    asked += [DryRunPod(pair) for pair in _dry_runs(ctx, new, wishes, waiting)]
    under_way = rolled.run is not None and platform.target_of(rolled.run)
    others = [w.blocked.ask for w in wishes.wishes if w.blocked and w.target != under_way]
    looks = [rolled.ask, waiting.ask, *others]
    asked += dict.fromkeys(look for look in looks if look is not None)
    return tuple(asked)


def _dry_runs(ctx: Context, new: NewInstances, wishes: Platform, waiting: Queue) -> list[Pair]:
    wanted: list[Pair] = []
    if not ctx.proven and new.pair is not None and ctx.snapshot.replicas:
        wanted.append(new.pair)
    wanted += [wish.pair for wish in wishes.wishes if wish.blocked is not None]
    if waiting.dry_run is not None:
        wanted.append(waiting.dry_run)
    return [pair for pair in dict.fromkeys(wanted) if scaling.dry_run_due(ctx, pair)]


def _look_at(ctx: Context, wishes: Platform, rolled: Rolling) -> datetime | None:
    """When a clock runs out that nobody else will tell of."""
    times = [rolled.look.until, *(w.blocked.until for w in wishes.wishes if w.blocked)]
    times += [refusal.retry_at for refusal in ctx.snapshot.refusals.values()]
    times += [known.retry_at for known in ctx.snapshot.dry_runs.values() if known.verdict == "Forbidden"]
    times += [check.retry_at for check in ctx.snapshot.reference_checks.values()]
    times += [housekeeping.expires_at(run) for run in ctx.snapshot.runs if run.metadata.deletion_timestamp is None]
    times += [context.starting_until(ctx, ordinal) for ordinal in ctx.starting]
    times.append(creation.counting_until(ctx))
    # What is due now has been acted on; a time that has passed without that is nobody's business any more.
    return min((t for t in times if t is not None and t > ctx.now), default=None)
