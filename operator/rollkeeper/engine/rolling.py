"""One step of the active run: what its status becomes, what its instances need, what the set notes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rollkeeper.api.v1alpha1 import UpgradeRun
from rollkeeper.api.v1alpha1.batch_in_hand import BatchInHand
from rollkeeper.engine import batch as batch_of
from rollkeeper.engine import run, run_events, run_state, run_status, scaling, stops, target
from rollkeeper.engine.actions import Action, CheckReferences, InstanceAction, WriteRun
from rollkeeper.engine.batch import NextLook
from rollkeeper.engine.context import Context
from rollkeeper.engine.platform import Platform
from rollkeeper.engine.queue import Queue, code_of
from rollkeeper.engine.ranges import NONE, Ordinals
from rollkeeper.engine.snapshot import Pair
from rollkeeper.engine.target import Refused
from rollkeeper.engine.urgency import is_urgent_for_run


@dataclass(frozen=True)
class Rolling:
    """What the active run contributes to a decision."""

    assignment: Mapping[int, Pair]
    run: UpgradeRun | None = None
    exclusive: Ordinals = NONE
    run_actions: tuple[Action, ...] = ()
    instance_actions: tuple[InstanceAction, ...] = ()
    look: NextLook = field(default_factory=NextLook)
    ask: CheckReferences | None = None
    """What the next batch has to know first (T8)."""
    in_hand: BatchInHand | None = None
    """The batch in hand, as the set keeps it (F7)."""
    left_failed: Ordinals = NONE
    """Instances that a run which was removed by force has left failed (T7)."""


def step(ctx: Context, named: UpgradeRun, wishes: Platform, waiting: Queue) -> Rolling:
    """Starts the run that the set names, or takes the active one a step on."""
    if code_of(named) != "Pending":
        return _advance(ctx, named, named, wishes, waiting)
    pair = target.resolve(named, ctx)
    members = target.members(named, ctx)
    if isinstance(pair, Refused):
        return _refuse(ctx, named, pair)
    if isinstance(members, Refused):
        return _refuse(ctx, named, members)
    started = run_status.start(named, ctx, pair, members)
    return _advance(ctx, named, started, wishes, waiting)


def _refuse(ctx: Context, named: UpgradeRun, refused: Refused) -> Rolling:
    """What made the run possible is gone since it was named."""
    ended = run_status.ended(named, refused, ctx.stamp)
    return Rolling(ctx.assignment, named, run_actions=(WriteRun(named.metadata.name, ended, urgent=True),))


def _advance(ctx: Context, before: UpgradeRun, now: UpgradeRun, wishes: Platform, waiting: Queue) -> Rolling:
    state = run_state.load(now)
    found = stops.reasons_to_stop(now, state.target, ctx, wishes, waiting)
    advanced = run.advance(state, ctx, found)
    state = advanced.state
    status = run_status.active(advanced, ctx.stamp)
    after = now.model_copy(update={"status": status})
    actions: tuple[Action, ...] = ()
    if status != before.status:
        write = WriteRun(before.metadata.name, status, is_urgent_for_run(before.status, status))
        actions = (write, *run_events.of_step(before, after))
    return Rolling(
        assignment=scaling.with_run(ctx, ctx.assignment, state),
        run=after,
        exclusive=state.exclusive,
        run_actions=actions,
        instance_actions=() if advanced.end else tuple(batch_of.plan(state, ctx)),
        look=advanced.look,
        ask=advanced.blocked.ask if advanced.blocked is not None else None,
        in_hand=run_state.in_hand(state) if advanced.end is None else None,
    )
