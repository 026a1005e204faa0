"""Reconciles one scale set: read, decide, do, until there is nothing to do (I7)."""

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from rollkeeper.api.v1alpha1 import ScaleSet, UpgradeRun, names
from rollkeeper.controllers.caches import Caches
from rollkeeper.controllers.contents import ContentReader
from rollkeeper.controllers.executor import Executor
from rollkeeper.controllers.memory import SetMemory
from rollkeeper.controllers.patches import status_patch
from rollkeeper.controllers.protection import Protection
from rollkeeper.controllers.resources import SCALE_SETS, UPGRADE_RUNS
from rollkeeper.controllers.runs import RunWriter
from rollkeeper.controllers.snapshots import SnapshotReader
from rollkeeper.controllers.usage import Users
from rollkeeper.engine import conditions, run_status
from rollkeeper.engine.conditions import Wanted
from rollkeeper.engine.decide import decide
from rollkeeper.engine.queue import FINAL, code_of
from rollkeeper.engine.reasons import Code, State, Wait
from rollkeeper.engine.target import Refused
from rollkeeper.instances.pod_view import PodView
from rollkeeper.instances.virtual_machines.machine_instance import instance_of
from rollkeeper.instances.virtual_machines.machine_view import MachineView
from rollkeeper.kube.api import KubeApi
from rollkeeper.kube.errors import Conflict, Throttled, Unavailable
from rollkeeper.kube.reading import read_again
from rollkeeper.kube.store import Key

MAX_PASSES = 20
"""Decisions in one reconcile: more mean that a decision does not settle, which must not keep a worker for ever."""

logger = logging.getLogger(__name__)


