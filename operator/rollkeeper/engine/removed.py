"""A run that was removed by force: the batch that it had in hand is settled from what the set knows of it (F7, H3).

The set keeps the batch in its own status, written with the assignment before the first instance is touched. With the
run gone, that and the assignment say all that H3 needs: who is meant to run the target, and who is being put back. The
instances are judged as they would have been if the run had been cancelled; no other run starts before that is over.
"""

from dataclasses import replace

from rollkeeper.api.v1alpha1 import UpgradeRun, UpgradeRunSpec
from rollkeeper.api.v1alpha1.batch_in_hand import BatchInHand
from rollkeeper.api.v1alpha1.meta import ObjectMeta
from rollkeeper.api.v1alpha1.upgrade_run_status import RunPolicy
from rollkeeper.engine import assignment as assignments
from rollkeeper.engine import batch as batch_of
from rollkeeper.engine import goals, ranges, run_state, scaling
from rollkeeper.engine.batch import NextLook
from rollkeeper.engine.context import Context
from rollkeeper.engine.ranges import Ordinals
from rollkeeper.engine.rolling import Rolling
from rollkeeper.engine.run_state import Batch, RunState, Tally
from rollkeeper.engine.snapshot import Pair, is_same


def settle(ctx: Context) -> Rolling:
    """One step of the batch that a removed run has left; nothing to do when there is none."""
    if ctx.removed is None:
        return Rolling(assignment=ctx.assignment)
    state = _untouched_given_back(_load(ctx, ctx.removed), ctx)
    state, look = batch_of.settle(state, ctx)
    return Rolling(
        assignment=scaling.with_run(ctx, ctx.assignment, state),
        exclusive=state.exclusive,
        instance_actions=tuple(batch_of.plan(state, ctx)),
        look=NextLook(look.until),
        in_hand=run_state.in_hand(_without_settled(state)),
        left_failed=state.tally.failed - state.exclusive,
    )


def _load(ctx: Context, hand: BatchInHand) -> RunState:
    """The run as far as its batch needs it, with the time-outs that the set has now."""
    scale_set = ctx.snapshot.scale_set
    policy = scale_set.spec.upgrade_policy
    members = ranges.parse(hand.instances) & frozenset(range(ctx.snapshot.replicas))
    state = RunState(
        run=UpgradeRun(
            metadata=ObjectMeta(name=hand.run_name, namespace=scale_set.metadata.namespace),
            spec=UpgradeRunSpec(scale_set_name=scale_set.metadata.name, type=hand.type),
        ),
        target=Pair(hand.image_version, hand.image, hand.model_revision),
        policy=RunPolicy(
            **scale_set.spec.rolling_upgrade_policy.model_dump(),
            automatic_rollback=hand.automatic_rollback,
            replacement_method=policy.replacement_method,
        ),
        tally=Tally(in_progress=members),
        origins=run_state.load_origins(hand.origins),
        batch=Batch(hand.number, members, ctx.stamp, recreated=ranges.parse(hand.recreated)),
    )
    return replace(state, tally=state.tally.move(_going_back(state, ctx, members), "failed"))


def _going_back(state: RunState, ctx: Context, members: Ordinals) -> Ordinals:
    """Those whose failure the run had written: their assignment is what they ran before (H3)."""
    if not state.policy.automatic_rollback:
        return ranges.NONE
    kept = assignments.load(ctx.snapshot.scale_set.status, {}, ctx.snapshot.replicas)
    return frozenset(
        o
        for o in members & kept.keys()
        if is_same(kept[o], state.origins[o]) and not is_same(goals.goal(state, ctx, o), state.origins[o])
    )


def _untouched_given_back(state: RunState, ctx: Context) -> RunState:
    """B13: as if the run had been cancelled."""
    untouched = frozenset(o for o in state.tally.in_progress if not batch_of.is_touched(state, ctx, o))
    return replace(state, tally=state.tally.without(untouched))


def _without_settled(state: RunState) -> RunState:
    """What is settled is left to repair, should its pod vanish later (F5)."""
    return replace(state, batch=state.batch and replace(state.batch, instances=state.exclusive))
