"""The batch in hand: which of its instances are settled, and what the others need next (H2, H3, B12, B13)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from rollkeeper.engine import goals, health, replacement
from rollkeeper.engine.actions import CreateInstance, DeleteInstance, EvictInstance, InstanceAction, SwapImage
from rollkeeper.engine.context import Context
from rollkeeper.engine.health import Failed, Healthy, Verdict, Waiting
from rollkeeper.engine.ranges import Ordinals
from rollkeeper.engine.reasons import Failure
from rollkeeper.engine.run_state import RunState
from rollkeeper.engine.snapshot import Instance, Pair, Problem, Vanished, is_same

Direction = Literal["Forward", "Back"]


@dataclass(frozen=True, slots=True)
class NextLook:
    """When to look again, and what is waited for until then."""

    until: datetime | None = None
    message: str = ""

    def sooner(self, other: "NextLook") -> "NextLook":
        """The earlier of two; the first sentence stays."""
        times = [t for t in (self.until, other.until) if t is not None]
        return NextLook(min(times, default=None), self.message or other.message)


def is_touched(state: RunState, ctx: Context, ordinal: int) -> bool:
    """Rulebook, section 0: its pod is missing, terminating, or made or changed by this batch, whoever took it down."""
    instance = ctx.instances.get(ordinal)
    if instance is None or instance.terminating:
        return True
    return _is_of(state, ctx, instance, "Back" if ordinal in state.tally.failed else "Forward")


def _is_of(state: RunState, ctx: Context, pod: Instance | Vanished, direction: Direction) -> bool:
    """Whether a pod, there or gone, was made or changed by this batch.

    The mark alone does not tell: a run of the same name may have been there before (a tool that replaces objects).
    """
    mark = state.made_by(direction)
    return pod.made_by == mark and is_same(pod.pair, _wanted(state, ctx, pod.ordinal, direction))


def _has_stayed(state: RunState, ctx: Context, instance: Instance, direction: Direction) -> bool:
    """Whether a machine is to be put back that its batch could not change: it runs what it ran all the while."""
    forward = _is_of(state, ctx, instance, "Forward")
    unchanged = is_same(instance.pair, state.origins[instance.ordinal]) if direction == "Back" else False
    return ctx.changes_in_place and unchanged and not forward


def _wanted(state: RunState, ctx: Context, ordinal: int, direction: Direction) -> Pair:
    return goals.goal(state, ctx, ordinal) if direction == "Forward" else state.origins[ordinal]


def settle(state: RunState, ctx: Context) -> tuple[RunState, NextLook]:
    """Judges every instance of the batch that is not settled, and moves those whose verdict is in."""
    look = NextLook()
    if state.batch is None:
        return state, look
    for ordinal in sorted(state.tally.in_progress):
        state, verdict = _verdict(state, ctx, ordinal, "Forward")
        if isinstance(verdict, Healthy):
            state = replace(state, tally=state.tally.move(frozenset({ordinal}), "succeeded"))
        elif isinstance(verdict, Failed) and verdict.problem.reason == Failure.TERMINATION_STUCK:
            state = _give_up(state, ordinal, verdict.problem, ctx.stamp)
        elif isinstance(verdict, Failed):
            state = fail(state, frozenset({ordinal}), verdict.problem, ctx.stamp)
        elif verdict is not None:
            look = look.sooner(NextLook(verdict.until, f"{_name(ctx, ordinal)}: {verdict.message}"))
    for ordinal in sorted(state.putting_back):
        state, verdict = _verdict(state, ctx, ordinal, "Back")
        if isinstance(verdict, Waiting):
            look = look.sooner(NextLook(verdict.until, f"putting back {_name(ctx, ordinal)}: {verdict.message}"))
        elif verdict is not None:
            state = _put_back(state, ordinal, verdict)
    return state, look


def fail(state: RunState, ordinals: Ordinals, problem: Problem, now: datetime) -> RunState:
    """Moves instances to failed; with rollback on the batch then puts them back (H3)."""
    for ordinal in sorted(ordinals):
        state = state.with_failure(ordinal, problem, now)
    state = replace(state, tally=state.tally.move(ordinals, "failed"))
    if state.batch is not None and state.putting_back:
        state = replace(
            state, batch=replace(state.batch, phase="RollingBack", recreated=state.batch.recreated - ordinals)
        )
    return state


def _give_up(state: RunState, ordinal: int, problem: Problem, now: datetime) -> RunState:
    """H8: a pod that does not go can't be replaced nor put back; repair makes it anew when it is gone (F5)."""
    one = frozenset({ordinal})
    state = state.with_failure(ordinal, problem, now)
    tally = state.tally.move(one, "failed")
    tally = replace(tally, rollback_failed=tally.rollback_failed | one, uncounted=tally.uncounted | one)
    return replace(state, tally=tally)


def _put_back(state: RunState, ordinal: int, verdict: Healthy | Failed) -> RunState:
    one = frozenset({ordinal})
    tally = state.tally
    if isinstance(verdict, Healthy):
        return replace(state, tally=replace(tally, rolled_back=tally.rolled_back | one))
    return replace(state, tally=replace(tally, rollback_failed=tally.rollback_failed | one))


