"""A run's status as the engine works on it: sets of ordinals instead of range strings."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from rollkeeper.api.v1alpha1 import UpgradeRun
from rollkeeper.api.v1alpha1.batch_in_hand import BatchInHand, Origin
from rollkeeper.api.v1alpha1.upgrade_run_status import (
    CurrentBatch,
    Failure,
    FailureReason,
    FinishedBatch,
    Relapse,
    RunInstances,
    RunPolicy,
    UpgradeRunStatus,
)
from rollkeeper.engine import ranges
from rollkeeper.engine.ranges import NONE, Ordinals
from rollkeeper.engine.reasons import ENVIRONMENT
from rollkeeper.engine.snapshot import Pair, Problem

MAX_BATCHES = 50
MAX_FAILURES = 20
MAX_RELAPSES = 20

Place = Literal["succeeded", "failed", "skipped", "in_progress", "pending"]
PLACES: tuple[Place, ...] = ("succeeded", "failed", "skipped", "in_progress", "pending")


@dataclass(frozen=True)
class Tally:
    """Where each instance of a run is. The first five never overlap (I5); the others are subsets or notes."""

    succeeded: Ordinals = NONE
    failed: Ordinals = NONE
    skipped: Ordinals = NONE
    in_progress: Ordinals = NONE
    pending: Ordinals = NONE
    rolled_back: Ordinals = NONE
    rollback_failed: Ordinals = NONE
    uncounted: Ordinals = NONE

    @property
    def members(self) -> Ordinals:
        """Every instance of the run."""
        return self.succeeded | self.failed | self.skipped | self.in_progress | self.pending

    def move(self, ordinals: Ordinals, to: Place) -> "Tally":
        """The same with some instances in another place."""
        if not ordinals:
            return self
        moved = {place: getattr(self, place) - ordinals for place in PLACES}
        moved[to] |= ordinals
        return replace(self, **moved)

    def without(self, ordinals: Ordinals) -> "Tally":
        """The same without instances that have left the set (B11)."""
        if not ordinals:
            return self
        return Tally(**{name: getattr(self, name) - ordinals for name in self.__dataclass_fields__})


@dataclass(frozen=True)
class Batch:
    """The batch in hand. `back` are those of it that are being put back from the start: relapsed ones."""

    number: int
    instances: Ordinals
    start_time: datetime
    phase: Literal["Upgrading", "RollingBack"] = "Upgrading"
    recreated: Ordinals = NONE
    domain: str = ""
    """The zone that the batch keeps to; empty when it need not keep to one."""


@dataclass(frozen=True)
class RunState:
    """An active run between two writes of its status."""

    run: UpgradeRun
    target: Pair
    """In a Model run only its revision counts: each instance keeps its version."""
    policy: RunPolicy
    tally: Tally
    origins: Mapping[int, Pair] = field(default_factory=dict)
    batch: Batch | None = None
    relapses: Mapping[int, datetime] = field(default_factory=dict)
    batches: tuple[FinishedBatch, ...] = ()
    failures: tuple[Failure, ...] = ()
    failure_reasons: tuple[FailureReason, ...] = ()

    @property
    def name(self) -> str:
        """The run's name."""
        return self.run.metadata.name

    @property
    def platform(self) -> bool:
        """Made by the controller."""
        return self.run.spec.started_by == "Platform"

    @property
    def is_model(self) -> bool:
        """The run brings instances to a model, not to an image version."""
        return self.run.spec.type == "Model"

    @property
    def changes_image(self) -> bool:
        """V6: a Model run that brings instances to another image, and so to a version of it."""
        return self.is_model and self.run.status.target_image_reference is not None

    @property
    def label(self) -> str:
        """What the run brings instances to, for sentences."""
        if self.changes_image:
            return f"model {self.target.revision} with version {self.target.version}"
        return f"model {self.target.revision}" if self.is_model else self.target.version

    @property
    def upgraded(self) -> Ordinals:
        """B8's denominator: touched and settled; not those that were unhealthy before and failed again."""
        touched = (self.tally.succeeded | self.tally.failed) & self.origins.keys()
        return touched - (self.tally.failed & self.tally.uncounted)

    @property
    def upgraded_failed(self) -> Ordinals:
        """B8's numerator."""
        return self.upgraded & self.tally.failed

    @property
    def putting_back(self) -> Ordinals:
        """Failed instances of the batch in hand that are being put back and not settled yet (H3)."""
        if self.batch is None or not self.policy.automatic_rollback:
            return NONE
        return (self.batch.instances & self.tally.failed) - self.tally.rolled_back - self.tally.rollback_failed

    @property
    def exclusive(self) -> Ordinals:
        """Ordinals that belong to the run alone: repair keeps off (F5)."""
        return self.tally.in_progress | self.putting_back

    def made_by(self, direction: Literal["Forward", "Back"]) -> str:
        """What stands on the pods that the batch in hand makes (I9)."""
        number = self.batch.number if self.batch else 0
        return f"{self.name}/{number}/{direction}"

    def with_failure(self, ordinal: int, problem: Problem, now: datetime) -> "RunState":
        """The same with an instance that has failed: listed (20 at most, the first of each reason kept) and counted."""
        entry = Failure(instance=ordinal, reason=problem.reason, message=problem.message[:1024], time=now)
        counts = {r.reason: r for r in self.failure_reasons}
        before = counts.get(problem.reason)
        counts[problem.reason] = FailureReason(
            reason=problem.reason,
            environment=problem.reason in ENVIRONMENT,
            count=(before.count if before else 0) + 1,
        )
        return replace(
            self,
            failures=_with_entry(self.failures, entry),
            failure_reasons=tuple(counts.values()),
        )


