"""What would come of a snapshot if every instance that is made became healthy at once: the plan of a rollout.

`decide` is asked as in the controller, again and again. What it wants done is done to the snapshot, and time passes
when there is nothing to do, so the batches are those that the rules give, whatever rules there are. Pure, as the engine
is: what decisions ask the cluster is answered by whoever wants the forecast.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, assert_never

from rollkeeper.api.v1alpha1 import Condition, ScaleSet, UpgradeRun
from rollkeeper.api.v1alpha1.names import FINALIZER_RUN
from rollkeeper.engine import assignment as assignments
from rollkeeper.engine import context, health, platform, ranges
from rollkeeper.engine.actions import (
    Action,
    AddRunFinalizer,
    CheckReferences,
    CreateInstance,
    CreateRun,
    DeleteClaims,
    DeleteOSDisk,
    DeleteRevision,
    DeleteRun,
    DryRunPod,
    EmitEvent,
    EnsureRevision,
    FinishSwap,
    InstanceAction,
    RemoveRunFinalizer,
    SwapImage,
    WriteRun,
    WriteSet,
)
from rollkeeper.engine.decide import decide
from rollkeeper.engine.queue import FINAL, code_of
from rollkeeper.engine.ranges import NONE, Ordinals
from rollkeeper.engine.references import Reference, ReferenceCheck
from rollkeeper.engine.snapshot import Application, DryRun, Instance, Pair, Snapshot

MOST_DECISIONS = 5_000
"""More are not made: what comes after is left out, and said to be (`Forecast.complete`)."""


_RunAction = WriteRun | CreateRun | AddRunFinalizer | RemoveRunFinalizer | DeleteRun | EmitEvent | DeleteClaims
_OtherAction = _RunAction | WriteSet | DryRunPod | CheckReferences | EnsureRevision | DeleteRevision | DeleteOSDisk


class Answers(Protocol):
    """The cluster's answers to what decisions ask it."""

    def missing(self, references: Iterable[Reference]) -> tuple[Reference, ...]:
        """Those that do not exist (T8)."""
        ...

    def dry_run(self, pair: Pair) -> DryRun:
        """Whether a pod of a pair would be accepted (M3)."""
        ...


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """A batch that would come."""

    run: str
    number: int
    instances: Ordinals
    domain: str
    """The zone or update domain that it keeps to; empty when it need not (B4)."""
    unhealthy: Ordinals
    """Of its instances: those that are unhealthy when it is written."""
    begun: bool
    """It is in hand already."""
    starts: datetime


@dataclass(frozen=True)
class Forecast:
    """What would come, in order."""

    scale_set: ScaleSet
    """As it would be then."""
    runs: tuple[UpgradeRun, ...]
    """Those that had not ended, and those that came; as they would be then."""
    batches: tuple[PlannedBatch, ...]
    blocked: Condition | None
    """UpgradeBlocked, where that is what the set came to rest with before anything was replaced."""
    ends: datetime
    """At the earliest: only what the rules ask to wait for takes time here (B7, H2, F8)."""
    complete: bool
    """False: there is more than is shown."""


def forecast(snapshot: Snapshot, now: datetime, answers: Answers) -> Forecast:
    """Plays on from a snapshot until nothing more comes by itself."""
    world = _World(_hopeful(snapshot, now), now, answers)
    for run in snapshot.runs:
        world.note_batch(run, begun=True)
    blocked: Condition | None = None
    for _ in range(MOST_DECISIONS):
        decision = decide(world.snapshot, world.now)
        if world.carry_out(decision.actions):
            continue
        if not world.batches:
            blocked = blocked or world.blocked
        if decision.look_at is None or not world.goes_on:
            return world.result(blocked, complete=True)
        world.now = decision.look_at
    return world.result(blocked, complete=False)


def _hopeful(snapshot: Snapshot, now: datetime) -> Snapshot:
    """What is on its way becomes healthy, what goes is gone; instances whose clocks are over stay as they are."""
    policy = snapshot.scale_set.spec.upgrade_policy.rolling_upgrade_policy
    assignment = assignments.load(snapshot.scale_set.status, snapshot.instances, snapshot.replicas)
    ctx = context.build(snapshot, assignment, policy, now)
    mark = f"{snapshot.scale_set.status.active_run_name}/"
    coming = ctx.starting | {o for o in ctx.in_hand if o in ctx.instances and ctx.instances[o].made_by.startswith(mark)}
    instances = {
        ordinal: _healthy(instance, now) if ordinal in coming - ctx.healthy else instance
        for ordinal, instance in snapshot.instances.items()
        if not instance.terminating
    }
    return replace(snapshot, instances=instances)


def _healthy(instance: Instance, now: datetime) -> Instance:
    return replace(
        instance,
        running=True,
        first_started=instance.first_started or now,
        running_since=now,
        ready=True,
        ready_since=now,
        problem=None,
        application=Application("Healthy", now, ""),
        application_settled=now,
    )


