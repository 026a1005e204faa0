"""Is an automatic run due, and may it start? (T1, T2)."""

from dataclasses import dataclass

from rollkeeper.engine import creation, gates, ranges, versions
from rollkeeper.engine.context import Context
from rollkeeper.engine.gates import Blocked
from rollkeeper.engine.snapshot import Pair, is_same
from rollkeeper.engine.versions import Published


@dataclass(frozen=True, slots=True)
class Automatic:
    """What automatic upgrades make of the set now."""

    target: Published | None = None
    """The highest version they could choose; None: none, or automatic upgrades are off."""
    due: Pair | None = None
    """A run to this pair is due."""
    blocked: Blocked | None = None
    """Why the due run does not start."""


def consider(ctx: Context) -> Automatic:
    """T1 and T2 for the set as it is, other runs left aside."""
    target = versions.automatic_target(ctx.snapshot.scale_set, ctx.catalogue, ctx.model)
    if target is None:
        return Automatic()
    if not _is_due(ctx, target):
        return Automatic(target)
    pair = Pair(target.version, target.image, ctx.model)
    left_failed = frozenset(
        o
        for o in ranges.parse(ctx.snapshot.scale_set.status.left_failed or "")
        if not is_same(ctx.runs_now(o), pair) and not ctx.is_protected(o)
    )
    chain = (
        gates.nothing_is_left_in_hand,
        gates.has_health_source,
        gates.is_the_only_updater,
        gates.model_is_known,
        gates.model_is_applied,
        gates.is_not_backing_off(target.version),
        gates.set_is_healthy(exempt=left_failed),
        gates.references_exist(target.version),
        gates.model_is_accepted,
    )
    return Automatic(target, pair, gates.first_block(chain, ctx, pair))


def _is_due(ctx: Context, target: Published) -> bool:
    status = ctx.snapshot.scale_set.status
    if not ctx.proven:  # F4b: healthy instances on another pair follow by a run, the others at once
        return target.version == status.creation_version and creation.has_followers(ctx, target.version)
    proven = versions.proven_version(ctx.snapshot.scale_set, status)
    if proven is None or not versions.is_higher(target.version, proven):
        return False
    present = [i for o, i in ctx.instances.items() if o < ctx.snapshot.replicas and not ctx.is_protected(o)]
    return any(versions.is_higher(target.version, i.pair.version) for i in present)
