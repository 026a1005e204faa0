"""The state machine of an active run: settles its batch, decides what follows, and says why (B3 to B14)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rollkeeper.api.v1alpha1.names import ANNOTATION_CAUSE
from rollkeeper.api.v1alpha1.upgrade_run_status import FinishedBatch
from rollkeeper.engine import batch as batch_of
from rollkeeper.engine import batches, gates, goals, health, ranges, replacement
from rollkeeper.engine.batch import NextLook
from rollkeeper.engine.context import NOTHING, Context
from rollkeeper.engine.gates import Blocked
from rollkeeper.engine.limits import Share, batch_size
from rollkeeper.engine.ranges import Ordinals
from rollkeeper.engine.reasons import Code, Failure
from rollkeeper.engine.run_state import Batch, RunState
from rollkeeper.engine.snapshot import Problem


@dataclass(frozen=True, slots=True)
class Stop:
    """Why no further batch may start: cancelled, opted out, withdrawn, superseded (final), or paused (not final)."""

    code: Code | None
    """None: paused."""
    message: str


@dataclass(frozen=True, slots=True)
class End:
    """The run is over."""

    code: Code
    message: str


@dataclass(frozen=True, slots=True)
class Advanced:
    """A run after one decision: its new state, its end if it has come, and what it waits for otherwise."""

    state: RunState
    end: End | None
    look: NextLook
    blocked: Blocked | None = None
    """What the next batch waits for before it may be written."""


def advance(state: RunState, ctx: Context, stops: tuple[Stop, ...]) -> Advanced:
    """One step of an active run. `stops` are the reasons to stop, in B14's order."""
    state = _follow_scaling(state, ctx)
    state, look = batch_of.settle(state, ctx)
    state, relapse_look = _watch_relapses(state, ctx)
    # B13 and B10: who stops the run, and who protects an instance, need not wait for what was not touched yet.
    state = _release_untouched(state, ctx, state.tally.in_progress if stops else ctx.protected)
    state = _close_batch(state, ctx)
    if state.batch is not None:
        refused = batch_of.waiting_for_eviction(state, ctx)
        message = refused or look.message or _doing(state, ctx, state.batch)
        return Advanced(state, None, NextLook(look.until, _with_stop(message, stops)).sooner(relapse_look))
    return _after_batch(state, ctx, stops, relapse_look)


def _doing(state: RunState, ctx: Context, batch: Batch) -> str:
    if state.tally.in_progress:
        return f"batch {batch.number}: replacing {replacement.forward(state, ctx, state.tally.in_progress)}"
    return f"batch {batch.number}: putting back {replacement.back(state, ctx, state.putting_back)}"


def _with_stop(message: str, stops: tuple[Stop, ...]) -> str:
    return f"{stops[0].message}; first the batch in hand ends: {message}" if stops else message


def _follow_scaling(state: RunState, ctx: Context) -> RunState:
    """B11: removed instances leave every count, new ones join as pending."""
    selection = state.run.spec.instances
    wanted = frozenset(o for o in range(ctx.snapshot.replicas) if ctx.runs_now(o) != NOTHING)
    if selection is not None:
        wanted &= ranges.parse_user(selection)
    tally = state.tally.without(state.tally.members - wanted)
    tally = tally.move(wanted - tally.members, "pending")
    batch = state.batch and replace(
        state.batch, instances=state.batch.instances & wanted, recreated=state.batch.recreated & wanted
    )
    return replace(
        state,
        tally=tally,
        batch=batch,
        origins={o: pair for o, pair in state.origins.items() if o in wanted},
        relapses={o: since for o, since in state.relapses.items() if o in wanted},
    )


def _release_untouched(state: RunState, ctx: Context, among: Ordinals) -> RunState:
    """B13: what was not touched yet goes back to pending, so nothing that refuses an eviction holds a run hostage."""
    in_hand = state.tally.in_progress & among
    untouched = frozenset(o for o in in_hand if not batch_of.is_touched(state, ctx, o))
    if not untouched or state.batch is None:
        return state
    return replace(
        state,
        tally=state.tally.move(untouched, "pending"),
        batch=replace(state.batch, instances=state.batch.instances - untouched),
        origins={o: pair for o, pair in state.origins.items() if o not in untouched},
    )