def _with_entry(failures: tuple[Failure, ...], entry: Failure) -> tuple[Failure, ...]:
    if len(failures) < MAX_FAILURES:
        return (*failures, entry)
    seen: set[str] = set()
    for index, old in enumerate(failures):
        if old.reason in seen:  # not the first of its reason: it may go
            return (*failures[:index], *failures[index + 1 :], entry)
        seen.add(old.reason)
    return failures


def load(run: UpgradeRun) -> RunState:
    """The state of an active run, from its status."""
    status = run.status
    image = status.target_image_reference
    if (image is None and run.spec.type == "OSImage") or status.policy is None or status.instances is None:
        raise ValueError(
            f"UpgradeRun {run.metadata.name} is active, but its status has no target: it was edited by hand"
        )
    target = Pair(
        image.version if image else "", (image.image if image else "") or "", status.target_model_revision or ""
    )
    return RunState(
        run=run,
        target=target,
        policy=status.policy,
        tally=Tally(
            **{name: ranges.parse(getattr(status.instances, name)) for name in Tally.__dataclass_fields__},
        ),
        origins=load_origins(status.origins),
        batch=_load_batch(status.current_batch),
        relapses={o: relapse.since for relapse in status.relapses for o in ranges.parse(relapse.instances)},
        batches=status.batches,
        failures=status.failures,
        failure_reasons=status.failure_reasons,
    )


def load_origins(origins: Sequence[Origin]) -> dict[int, Pair]:
    """What instances ran before, by ordinal.

    One Pair for all ordinals that share it: a decision compares and hashes them by the thousand.
    """
    found: dict[int, Pair] = {}
    for origin in origins:
        pair = Pair(origin.image_version, origin.image, origin.model_revision)
        found.update(dict.fromkeys(ranges.parse(origin.instances), pair))
    return found


def _load_batch(batch: CurrentBatch | None) -> Batch | None:
    if batch is None:
        return None
    return Batch(
        number=batch.number,
        instances=ranges.parse(batch.instances),
        start_time=batch.start_time,
        phase=batch.phase,
        recreated=ranges.parse(batch.recreated),
        domain=batch.domain,
    )


def dump(state: RunState) -> UpgradeRunStatus:
    """The run's status with everything that the state knows; code, message and conditions are left as they were."""
    return state.run.status.model_copy(
        update={
            "instances": RunInstances(
                **{name: ranges.render(getattr(state.tally, name)) for name in Tally.__dataclass_fields__}
            ),
            "origins": dump_origins(state.origins),
            "current_batch": state.batch
            and CurrentBatch(
                number=state.batch.number,
                instances=ranges.render(state.batch.instances),
                domain=state.batch.domain,
                phase=state.batch.phase,
                recreated=ranges.render(state.batch.recreated),
                start_time=state.batch.start_time,
            ),
            "relapses": _dump_relapses(state.relapses),
            "batches": state.batches[-MAX_BATCHES:],
            "failures": state.failures,
            "failure_reasons": state.failure_reasons,
        }
    )


def dump_origins(origins: Mapping[int, Pair]) -> tuple[Origin, ...]:
    """The same as it is written, one entry a pair."""
    groups: dict[Pair, list[int]] = defaultdict(list)
    for ordinal, pair in origins.items():
        groups[pair].append(ordinal)
    return tuple(
        Origin(
            image_version=pair.version,
            image=pair.image,
            model_revision=pair.revision,
            instances=ranges.render(groups[pair]),
        )
        for pair in sorted(groups)
    )


def in_hand(state: RunState) -> BatchInHand | None:
    """The batch as the set keeps it, for the case that the run is removed by force (F7); None: none is in hand."""
    batch = state.batch
    if batch is None or not state.exclusive:
        return None
    return BatchInHand(
        run_name=state.name,
        type="Model" if state.is_model and not state.changes_image else "OSImage",
        number=batch.number,
        instances=ranges.render(batch.instances),
        recreated=ranges.render(batch.recreated),
        image_version=state.target.version,
        image=state.target.image,
        model_revision=state.target.revision,
        automatic_rollback=state.policy.automatic_rollback,
        origins=dump_origins({o: state.origins[o] for o in batch.instances}),
    )


def _dump_relapses(relapses: Mapping[int, datetime]) -> tuple[Relapse, ...]:
    groups: dict[datetime, list[int]] = defaultdict(list)
    for ordinal, since in relapses.items():
        groups[since].append(ordinal)
    times = sorted(groups)
    for late in times[MAX_RELAPSES:]:  # a status is bounded: the latest share the clock of the last that fits
        groups[times[MAX_RELAPSES - 1]] += groups.pop(late)
    return tuple(Relapse(instances=ranges.render(groups[t]), since=t) for t in sorted(groups))
