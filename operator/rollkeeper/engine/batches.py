"""Which instances make the next batch (B1 to B4)."""

from itertools import takewhile

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
    if keeps_to_one_domain(state, ctx):
        # Up to the first of another domain, so that none of the instances that go first waits for healthy ones.
        ordered = list(takewhile(lambda o: domain_of(ctx, o) == domain_of(ctx, ordered[0]), ordered))
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


def _order(ctx: Context, ordinal: int, first: Ordinals) -> tuple[bool, bool, int, str, tuple[int, int, int], int]:
    """B3. Unknown domains come last: an instance that could not be made at all is no place to try a version first."""
    domain = domain_of(ctx, ordinal)
    number = update_domain_of(ctx, ordinal)
    version = parse_version(ctx.runs_now(ordinal).version)
    return ordinal not in first, not domain, -1 if number is None else number, domain, version, ordinal


def keeps_to_one_domain(state: RunState, ctx: Context) -> bool:
    """B4: a batch stays inside one domain, so that what it breaks is never all of a service that spans several.

    Update domains of Service Fabric always: its services are spread over them, and no setting takes that back.
    """
    return ctx.snapshot.scale_set.spec.service_fabric is not None or not state.policy.enable_cross_zone_upgrade


def domain_of(ctx: Context, ordinal: int) -> str:
    """The zone of an instance, in a Service Fabric set its update domain (B4).

    Instances whose zone is not known, such as missing ones, form one of their own.
    """
    number = update_domain_of(ctx, ordinal)
    if number is not None:
        return str(number)
    instance = ctx.instances.get(ordinal)
    return instance.zone if instance is not None else ""


def update_domain_of(ctx: Context, ordinal: int) -> int | None:
    """E3: the update domain of an instance is its ordinal modulo their count; None: the set has no such domains."""
    fabric = ctx.snapshot.scale_set.spec.service_fabric
    return None if fabric is None else ordinal % fabric.update_domain_count
