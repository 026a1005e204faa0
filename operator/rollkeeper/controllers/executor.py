"""Does what the engine decided: one call an action, in order, each safe to repeat and to race (I8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import singledispatchmethod
from typing import Any

from rollkeeper.api.v1alpha1 import ScaleSet, UpgradeRun, names
from rollkeeper.api.v1alpha1.batch_in_hand import BatchInHand
from rollkeeper.api.v1alpha1.upgrade_run_status import CurrentBatch
from rollkeeper.controllers.acts import log, log_run
from rollkeeper.controllers.caches import Caches
from rollkeeper.controllers.contents import ContentReader
from rollkeeper.controllers.instance_calls import InstanceCalls
from rollkeeper.controllers.memory import SetMemory
from rollkeeper.controllers.patches import status_patch
from rollkeeper.controllers.resources import SCALE_SETS, UPGRADE_RUNS
from rollkeeper.controllers.runs import RunWriter
from rollkeeper.engine import actions as do
from rollkeeper.engine import platform, ranges, revisions
from rollkeeper.engine.ranges import Ordinals
from rollkeeper.engine.snapshot import DryRun
from rollkeeper.instances import dry_runs, pod_spec
from rollkeeper.instances.claims import Claims
from rollkeeper.instances.provider import Providers
from rollkeeper.instances.references import find_missing
from rollkeeper.kube.api import KubeApi
from rollkeeper.kube.errors import AlreadyExists, Conflict, Forbidden, Invalid, NotFound
from rollkeeper.kube.events import EventRecorder, ObjectReference
from rollkeeper.kube.resources import CONTROLLER_REVISIONS, Resource
from rollkeeper.kube.store import Store

COUNTS_EVERY = timedelta(seconds=5)
"""How often a status is written when only counts and sentences changed."""
DRY_RUN_AGAIN = timedelta(seconds=15)


@dataclass(frozen=True)
class Executor:
    """Carries out actions of one set after another. Raises ApiError; then the set is decided anew."""

    api: KubeApi
    caches: Caches
    providers: Providers
    claims: Claims
    recorder: EventRecorder
    contents: ContentReader
    parallelism: int = 16
    """Instance calls at once."""

    async def execute(
        self, todo: Sequence[do.Action], scale_set: ScaleSet, memory: SetMemory, now: datetime
    ) -> "Outcome":
        """Carries out a decision. What is put off is said with the time at which it is due."""
        one = _OneSet(self, scale_set, memory, now)
        on_instances: list[do.InstanceAction] = []
        for action in todo:
            if isinstance(action, do.InstanceAction):
                on_instances.append(action)
            else:
                await one.act(action)
        provider = self.providers.of(scale_set)
        calls = InstanceCalls(self.api, provider, self.caches, scale_set, memory, now, self.parallelism)
        await calls.carry_out(on_instances)
        return Outcome(one.acted or bool(on_instances), one.due)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a decision."""

    acted: bool
    """Something was changed or learned: decide again."""
    due: datetime | None
    """When a status write that was put off is due."""