def _watch_relapses(state: RunState, ctx: Context) -> tuple[RunState, NextLook]:
    """B8: an upgraded instance that turns unhealthy gets a clock; only unbroken health clears it."""
    clock = timedelta(seconds=state.policy.health_timeout_seconds)
    running = dict(state.relapses)
    look = NextLook()
    for ordinal in sorted(state.tally.succeeded & state.origins.keys()):
        instance = ctx.instances.get(ordinal)
        if ordinal in ctx.unread:
            continue  # nobody can tell, and whoever asks it next will
        if ordinal not in ctx.healthy or instance is None:
            since = running.setdefault(ordinal, ctx.stamp)
            look = look.sooner(NextLook(since + clock))
        elif ordinal in running:
            until = health.healthy_since(instance, ctx.health) + clock
            if ctx.now >= until:
                del running[ordinal]
            else:
                look = look.sooner(NextLook(until))
    running = {o: since for o, since in running.items() if o in state.tally.succeeded}
    return replace(state, relapses=running), look


def _close_batch(state: RunState, ctx: Context) -> RunState:
    """B13: a batch ends when every touched instance of it is settled."""
    batch = state.batch
    if batch is None or state.exclusive:
        return state
    tally = state.tally
    finished = FinishedBatch(
        number=batch.number,
        instances=ranges.render(batch.instances),
        start_time=batch.start_time,
        completed_time=ctx.stamp,
        succeeded=len(batch.instances & tally.succeeded),
        failed=len(batch.instances & tally.failed),
    )
    batches_done = (*state.batches, finished) if batch.instances else state.batches
    return replace(state, batch=None, batches=batches_done)


def _after_batch(state: RunState, ctx: Context, stops: tuple[Stop, ...], look: NextLook) -> Advanced:
    """B14: the first that applies."""
    state = _classify_pending(state, ctx)
    state = _put_back_relapsed(state, ctx)
    if state.batch is not None:
        return Advanced(state, None, NextLook(ctx.now, f"putting back relapsed {ranges.render(state.batch.instances)}"))
    failed = Share(
        len(state.upgraded_failed), len(state.upgraded), state.policy.max_unhealthy_upgraded_instance_percent
    )
    if failed.exceeded:
        return _end(state, Code.UPGRADED_UNHEALTHY, failed.sentence("upgraded instances unhealthy"))
    if state.relapses:
        names = ranges.render(state.relapses)
        return Advanced(
            state,
            None,
            replace(look, message=f"upgraded instances {names} turned unhealthy: waits until they have recovered"),
        )
    if not state.tally.pending:
        return _complete(state)
    if stops:
        stop = stops[0]
        return (
            _end(state, stop.code, stop.message) if stop.code else Advanced(state, None, NextLook(None, stop.message))
        )
    return _next_batch(state, ctx, look)


def _classify_pending(state: RunState, ctx: Context) -> RunState:
    """T4, I5, B10: what is on the target already is not touched; protected instances are skipped."""
    pending = state.tally.pending
    on_target = frozenset(o for o in pending if goals.is_on_target(state, ctx, o))
    left_alone = frozenset(o for o in pending - on_target if ctx.is_protected(o) or goals.is_ahead(state, ctx, o))
    tally = state.tally.move(on_target & ctx.healthy, "succeeded")
    return replace(state, tally=tally.move((on_target & ctx.unhealthy - ctx.unread) | left_alone, "skipped"))


def _put_back_relapsed(state: RunState, ctx: Context) -> RunState:
    """B8: relapsed for too long is failed and put back, at most B1's number at a time.

    This comes before B8's verdict on the whole run, or a run that stops would leave instances behind that nobody puts
    back.
    """
    clock = timedelta(seconds=state.policy.health_timeout_seconds)
    unwell = state.relapses.keys() - ctx.healthy - ctx.unread
    due = sorted(o for o in unwell if ctx.now >= state.relapses[o] + clock)
    if not due:
        return state
    chosen = frozenset(due[: batch_size(state.policy.max_batch_instance_percent, ctx.snapshot.replicas)])
    state = replace(state, relapses={o: since for o, since in state.relapses.items() if o not in chosen})
    if state.policy.automatic_rollback:
        state = replace(state, batch=Batch(_next_number(state), chosen, ctx.stamp, "RollingBack"))
    for ordinal in sorted(chosen):
        state = batch_of.fail(state, frozenset({ordinal}), _relapse(state, ctx, ordinal), ctx.stamp)
    return state