def _verdict(state: RunState, ctx: Context, ordinal: int, direction: Direction) -> tuple[RunState, Verdict | None]:
    """The verdict on an instance, None while the old pod is still there and no clock runs."""
    instance = ctx.instances.get(ordinal)
    if instance is not None:
        if instance.terminating:
            return state, _verdict_on_terminating(state, ctx, instance)
        if _is_of(state, ctx, instance, direction) or _has_stayed(state, ctx, instance, direction):
            return state, health.judge(instance, state.policy, ctx.health, ctx.now)
        # A machine that can't be changed stays as it is; a pod of which that is so gets a successor.
        return state, _verdict_on_refusal(state, ctx, ordinal, direction) if ctx.changes_in_place else None
    gone = ctx.snapshot.vanished.get(ordinal)
    if gone is not None and state.batch is not None and _is_of(state, ctx, gone, direction):
        if ordinal in state.batch.recreated:
            return state, Failed(Problem(Failure.POD_DELETED, "it was deleted twice while it was being replaced"))
        state = replace(state, batch=replace(state.batch, recreated=state.batch.recreated | {ordinal}))
    return state, _verdict_on_refusal(state, ctx, ordinal, direction)


def _verdict_on_terminating(state: RunState, ctx: Context, instance: Instance) -> Verdict | None:
    """H8: its grace period and the health time-out are what a pod gets to be gone."""
    if instance.terminating_until is None:
        return None
    until = instance.terminating_until + timedelta(seconds=state.policy.health_timeout_seconds)
    if ctx.now < until:
        return Waiting(until, "terminating")
    message = f"still terminating {state.policy.health_timeout_seconds}s after its grace period"
    return Failed(Problem(Failure.TERMINATION_STUCK, f"{message}: a lost node or a finalizer holds it"))


def _verdict_on_refusal(state: RunState, ctx: Context, ordinal: int, direction: Direction) -> Verdict | None:
    """An instance that the API server refuses to create or change fails on the first clock, as if not started (H5).

    Refusals of anything else don't count: an eviction, or the create of the pod that is being put back.
    """
    refusal = ctx.snapshot.refusals.get(ordinal)
    if refusal is None or refusal.made_by != state.made_by(direction):
        return None
    until = refusal.since + timedelta(seconds=state.policy.provisioning_timeout_seconds)
    problem = Problem(refusal.reason, refusal.message)
    return Failed(problem) if ctx.now >= until else Waiting(until, f"{problem.reason}: {problem.message}")


def plan(state: RunState, ctx: Context) -> list[InstanceAction]:
    """What the instances that belong to the batch need now."""
    if ctx.snapshot.provider_fault is not None:
        return []
    actions: list[InstanceAction] = []
    for ordinal in sorted(state.tally.in_progress):
        action = _replace(state, ctx, ordinal, "Forward")
        if action is not None:
            actions.append(action)
    for ordinal in sorted(state.putting_back):
        action = _replace(state, ctx, ordinal, "Back")
        if action is not None:
            actions.append(action)
    return actions


def _replace(state: RunState, ctx: Context, ordinal: int, direction: Direction) -> InstanceAction | None:
    pair = _wanted(state, ctx, ordinal, direction)
    instance = ctx.instances.get(ordinal)
    refusal = ctx.snapshot.refusals.get(ordinal)
    if refusal is not None and ctx.now < refusal.retry_at:
        return None
    word = "upgrade to" if direction == "Forward" else "put back on"
    message = f"{word} {pair.version} in batch {state.batch.number if state.batch else 0} of {state.name}"
    if instance is None:
        return CreateInstance(ordinal, pair, state.made_by(direction), message, protected=ctx.is_protected(ordinal))
    if instance.terminating or _is_of(state, ctx, instance, direction):
        return None
    if _has_stayed(state, ctx, instance, direction):
        return None
    # Broken already, or being put back: a budget must not keep a broken pod (B12).
    spared, occasion = direction == "Forward" and ordinal in ctx.healthy, state.made_by(direction)
    if replacement.is_asked_for(state, ctx):
        obstacle = replacement.obstacle_of(ctx, instance, pair)
        if not obstacle:
            return SwapImage(ordinal, instance.uid, pair, occasion, f"{message}, in place", held_to_budgets=spared)
        message = f"{message}, by a new pod: {obstacle}"
    take_down = EvictInstance if spared else DeleteInstance
    return take_down(ordinal, instance.uid, occasion, message)


def waiting_for_eviction(state: RunState, ctx: Context) -> str:
    """The sentence on the first instance that may not be taken down, empty when all may (B12)."""
    for ordinal in sorted(state.tally.in_progress):
        refusal = ctx.snapshot.refusals.get(ordinal)
        if refusal is not None and not is_touched(state, ctx, ordinal):
            what = "replaced" if replacement.is_asked_for(state, ctx) else "evicted"
            return f"{_name(ctx, ordinal)} can't be {what}: {refusal.message}"
    return ""


def _name(ctx: Context, ordinal: int) -> str:
    return f"{ctx.snapshot.scale_set.metadata.name}-{ordinal}"