class _OneSet:
    """The calls for one set in one reconcile."""

    def __init__(self, executor: Executor, scale_set: ScaleSet, memory: SetMemory, now: datetime) -> None:
        self._executor = executor
        self._api = executor.api
        self._caches = executor.caches
        self._runs = RunWriter(executor.api, executor.caches.runs)
        self._set = scale_set
        self._namespace = scale_set.metadata.namespace
        self._memory = memory
        self._now = now
        self.acted = False
        self.due: datetime | None = None

    @singledispatchmethod
    async def act(self, action: object) -> None:
        """Carries out one action that is not on an instance."""
        raise TypeError(f"no way to do {action!r}")

    @act.register
    async def _ensure_revision(self, action: do.EnsureRevision) -> None:
        known = self._caches.revisions.by_index(self._set.metadata.uid)
        body = {
            "metadata": {
                "name": action.name,
                "labels": pod_spec.common_labels(self._set),
                "ownerReferences": [pod_spec.owner_of(self._set)],
            },
            "revision": 1 + max((r.number for r in known), default=0),
            "data": revisions.model_of(self._set.spec, self._executor.contents.of(self._set)),
        }
        log(self._set, "ModelChanged", f"store the model as {action.name}")
        try:
            made = await self._api.create(CONTROLLER_REVISIONS, self._namespace, body)
        except AlreadyExists:
            made = await self._api.get(CONTROLLER_REVISIONS, self._namespace, action.name)
        self._caches.revisions.apply(made)
        self.acted = True

    @act.register
    async def _delete_revision(self, action: do.DeleteRevision) -> None:
        uid = self._caches.revisions.uid((self._namespace, action.name))
        if uid is not None:
            log(self._set, "ModelPruned", f"delete the model {action.name}, which nothing uses")
            await self._delete(CONTROLLER_REVISIONS, action.name, uid, self._caches.revisions)

    async def _delete(self, resource: Resource, name: str, uid: str, store: "Store[Any]") -> None:
        try:
            left = await self._api.delete(resource, self._namespace, name, uid=uid)
        except NotFound:
            left = None
        if left is None:
            store.remove_key((self._namespace, name), uid)
        self.acted = True

    @act.register
    async def _dry_run(self, action: do.DryRunPod) -> None:
        try:
            await self._executor.providers.of(self._set).dry_run(
                self._set, self._caches.model(self._set, action.pair.revision), action.pair
            )
        except (Invalid, Forbidden) as error:
            verdict = dry_runs.verdict(error, self._now + DRY_RUN_AGAIN)
        else:
            verdict = DryRun("Accepted")
        self._memory.dry_runs[action.pair] = verdict
        self.acted = True

    @act.register
    async def _check_references(self, action: do.CheckReferences) -> None:
        missing = await find_missing(self._api, self._namespace, action.references)
        self._memory.looked(action.revision, action.occasion, missing, self._now)
        self.acted = True

    @act.register
    async def _create_run(self, action: do.CreateRun) -> None:
        body = {
            "apiVersion": UPGRADE_RUNS.api_version,
            "kind": UPGRADE_RUNS.kind,
            "metadata": {
                "name": action.name,
                "labels": pod_spec.common_labels(self._set),
                "annotations": platform.marks(action),
                "finalizers": [names.FINALIZER_RUN],
                "ownerReferences": [pod_spec.owner_of(self._set)],
            },
            "spec": {
                "scaleSetName": self._set.metadata.name,
                "type": action.type,
                **({"imageVersion": action.target} if action.type == "OSImage" else {}),
                "startedBy": "Platform",
            },
        }
        log(self._set, action.cause, action.message, run=action.name)
        try:
            made = await self._api.create(UPGRADE_RUNS, self._namespace, body)
        except AlreadyExists as error:
            # Ours from a lost answer, or an old one: the next decision sees which, and counts its attempt.
            self._caches.runs.apply(await self._api.get(UPGRADE_RUNS, self._namespace, action.name))
            raise Conflict(error.code, error.reason, error.message) from error
        self._caches.runs.apply(made)
        self.acted = True

    @act.register
    async def _add_finalizer(self, action: do.AddRunFinalizer) -> None:
        run = self._run(action.run)
        if run is not None:
            await self._runs.guard(run)
            self.acted = True

    @act.register
    async def _remove_finalizer(self, action: do.RemoveRunFinalizer) -> None:
        run = self._run(action.run)
        if run is not None:
            await self._runs.let_go(run)
            self.acted = True

    def _run(self, name: str) -> UpgradeRun | None:
        return self._caches.runs.get((self._namespace, name))

    @act.register
    async def _delete_run(self, action: do.DeleteRun) -> None:
        run = self._run(action.run)
        if run is None:
            return
        log(self._set, "RunPruned", action.message, run=action.run)
        if names.FINALIZER_RUN in run.metadata.finalizers:
            await self._runs.let_go(run)
        await self._delete(UPGRADE_RUNS, action.run, run.metadata.uid, self._caches.runs)

    @act.register
    async def _write_run(self, action: do.WriteRun) -> None:
        run = self._run(action.run)
        if run is None or not self._is_due(run.metadata.uid, urgent=action.urgent):
            return
        if await self._runs.write_status(run, action.status):
            self._memory.noted(_recreated(action.status.current_batch) - _recreated(run.status.current_batch))
            self._memory.written_at[run.metadata.uid] = self._now
            log_run(self._set, action.run, action.status)
            self.acted = True

    @act.register
    async def _write_set(self, action: do.WriteSet) -> None:
        if not self._is_due(self._set.metadata.uid, urgent=action.urgent):
            return
        key = (self._namespace, self._set.metadata.name)
        patch = status_patch(self._set.status, action.status)
        if not patch:
            return
        body = {"metadata": {"resourceVersion": self._set.metadata.resource_version}, "status": patch}
        written = await self._api.merge_patch(SCALE_SETS, *key, body, subresource="status")
        self._caches.scale_sets.apply(written)
        self._memory.noted(_recreated(action.status.batch_in_hand) - _recreated(self._set.status.batch_in_hand))
        self._memory.written_at[self._set.metadata.uid] = self._now
        self.acted = True

    def _is_due(self, uid: str, *, urgent: bool) -> bool:
        last = self._memory.written_at.get(uid)
        if urgent or last is None or self._now >= last + COUNTS_EVERY:
            return True
        due = last + COUNTS_EVERY
        self.due = min(due, self.due) if self.due is not None else due
        return False

    @act.register
    async def _delete_claims(self, action: do.DeleteClaims) -> None:
        log(self._set, "ScaleIn", "delete the claims of a scaled-in instance", instance=action.ordinal)
        await self._executor.claims.delete(self._set, action.ordinal)
        self.acted = True

    @act.register
    async def _delete_os_disk(self, action: do.DeleteOSDisk) -> None:
        log(self._set, "OSDiskPruned", f"delete the OS disk {action.name}", instance=action.ordinal)
        await self._executor.claims.delete_one(self._namespace, action.name, action.uid)
        self.acted = True

    @act.register
    async def _emit(self, action: do.EmitEvent) -> None:
        if action.regarding == "ScaleSet":
            uid, resource = self._set.metadata.uid, SCALE_SETS
        else:
            uid, resource = self._caches.runs.uid((self._namespace, action.name)) or "", UPGRADE_RUNS
        regarding = ObjectReference(resource.api_version, resource.kind, self._namespace, action.name, uid)
        self._executor.recorder.record(
            regarding, action.reason, action.message, action="Upgrade", warning=action.type == "Warning"
        )


def _recreated(batch: CurrentBatch | BatchInHand | None) -> Ordinals:
    return ranges.parse(batch.recreated) if batch is not None else ranges.NONE
