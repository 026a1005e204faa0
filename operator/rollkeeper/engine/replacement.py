"""How an instance gets another OS disk: by a new pod, or by its image changed in place (`replacementMethod`).

In place is possible when only the image changes: a pod can be given no other model. Task extensions run before the OS
container starts, and so in new pods only. The method is chosen anew for each instance and each direction, so an
instance that was replaced in place is put back in place, whatever state its container is in.
"""

from collections import defaultdict

from rollkeeper.engine import goals, ranges
from rollkeeper.engine.context import Context
from rollkeeper.engine.ranges import Ordinals
from rollkeeper.engine.reasons import Failure
from rollkeeper.engine.run_state import RunState
from rollkeeper.engine.snapshot import Instance, Pair


def is_asked_for(state: RunState, ctx: Context) -> bool:
    """Whether instances are to stay where they can."""
    return ctx.changes_in_place or state.policy.replacement_method == "InPlaceIfPossible"


def obstacle(ctx: Context, before: Pair, wanted: Pair) -> str:
    """Why no pod can stay that goes from one pair to another; empty: it can."""
    if ctx.changes_in_place:
        return ""
    if before.revision != wanted.revision:
        return "the model changes"
    if wanted.revision in ctx.snapshot.with_tasks:
        return "Task extensions run in new pods only"
    if before.image == wanted.image:
        return "the image stays the same"
    return ""


def obstacle_of(ctx: Context, instance: Instance, wanted: Pair) -> str:
    """The same for one pod: of one that will never run again, or whose node is lost, nobody would swap the image."""
    if ctx.changes_in_place:
        return ""
    if instance.finished:
        return "its pod has ended"
    if not instance.node_ready:
        return "its node is not ready"
    refusal = ctx.snapshot.refusals.get(instance.ordinal)
    if refusal is not None and refusal.reason == Failure.SWAP_REFUSED:
        return f"the API server refused to change its image: {refusal.message}"
    return obstacle(ctx, instance.pair, wanted)


def forward(state: RunState, ctx: Context, ordinals: Ordinals) -> str:
    """How the instances of a batch are replaced, for its sentence: `0-1 in place, 2 by a new pod (…)`."""
    return _told(
        state, ctx, ordinals, {o: obstacle(ctx, state.origins[o], goals.goal(state, ctx, o)) for o in ordinals}
    )


def back(state: RunState, ctx: Context, ordinals: Ordinals) -> str:
    """How they are put back."""
    return _told(
        state, ctx, ordinals, {o: obstacle(ctx, goals.goal(state, ctx, o), state.origins[o]) for o in ordinals}
    )


def _told(state: RunState, ctx: Context, ordinals: Ordinals, obstacles: dict[int, str]) -> str:
    if ctx.changes_in_place or not is_asked_for(state, ctx):
        return ranges.render(ordinals)
    groups: dict[str, list[int]] = defaultdict(list)
    for ordinal, why in obstacles.items():
        groups[why].append(ordinal)
    return ", ".join(
        f"{ranges.render(groups[why])} {f'by new pods ({why})' if why else 'in place'}" for why in sorted(groups)
    )