def _relapse(state: RunState, ctx: Context, ordinal: int) -> Problem:
    """What is told of a relapse: the surroundings' fault where it is theirs (F3), else what the kubelet says."""
    instance = ctx.instances.get(ordinal)
    said = f"was healthy on {state.label}, then not for {state.policy.health_timeout_seconds}s"
    if instance is None:
        return Problem(Failure.POD_DELETED, said)
    if not instance.node_ready:
        return Problem(Failure.NODE_LOST, f"{said}: its node is not ready")
    problem = health.problem_of(instance, ctx.health)
    if problem is not None:
        return Problem(Failure.RELAPSED, f"{said}: {problem.reason}: {problem.message}")
    return Problem(Failure.RELAPSED, said)


def _next_number(state: RunState) -> int:
    return 1 + max((b.number for b in state.batches), default=0)


def _complete(state: RunState) -> Advanced:
    tally = state.tally
    left = tally.failed | tally.skipped
    done = f"{len(tally.succeeded)} of {len(tally.members)} instances run {state.label}"
    if not left:
        return _end(state, Code.COMPLETED, done)
    code = Code.COMPLETED_WITH_FAILURES if tally.failed else Code.COMPLETED
    return _end(state, code, f"{done}; left: {ranges.render(left)}")


def _end(state: RunState, code: Code, message: str) -> Advanced:
    return Advanced(state, End(code, message), NextLook(None, message))


def recovery(state: RunState, ctx: Context) -> Ordinals:
    """T7: unhealthy instances that the run itself will replace; they go first and don't count against it."""
    mine = ctx.unhealthy & state.tally.pending
    if not state.platform or state.run.metadata.annotations.get(ANNOTATION_CAUSE) in ("Model", "Pin"):
        return mine
    return mine & ranges.parse(ctx.snapshot.scale_set.status.left_failed or "")


def _pause_until(state: RunState) -> datetime | None:
    """B7: the end of the pause after the last batch."""
    if not state.batches:
        return None
    return state.batches[-1].completed_time + timedelta(seconds=state.policy.pause_time_between_batches_seconds)


def _next_batch(state: RunState, ctx: Context, look: NextLook) -> Advanced:
    pause = _pause_until(state)
    if pause is not None and ctx.now < pause:
        message = f"waits until {pause:%H:%M:%S} UTC between two batches (pauseTimeBetweenBatchesSeconds)"
        return Advanced(state, None, NextLook(pause, message).sooner(look))
    unknown = gates.model_is_known(ctx, state.target) or gates.health_is_read(ctx)
    if unknown is not None:
        return Advanced(state, None, replace(look, message=f"waits: {unknown.message}"))
    first = recovery(state, ctx)
    starting_on_target = frozenset(o for o in state.tally.pending if goals.is_on_target(state, ctx, o))
    ready = replace(state, tally=replace(state.tally, pending=state.tally.pending - starting_on_target))
    if not ready.tally.pending:
        names = ranges.render(starting_on_target)
        message = f"waits for instances {names}, which are starting on the target"
        return Advanced(state, None, replace(look, message=message))
    blocked = gates.missing_reference(ctx, state.target, f"{state.run.metadata.uid}/{_next_number(state)}")
    if blocked is not None:
        return Advanced(state, None, NextLook(blocked.until, blocked.message).sooner(look), blocked)
    share = Share(len(ctx.unhealthy - first), ctx.total, state.policy.max_unhealthy_instance_percent)
    if share.exceeded:
        return _end(state, Code.UNHEALTHY_DURING, share.sentence("instances unhealthy"))
    if state.policy.prioritize_unhealthy_instances:
        first |= ctx.unhealthy & ready.tally.pending
    chosen = batches.select(ready, ctx, first)
    domain = batches.domain_of(ctx, min(chosen)) if batches.keeps_to_one_domain(state, ctx) else ""
    batch = Batch(_next_number(state), chosen, ctx.stamp, domain=domain)
    state = replace(state, batch=batch)
    tally = state.tally.move(chosen, "in_progress")
    tally = replace(tally, uncounted=(tally.uncounted - chosen) | (chosen & ctx.unhealthy))
    origins = {**state.origins, **{o: ctx.runs_now(o) for o in chosen}}
    state = replace(state, tally=tally, origins=origins)
    return Advanced(state, None, NextLook(None, _doing(state, ctx, batch)))
