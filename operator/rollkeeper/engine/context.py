"""What a decision looks up again and again: who is healthy, who counts, what each ordinal is meant to run."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from rollkeeper.api.v1alpha1.scale_set import Health, RollingUpgradePolicy
from rollkeeper.engine import health, ranges, versions
from rollkeeper.engine.assignment import Assignment
from rollkeeper.engine.ranges import Ordinals
from rollkeeper.engine.snapshot import Instance, Pair, Snapshot
from rollkeeper.engine.versions import Catalogue

NOTHING = Pair("0.0.0", "", "")


@dataclass(frozen=True)
class Context:
    """A snapshot at a moment, with the counts of the rulebook's section 0 taken once."""

    snapshot: Snapshot
    now: datetime
    catalogue: Catalogue
    assignment: Assignment
    """What each ordinal is meant to run, joined ones included."""
    joined: Ordinals
    """Ordinals that were never given anything: scaled out, or before first creation."""
    healthy: Ordinals
    starting: Ordinals
    unhealthy: Ordinals
    """Counted and not healthy."""

    @property
    def total(self) -> int:
        """Instances with an ordinal below replicas, less the starting ones."""
        return self.snapshot.replicas - len(self.starting)

    @property
    def instances(self) -> Mapping[int, Instance]:
        """The pods that exist."""
        return self.snapshot.instances

    def runs_now(self, ordinal: int) -> Pair:
        """What an instance runs; without a pod, what it is meant to run; NOTHING if it was never given anything."""
        instance = self.instances.get(ordinal)
        return instance.pair if instance is not None else self.assignment.get(ordinal, NOTHING)

    @property
    def proven(self) -> bool:
        """Whether the set has a proven pair (F4)."""
        return self.snapshot.scale_set.status.proven_image_version is not None

    @property
    def health(self) -> Health | None:
        """The set's health source."""
        return self.snapshot.scale_set.spec.health

    @property
    def stamp(self) -> datetime:
        """Now, as it is written: Kubernetes' times have whole seconds."""
        return self.now.replace(microsecond=0)


def build(snapshot: Snapshot, assignment: Assignment, policy: RollingUpgradePolicy, now: datetime) -> Context:
    """Takes the counts. `policy` gives the clocks of the starting instances."""
    source = snapshot.scale_set.spec.health
    expected = range(snapshot.replicas)
    healthy = frozenset(o for o in expected if health.is_healthy(snapshot.instances.get(o), source))
    rest = [o for o in expected if o not in healthy]
    starting = frozenset(o for o in rest if _is_starting(snapshot, assignment, policy, o, now))
    return Context(
        snapshot=snapshot,
        now=now,
        catalogue=versions.catalogue_of(snapshot.scale_set, snapshot.catalogue),
        assignment=assignment,
        joined=frozenset(o for o in expected if o not in assignment),
        healthy=healthy,
        starting=starting,
        unhealthy=frozenset(rest) - starting,
    )


def _is_starting(
    snapshot: Snapshot, assignment: Assignment, policy: RollingUpgradePolicy, ordinal: int, now: datetime
) -> bool:
    status = snapshot.scale_set.status
    proven = status.proven_image_version is not None
    if not proven and ordinal in ranges.parse(status.ever_healthy or ""):
        return False
    instance = snapshot.instances.get(ordinal)
    if instance is not None:
        return health.is_starting(instance, policy, snapshot.scale_set.spec.health, now)
    refusal = snapshot.refusals.get(ordinal)
    never_made = not proven or ordinal not in assignment or (refusal is not None and refusal.made_by == "ScaleOut")
    clock = timedelta(seconds=policy.provisioning_timeout_seconds)
    return never_made and (refusal is None or now < refusal.since + clock)


def starting_until(ctx: Context, ordinal: int) -> datetime | None:
    """When a starting instance's clocks run out."""
    instance = ctx.instances.get(ordinal)
    if instance is None:
        return None
    policy = ctx.snapshot.scale_set.spec.upgrade_policy.rolling_upgrade_policy
    return health.deadline(instance, policy)
