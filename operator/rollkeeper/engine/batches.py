"""Which instances make the next batch (B1 to B3)."""

from rollkeeper.engine.context import Context
from rollkeeper.engine.limits import batch_size
from rollkeeper.engine.ranges import NONE, Ordinals
from rollkeeper.engine.run_state import RunState
from rollkeeper.engine.versions import parse_version


def select(state: RunState, ctx: Context, first: Ordinals) -> Ordinals:
    """The next batch out of the pending instances, `first` (T7) before all others; empty when nothing is pending."""
    ordered = sorted(state.tally.pending, key=lambda o: _order(ctx, o, first))
    if not ordered:
        return NONE
    limit = batch_size(state.policy.max_batch_instance_percent, ctx.snapshot.replicas)
    unavailable = frozenset(range(ctx.snapshot.replicas)) - ctx.healthy
    chosen = ordered[:limit]
    outside = len(unavailable.difference(chosen))
    # B2: every instance dropped from the end that is itself unavailable moves outside and shrinks the batch further.
    while chosen and len(chosen) + outside > limit:
        outside += chosen.pop() in unavailable
    if not chosen:
        chosen = [o for o in ordered if o in ctx.unhealthy][:1] or ordered[:1]
    return frozenset(chosen)


def _order(ctx: Context, ordinal: int, first: Ordinals) -> tuple[bool, tuple[int, int, int], int]:
    return ordinal not in first, parse_version(ctx.runs_now(ordinal).version), ordinal