class _World:
    """A snapshot that changes as decisions want it to."""

    def __init__(self, snapshot: Snapshot, now: datetime, answers: Answers) -> None:
        self.snapshot = snapshot
        self.now = now
        self.batches: list[PlannedBatch] = []
        self._answers = answers
        self._noted: set[tuple[str, int]] = set()
        self._zones = {ordinal: instance.zone for ordinal, instance in snapshot.instances.items()}
        self._ended = {run.metadata.name for run in snapshot.runs if code_of(run) in FINAL}
        self._made = 0

    @property
    def blocked(self) -> Condition | None:
        """The condition that says why a due run does not start."""
        conditions = self.snapshot.scale_set.status.conditions
        return next((c for c in conditions if c.type == "UpgradeBlocked" and c.status == "True"), None)

    @property
    def goes_on(self) -> bool:
        """Whether there is something that only time keeps waiting."""
        return self.blocked is not None or any(code_of(run) not in FINAL for run in self.snapshot.runs)

    def result(self, blocked: Condition | None, *, complete: bool) -> Forecast:
        """All that was seen."""
        runs = tuple(run for run in self.snapshot.runs if run.metadata.name not in self._ended)
        return Forecast(self.snapshot.scale_set, runs, tuple(self.batches), blocked, self.now, complete)

    def carry_out(self, actions: Sequence[Action]) -> bool:
        """Makes a decision come true. False: there was nothing in it that further decisions depend on."""
        on_instances = [action for action in actions if isinstance(action, InstanceAction)]
        others = [self._do(action) for action in actions if not isinstance(action, InstanceAction)]
        instances = dict(self.snapshot.instances)
        for action in on_instances:
            self._touch(instances, action)
        self.snapshot = replace(self.snapshot, instances=instances)
        return bool(on_instances) or any(others)

    def _do(self, action: _OtherAction) -> bool:
        match action:
            case WriteSet(status):
                scale_set = self.snapshot.scale_set.model_copy(update={"status": status})
                self.snapshot = replace(self.snapshot, scale_set=scale_set)
            case DryRunPod(pair):
                found = {**self.snapshot.dry_runs, pair: self._answers.dry_run(pair)}
                self.snapshot = replace(self.snapshot, dry_runs=found)
            case CheckReferences(revision, references, occasion):
                check = ReferenceCheck(revision, self.now, self._answers.missing(references))
                checks = {**self.snapshot.reference_checks, occasion: check}
                self.snapshot = replace(self.snapshot, reference_checks=checks)
            case EnsureRevision(name):
                number = 1 + max(self.snapshot.revisions.values(), default=0)
                self.snapshot = replace(self.snapshot, revisions={**self.snapshot.revisions, name: number})
            case DeleteRevision(name):
                left = {known: number for known, number in self.snapshot.revisions.items() if known != name}
                self.snapshot = replace(self.snapshot, revisions=left)
            case DeleteOSDisk(name):
                disks = tuple(disk for disk in self.snapshot.os_disks if disk.name != name)
                self.snapshot = replace(self.snapshot, os_disks=disks)
            case _:
                return self._run(action)
        return True

    def _run(self, action: _RunAction) -> bool:
        match action:
            case WriteRun(name, status):
                self._change(name, {"status": status})
                self.note_batch(next(run for run in self.snapshot.runs if run.metadata.name == name), begun=False)
            case CreateRun():
                made = platform.run_of(self.snapshot.scale_set, action, self.now)
                self.snapshot = replace(self.snapshot, runs=(*self.snapshot.runs, made))
            case AddRunFinalizer(name):
                self._guard(name, (FINALIZER_RUN,))
            case RemoveRunFinalizer(name):
                self._guard(name, ())
            case DeleteRun(name):
                left = tuple(run for run in self.snapshot.runs if run.metadata.name != name)
                self.snapshot = replace(self.snapshot, runs=left)
            case EmitEvent() | DeleteClaims():
                return False
            case _:
                assert_never(action)
        return True

    def _guard(self, name: str, finalizers: tuple[str, ...]) -> None:
        run = next(run for run in self.snapshot.runs if run.metadata.name == name)
        self._change(name, {"metadata": run.metadata.model_copy(update={"finalizers": finalizers})})

    def _change(self, name: str, update: dict[str, object]) -> None:
        runs = (run.model_copy(update=update) if run.metadata.name == name else run for run in self.snapshot.runs)
        self.snapshot = replace(self.snapshot, runs=tuple(runs))

    def _touch(self, instances: dict[int, Instance], action: InstanceAction) -> None:
        """A pod goes at once. A new one, or one with another image, is healthy at once, where the one before it was."""
        before = instances.pop(action.ordinal, None)
        if isinstance(action, SwapImage) and before is not None:
            changed = replace(before, pair=action.pair, made_by=action.made_by, created=self.now, unfinished=False)
            instances[action.ordinal] = _healthy(changed, self.now)
        if isinstance(action, FinishSwap) and before is not None:
            instances[action.ordinal] = _healthy(replace(before, unfinished=False), self.now)
        if isinstance(action, CreateInstance):
            self._made += 1
            made = Instance(
                ordinal=action.ordinal,
                name=f"{self.snapshot.scale_set.metadata.name}-{action.ordinal}",
                uid=f"forecast-{self._made}",
                pair=action.pair,
                made_by=action.made_by,
                created=self.now,
                protected=action.protected,
                zone=self._zones.get(action.ordinal, ""),
            )
            instances[action.ordinal] = _healthy(made, self.now)

    def note_batch(self, run: UpgradeRun, *, begun: bool) -> None:
        """Notes the batch of a run, the first time that it is seen."""
        batch = run.status.current_batch
        if batch is None or (run.metadata.name, batch.number) in self._noted:
            return
        self._noted.add((run.metadata.name, batch.number))
        instances, source = ranges.parse(batch.instances), self.snapshot.scale_set.spec.health
        sick = frozenset(o for o in instances if not health.is_healthy(self.snapshot.instances.get(o), source))
        self.batches.append(
            PlannedBatch(
                run=run.metadata.name,
                number=batch.number,
                instances=instances,
                domain=batch.domain,
                unhealthy=NONE if begun else sick,
                begun=begun,
                starts=self.now,
            )
        )
