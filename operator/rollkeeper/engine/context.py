"""What a decision looks up again and again: who is healthy, who counts, what each ordinal is meant to run."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from rollkeeper.api.v1alpha1.batch_in_hand import BatchInHand
from rollkeeper.api.v1alpha1.health import Health
from rollkeeper.api.v1alpha1.scale_set import RollingUpgradePolicy
from rollkeeper.engine import health, ranges, resolved, run_state, versions
from rollkeeper.engine.assignment import Assignment
from rollkeeper.engine.ranges import NONE, Ordinals
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
    never_healthy: Ordinals
    """Ordinals that joined by scaling out (or first creation) and were not healthy yet."""
    healthy: Ordinals
    starting: Ordinals
    unhealthy: Ordinals
    """Counted and not healthy."""
    protected: Ordinals
    """Not to be upgraded (B10); a missing instance is protected if its last pod was."""
    unread: Ordinals
    """Of the unhealthy: those whose application was not asked yet, so that nobody can tell (H4)."""

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
    def proven_pair(self) -> Pair | None:
        """The proven pair with its full reference, which the status and the instances remember best (V8)."""
        status = self.snapshot.scale_set.status
        version, revision = status.proven_image_version, status.proven_model_revision or ""
        if version is None:
            return None
        kept = (Pair(v.version, v.image, v.model_revision) for v in status.versions)
        known = [*kept, *(i.pair for i in self.instances.values())]
        image = next((p.image for p in known if (p.version, p.revision) == (version, revision)), None)
        of_image = (p.image for p in known if p.version == version and self.image_of(p) == status.proven_image)
        image = image or next(of_image, None)
        published = self.catalogue.get(version) if status.proven_image == self.image_name else None
        if image is None and published is not None:
            image = published.image
        return Pair(version, image, revision) if image is not None else None

    def is_protected(self, ordinal: int) -> bool:
        """Whether its label keeps an instance from being upgraded (B10)."""
        return ordinal in self.protected

    def is_held(self, pair: Pair) -> bool:
        """Whether a pair's version is held for the set (F3)."""
        published = self.catalogue.get(pair.version) or versions.unpublished(pair.version, pair.image)
        return versions.is_held(self.snapshot.scale_set, published, pair.revision, self.image_of(pair)) is not None

    @property
    def image_name(self) -> str:
        """The name of the image that the set asks for."""
        return versions.image_name(self.snapshot.scale_set.spec.image_reference)

    def image_of(self, pair: Pair) -> str:
        """The name of the image that a pair's version belongs to: its model knows (V6)."""
        return self.snapshot.images.get(pair.revision) or self.image_name

    @property
    def on_other_image(self) -> Ordinals:
        """Instances of another image than the set asks for now: its SKU or definition was changed (V6)."""
        others = {revision for revision, image in self.snapshot.images.items() if image != self.image_name}
        return frozenset(o for o in range(self.snapshot.replicas) if others and self.runs_now(o).revision in others)

    def is_revision_held(self, revision: str) -> bool:
        """Whether a model revision is held for the set (F3)."""
        return versions.held_revision(self.snapshot.scale_set, revision) is not None

    @property
    def removed(self) -> BatchInHand | None:
        """The batch of a run that was removed by force, while it is not settled (F7)."""
        hand = self.snapshot.scale_set.status.batch_in_hand
        if hand is None or any(run.metadata.name == hand.run_name for run in self.snapshot.runs):
            return None
        return hand

    @property
    def in_hand(self) -> Ordinals:
        """What the active run has in its batch and not settled: down by our own doing, so not unhealthy (section 0)."""
        if self.removed is not None:
            return ranges.parse(self.removed.instances)
        name = self.snapshot.scale_set.status.active_run_name
        run = next((r for r in self.snapshot.runs if r.metadata.name == name), None)
        if run is None or run.status.current_batch is None:
            return NONE
        return run_state.load(run).exclusive

    @property
    def model(self) -> str:
        """The revision that runs apply: the newest, or the proven one while the newest is held (B5)."""
        status = self.snapshot.scale_set.status
        held = self.is_revision_held(self.snapshot.revision)
        return status.proven_model_revision if held and status.proven_model_revision else self.snapshot.revision

    @property
    def proven(self) -> bool:
        """Whether the set has a proven pair (F4)."""
        return self.snapshot.scale_set.status.proven_image_version is not None

    @property
    def health(self) -> Health | None:
        """The set's health source."""
        return self.snapshot.scale_set.spec.health

    @property
    def changes_in_place(self) -> bool:
        """Instances are made once, and changed but never made anew: virtual machines."""
        return self.snapshot.scale_set.spec.has_machines

    @property
    def made_of(self) -> str:
        """What instances are and where that stands, for sentences."""
        return "machines of spec.virtualMachineTemplate" if self.changes_in_place else "pods of spec.template"

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
    never_healthy = _never_healthy(snapshot, assignment) - healthy
    starting = _starting(snapshot, never_healthy, policy, now)
    unhealthy = frozenset(rest) - starting
    return Context(
        snapshot=snapshot,
        now=now,
        catalogue=resolved.pin(snapshot.scale_set, versions.catalogue_of(snapshot.scale_set, snapshot.catalogue)),
        assignment=assignment,
        never_healthy=never_healthy,
        healthy=healthy,
        starting=starting,
        unhealthy=unhealthy,
        unread=frozenset(o for o in unhealthy if health.is_unread(snapshot.instances.get(o), source)),
        protected=_protected(snapshot),
    )


def _protected(snapshot: Snapshot) -> Ordinals:
    """B10: what the pods say; for those that are gone or going, what the status remembers for their successors."""
    present = {o: i.protected for o, i in snapshot.instances.items() if not i.terminating}
    remembered = ranges.parse(snapshot.scale_set.status.protected or "")
    return frozenset(o for o in range(snapshot.replicas) if present.get(o, o in remembered))


def _starting(snapshot: Snapshot, candidates: Ordinals, policy: RollingUpgradePolicy, now: datetime) -> Ordinals:
    """Section 0: made by scale-out or first creation, never yet healthy, inside its clocks."""
    source = snapshot.scale_set.spec.health
    # Creating begins slowly, so of a scale-out that is refused most instances were not even tried: one clock for all.
    refused = [r.since for r in snapshot.refusals.values() if r.made_by in ("ScaleOut", "FirstCreation")]
    missing_count = bool(refused) and now >= min(refused) + timedelta(seconds=policy.provisioning_timeout_seconds)
    return frozenset(
        ordinal
        for ordinal in candidates
        if (
            not missing_count
            if (i := snapshot.instances.get(ordinal)) is None
            else not i.terminating and not _is_replacement(i) and now < health.deadline(i, policy, source)
        )
    )


def _is_replacement(instance: Instance) -> bool:
    return instance.made_by.endswith(("/Forward", "/Back"))


def _never_healthy(snapshot: Snapshot, assignment: Assignment) -> Ordinals:
    """Ordinals that joined and were not healthy yet; the status remembers, or a restart would make them count."""
    status, everyone = snapshot.scale_set.status, frozenset(range(snapshot.replicas))
    if status.proven_image_version is None:
        return everyone - ranges.parse(status.ever_healthy or "")
    return ranges.parse(status.starting or "") & everyone | (everyone - assignment.keys())


def starting_until(ctx: Context, ordinal: int) -> datetime | None:
    """When a starting instance's clocks run out."""
    instance = ctx.instances.get(ordinal)
    if instance is None:
        return None
    policy = ctx.snapshot.scale_set.spec.upgrade_policy.rolling_upgrade_policy
    return health.deadline(instance, policy, ctx.health)
