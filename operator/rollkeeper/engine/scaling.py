"""Instances outside of runs: first creation, scale-out and scale-in, repair (F4b, F5, B11)."""

from collections.abc import Callable, Container
from datetime import timedelta

from rollkeeper.engine import goals
from rollkeeper.engine.actions import Action, CreateInstance, DeleteClaims, DeleteInstance, FinishSwap, SwapImage
from rollkeeper.engine.assignment import Assignment
from rollkeeper.engine.context import Context
from rollkeeper.engine.ranges import Ordinals
from rollkeeper.engine.run_state import RunState
from rollkeeper.engine.snapshot import DryRun, Instance, Pair, is_same


def with_run(ctx: Context, assignment: Assignment, state: RunState) -> dict[int, Pair]:
    """The assignment with what an active run has made of it.

    Upgraded or in the batch: the target; failed and put back: what the run found there; untouched: what the pod runs
    (a batch may have been given back after its assignment was written).
    """
    result = dict(assignment)
    tally = state.tally
    for ordinal in state.origins.keys() & (tally.in_progress | tally.succeeded | tally.failed):
        back = ordinal in tally.failed and state.policy.automatic_rollback
        result[ordinal] = state.origins[ordinal] if back else goals.goal(state, ctx, ordinal)
    for ordinal in tally.pending | tally.skipped:
        instance = ctx.instances.get(ordinal)
        if instance is not None and not instance.terminating and (ctx.proven or ordinal in ctx.healthy):
            result[ordinal] = instance.pair
    return result


def assign(ctx: Context, new: Pair | None) -> dict[int, Pair]:
    """What each ordinal is meant to run, runs and holds left aside.

    Proven: as before; `new` for ordinals that have joined. While nothing is proven: what is healthy keeps what it runs,
    everything else is meant to run `new` (F4b). What a pod runs wins over what a run that was removed by force had in
    mind for it (F7).
    """
    replicas = ctx.snapshot.replicas
    staying = {o: i.pair for o, i in ctx.instances.items() if o < replicas and not i.terminating}
    assignment = {**ctx.assignment, **staying}
    if new is None:
        return assignment
    for ordinal in range(replicas):
        assignment.setdefault(ordinal, new)
    if not ctx.proven:
        unsettled = set(range(replicas)) - ctx.healthy - (ctx.protected & ctx.instances.keys())
        assignment.update(dict.fromkeys(unsettled, new))
    return assignment


def without_held(
    ctx: Context, assignment: Assignment, exclusive: Ordinals, new: Pair | None, held: Callable[[Pair], bool]
) -> dict[int, Pair]:
    """F5, I6: a missing pod whose version is held is made of `new`, but where a run puts it back (H3).

    What a run has put back, or could not, is repaired as everything else is: what it ran before may be held by now.
    """
    missing = frozenset(assignment) - ctx.instances.keys() - exclusive
    instead = {o: new for o in missing if new is not None and held(assignment[o])}
    return {**assignment, **instead}


def plan(ctx: Context, assignment: Assignment, exclusive: Ordinals, allowed: Callable[[Pair], bool]) -> list[Action]:
    """Creates what is missing, deletes what is too much or will never run again; keeps off the run's own ordinals.

    `allowed` says whether instances may be made with a pair now (M3 while nothing is proven).
    """
    actions: list[Action] = []
    replicas = ctx.snapshot.replicas
    for ordinal in range(replicas):
        pair = assignment.get(ordinal)
        if ordinal in exclusive or pair is None:
            continue
        action = _keep(ctx, ordinal, pair)
        if action is not None and allowed(pair):
            actions.append(action)
    for ordinal, instance in sorted(ctx.instances.items()):
        if ordinal >= replicas and not instance.terminating:
            actions.append(DeleteInstance(ordinal, instance.uid, "ScaleIn", f"scaled in to {replicas}"))
    gone = ctx.snapshot.claims - ctx.instances.keys()
    actions += [DeleteClaims(ordinal) for ordinal in sorted(gone) if ordinal >= replicas]
    return actions


def unfinished(ctx: Context, changed_now: Container[int]) -> list[FinishSwap]:
    """I8: a change that is written is carried through, whatever has become of the run that it was for.

    Not where another change comes now.
    """
    return [
        FinishSwap(ordinal, instance.uid, instance.made_by, f"go on with the change to {instance.pair.version}")
        for ordinal, instance in sorted(ctx.instances.items())
        if instance.unfinished and ordinal < ctx.snapshot.replicas and ordinal not in changed_now
    ]


def _keep(ctx: Context, ordinal: int, pair: Pair) -> Action | None:
    refusal = ctx.snapshot.refusals.get(ordinal)
    if refusal is not None and ctx.now < refusal.retry_at:
        return None
    instance = ctx.instances.get(ordinal)
    if instance is None:
        made_by, message = _occasion(ctx, ordinal)
        return CreateInstance(ordinal, pair, made_by, message, protected=ctx.is_protected(ordinal))
    return _replace(ctx, instance, pair)


def _replace(ctx: Context, instance: Instance, pair: Pair) -> DeleteInstance | SwapImage | None:
    if instance.terminating:
        return None
    if instance.finished:
        return DeleteInstance(instance.ordinal, instance.uid, "Repair", "the pod has ended and is made again")
    if not ctx.proven and instance.ordinal not in ctx.healthy and not is_same(instance.pair, pair):
        message = f"not healthy on {instance.pair.version}: first creation goes on with {pair.version}"
        if ctx.changes_in_place:
            return SwapImage(instance.ordinal, instance.uid, pair, "FirstCreation", message, held_to_budgets=False)
        return DeleteInstance(instance.ordinal, instance.uid, "FirstCreation", message)
    return None


def _occasion(ctx: Context, ordinal: int) -> tuple[str, str]:
    if not ctx.proven:
        return "FirstCreation", "first creation"
    if ordinal in ctx.never_healthy:
        return "ScaleOut", f"scaled out to {ctx.snapshot.replicas}"
    return "Repair", "it is gone"


def dry_run_due(ctx: Context, pair: Pair) -> bool:
    """Whether the API server's verdict on a pair is missing, or was a "not now" that is over (M3)."""
    known: DryRun | None = ctx.snapshot.dry_runs.get(pair)
    if known is None:
        return True
    return known.verdict == "Forbidden" and (known.retry_at or ctx.now) <= ctx.now


def retry_after(ctx: Context) -> timedelta | None:
    """When the first refused create or eviction may be tried again."""
    times = [r.retry_at for r in ctx.snapshot.refusals.values()]
    return max(min(times) - ctx.now, timedelta(0)) if times else None
