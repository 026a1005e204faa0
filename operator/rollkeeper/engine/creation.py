"""First creation: what instances are created with while nothing is proven, and when a pair is proven (F4, F4b)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rollkeeper.api.v1alpha1 import ScaleSet
from rollkeeper.engine import health, ranges, versions
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
    return Creation(pair=pair, ever_healthy=ever_healthy, proven=pair if _is_proven(ctx, pair, ever_healthy) else None)


def _recorded(scale_set: ScaleSet) -> Ordinals:
    return ranges.parse(scale_set.status.ever_healthy or "")


def _ever_healthy(ctx: Context, pair: Pair) -> Ordinals:
    status = ctx.snapshot.scale_set.status
    same = (status.creation_version, status.creation_model_revision) == (pair.version, pair.revision)
    before = _recorded(ctx.snapshot.scale_set) if same else NONE
    running = frozenset(o for o in ctx.healthy if is_same(ctx.instances[o].pair, pair))
    now = running - _too_fresh(ctx).keys()
    return (before | now) & frozenset(range(ctx.snapshot.replicas))


def _too_fresh(ctx: Context) -> dict[int, datetime]:
    """Healthy instances that do not count yet, and when they do.

    A virtual machine must have been healthy for a while: a guest that dies is started again at once, for ever, and
    would prove its image by the moments in between (H2).
    """
    if not ctx.changes_in_place:
        return {}
    soak = timedelta(seconds=ctx.snapshot.scale_set.spec.rolling_upgrade_policy.min_healthy_seconds or 0)
    times = {o: health.healthy_since(ctx.instances[o], ctx.health) + soak for o in ctx.healthy}
    return {ordinal: time for ordinal, time in times.items() if time > ctx.now}


def counting_until(ctx: Context) -> datetime | None:
    """When the next of them counts, while nothing is proven."""
    return None if ctx.proven else min(_too_fresh(ctx).values(), default=None)


def has_followers(ctx: Context, version: str) -> bool:
    """F4b: whether instances are healthy on another version, and may be upgraded: they follow by a run."""
    able = (ctx.healthy - ctx.protected) & ctx.instances.keys()
    return any(ctx.instances[o].pair.version != version for o in able)


def _is_awaited(ctx: Context, version: str) -> bool:
    """Whether an automatic run is to bring others to the version; its end proves it then (F4 b).

    Proven before that, it would not be higher than what is proven, and they would be left where they are (T1).
    """
    target = versions.automatic_target(ctx.snapshot.scale_set, ctx.catalogue, ctx.model)
    return target is not None and target.version == version and has_followers(ctx, version)


def _is_proven(ctx: Context, pair: Pair, ever_healthy: Ordinals) -> bool:
    """F4 (a): all were healthy on it, or the others' clocks are over and they are within the limit."""
    others = frozenset(range(ctx.snapshot.replicas)) - ever_healthy
    if not ever_healthy or others & ctx.starting or _is_awaited(ctx, pair.version):
        return False
    limit = ctx.snapshot.scale_set.spec.upgrade_policy.rolling_upgrade_policy.max_unhealthy_instance_percent
    return not Share(len(others), ctx.snapshot.replicas, limit).exceeded
