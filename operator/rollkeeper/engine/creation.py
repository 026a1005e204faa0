"""First creation: what instances are created with while nothing is proven, and when a pair is proven (F4, F4b)."""

from dataclasses import dataclass

from rollkeeper.api.v1alpha1 import ScaleSet
from rollkeeper.engine import ranges, versions
from rollkeeper.engine.context import Context
from rollkeeper.engine.limits import Share
from rollkeeper.engine.ranges import NONE, Ordinals
from rollkeeper.engine.snapshot import Pair, is_same


@dataclass(frozen=True, slots=True)
class Creation:
    """Where first creation stands."""

    pair: Pair | None
    """What missing instances are created with; None: no version can be used."""
    ever_healthy: Ordinals = NONE
    proven: Pair | None = None
    """The pair that becomes proven now."""


def consider(ctx: Context) -> Creation:
    """F4b while nothing is proven: the creation pair, who was healthy on it, and whether that proves it."""
    wanted = versions.creation_version(ctx.snapshot.scale_set, ctx.catalogue)
    if wanted is None or not ctx.snapshot.revision:
        return Creation(pair=None, ever_healthy=_recorded(ctx.snapshot.scale_set))
    pair = Pair(wanted.version, wanted.image, ctx.snapshot.revision)
    ever_healthy = _ever_healthy(ctx, pair)
    return Creation(pair=pair, ever_healthy=ever_healthy, proven=pair if _is_proven(ctx, ever_healthy) else None)


def _recorded(scale_set: ScaleSet) -> Ordinals:
    return ranges.parse(scale_set.status.ever_healthy or "")


def _ever_healthy(ctx: Context, pair: Pair) -> Ordinals:
    status = ctx.snapshot.scale_set.status
    same = (status.creation_version, status.creation_model_revision) == (pair.version, pair.revision)
    before = _recorded(ctx.snapshot.scale_set) if same else NONE
    now = frozenset(o for o in ctx.healthy if is_same(ctx.instances[o].pair, pair))
    return (before | now) & frozenset(range(ctx.snapshot.replicas))


def _is_proven(ctx: Context, ever_healthy: Ordinals) -> bool:
    """F4 (a): all were healthy on it, or the others' clocks are over and they are within the limit."""
    others = frozenset(range(ctx.snapshot.replicas)) - ever_healthy
    if not ever_healthy or others & ctx.starting:
        return False
    limit = ctx.snapshot.scale_set.spec.upgrade_policy.rolling_upgrade_policy.max_unhealthy_instance_percent
    return not Share(len(others), ctx.snapshot.replicas, limit).exceeded