@dataclass
class ScaleSetController:
    """Keeps scale sets as their users want them. `now` is the API server's time (I10)."""

    api: KubeApi
    caches: Caches
    reader: SnapshotReader
    executor: Executor
    contents: ContentReader
    users: Users
    protection: Protection
    now: Callable[[], datetime]
    _memories: dict[str, SetMemory] = field(default_factory=lambda: defaultdict(SetMemory))

    def __post_init__(self) -> None:
        """Pods that vanish are remembered: the next one of that name knows what happened to it (H2)."""
        self.caches.pods.subscribe(self._pod_changed)
        self.caches.machines.subscribe(self._machine_changed)

    def _pod_changed(self, _key: Key, old: PodView | None, new: PodView | None) -> None:
        if old is None or (new is not None and new.instance.uid == old.instance.uid):
            return
        memory = self._memories.get(old.owner)
        if memory is not None:
            memory.pod_gone(old.instance)

    def _machine_changed(self, _key: Key, old: MachineView | None, new: MachineView | None) -> None:
        if old is None or (new is not None and new.uid == old.uid):
            return
        memory = self._memories.get(old.owner)
        if memory is not None:
            memory.pod_gone(instance_of(old))

    async def reconcile(self, key: Key) -> float | None:
        """Brings one set on. Returns the seconds after which to look again, None: when something changes.

        Raises ApiError and whatever else went wrong, after telling it in the set's status (InternalError).
        """
        try:
            return await self._reconcile(key)
        except (Conflict, Throttled, Unavailable):
            raise
        except Exception as error:
            await self._tell(key, error)
            raise

    async def _reconcile(self, key: Key) -> float | None:
        refreshed = False
        for _ in range(MAX_PASSES):
            scale_set = self.caches.scale_sets.get(key)
            if scale_set is None:
                await self._without_set(key)
                return None
            try:
                again, delay = await self._pass(scale_set)
            except Conflict:
                if refreshed:
                    raise
                refreshed = True  # the cache is late: read what we fought over, once
                await self._refresh(key)
                continue
            if not again:
                return delay
        logger.warning("%s/%s does not settle: looks again later", *key)
        return 1.0

    async def _pass(self, scale_set: ScaleSet) -> tuple[bool, float | None]:
        memory = self._memories[scale_set.metadata.uid]
        now = self.now()
        content_due = await self.contents.refresh(scale_set, now)
        await self._find_named_run(scale_set)
        decision = decide(self.reader.read(scale_set, memory, now), now)
        with self.users.about_to_use(scale_set, decision.actions) as versions:
            await self.protection.guard(versions)
            outcome = await self.executor.execute(decision.actions, scale_set, memory, now)
        recovered, memory.internal_error = bool(memory.internal_error), ""
        again = outcome.acted or recovered
        times = [t for t in (decision.look_at, outcome.due, content_due) if t is not None]
        if not times:
            return again, None
        return again, max((min(times) - now).total_seconds(), 0.05)

    async def _find_named_run(self, scale_set: ScaleSet) -> None:
        """F7, I4: a run that only a late cache does not know was not removed by force, and another must not start."""
        name, runs = scale_set.status.active_run_name, self.caches.runs
        key = (scale_set.metadata.namespace, name or "")
        if name is not None and runs.get(key) is None:
            await read_again(self.api, UPGRADE_RUNS, runs, key, None)

    async def _refresh(self, key: Key) -> None:
        sets, runs = self.caches.scale_sets, self.caches.runs
        await read_again(self.api, SCALE_SETS, sets, key, sets.uid(key))
        for run in runs.by_index(key):
            if code_of(run) not in FINAL:
                meta = run.metadata
                await read_again(self.api, UPGRADE_RUNS, runs, (meta.namespace, meta.name), meta.uid)

    async def _without_set(self, key: Key) -> None:
        """Runs whose set is not there: active ones end and are let go of, the others say what they wait for (F7)."""
        writer = RunWriter(self.api, self.caches.runs)
        for run in self.caches.runs.by_index(key):
            if code_of(run) in FINAL or run.metadata.deletion_timestamp is not None:
                await _let_go(writer, run)
            elif code_of(run) == "Pending":
                message = f"there is no ScaleSet {key[1]} in namespace {key[0]}: the run starts when there is one"
                await writer.write_status(run, run_status.pending(run, Wait.NO_SCALE_SET, message, self._stamp()))
            else:
                refused = Refused(Code.SCALE_SET_DELETED, "the scale set was deleted")
                await writer.write_status(run, run_status.ended(run, refused, self._stamp()))
                await _let_go(writer, self.caches.runs.get((run.metadata.namespace, run.metadata.name)) or run)

    async def _tell(self, key: Key, error: Exception) -> None:
        """A reconcile that fails unexpectedly shows itself in the status, without its traceback."""
        scale_set = self.caches.scale_sets.get(key)
        if scale_set is None:
            return
        message = f"{type(error).__name__}: {error}; it is tried again by itself"
        # Remembered, or the next try would clear the condition before it fails again: two writes that wake the set.
        self._memories[scale_set.metadata.uid].internal_error = message
        wanted = {c.type: Wanted(c.type, c.status, c.reason, c.message) for c in scale_set.status.conditions}
        wanted["Ready"] = Wanted("Ready", "False", State.INTERNAL_ERROR, message)
        wanted["Stalled"] = Wanted("Stalled", "True", State.INTERNAL_ERROR, message)
        generation = scale_set.metadata.generation
        after = scale_set.status.model_copy(
            update={
                "observed_generation": generation,
                "conditions": conditions.merge(
                    scale_set.status.conditions, list(wanted.values()), generation, self._stamp()
                ),
            }
        )
        patch = status_patch(scale_set.status, after)
        if patch:
            body = {"metadata": {"resourceVersion": scale_set.metadata.resource_version}, "status": patch}
            self.caches.scale_sets.apply(await self.api.merge_patch(SCALE_SETS, *key, body, subresource="status"))

    def _stamp(self) -> datetime:
        return self.now().replace(microsecond=0)

    def forget(self, uid: str) -> None:
        """A set is gone: so is what was remembered of it."""
        self._memories.pop(uid, None)


async def _let_go(writer: RunWriter, run: UpgradeRun) -> None:
    if names.FINALIZER_RUN in run.metadata.finalizers:
        await writer.let_go(run)
