"""One roll, watched from outside: its time from the pods, its cost from /proc and from the audit log."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from bench.sides import NAMESPACE, Side, image
from bench.timeline import State, Timeline
from bench.usage import cpu_seconds, writes
from rollkeeper.kube.backoff import Backoff
from rollkeeper.kube.client import Client
from rollkeeper.kube.reflector import Reflector
from rollkeeper.kube.resources import PODS
from rollkeeper.kube.store import Key, Store
from tests.cluster.audit import AuditLog

DEADLINE_SECONDS = 600.0
POLL_SECONDS = 0.1
REST_SECONDS = 6.0
"""Between two rolls: what was put off (counts in a status, events) must not be charged to the next one."""
_RETRY = Backoff(first=0.05, maximum=1.0)


@dataclass(frozen=True)
class Roll:
    """What one roll took."""

    side: str
    timeline: Timeline
    cpu: Mapping[str, float]
    """CPU seconds by process, until the fleet's status said that the roll was over."""
    writes: Counter[str]
    """The controller's writes, as `verb resource`."""

    @property
    def wall(self) -> float:
        """Seconds from asking for the roll until every instance was healthy on the new image."""
        if self.timeline.done is None:
            raise ValueError("the roll is not over")
        return self.timeline.done

    @property
    def writes_an_instance(self) -> float:
        """All writes, events left aside: those are limited by Kubernetes' client and told for people only."""
        counted = sum(count for what, count in self.writes.items() if not what.endswith("events"))
        return counted / self.timeline.instances

    @property
    def events_an_instance(self) -> float:
        """Event objects that were written."""
        counted = sum(count for what, count in self.writes.items() if what.endswith("events"))
        return counted / self.timeline.instances


@dataclass(frozen=True)
class Observer:
    """Watches rolls on one cluster. `processes` are those whose CPU time is told: name -> pid."""

    api: Client
    audit: AuditLog
    instances: int
    processes: Mapping[str, int]

    async def create(self, side: Side, version: str) -> None:
        """Makes a fleet and waits until it is healthy."""
        timeline = Timeline(self.instances, image(version))
        async with self._following(side, timeline):
            timeline.begin(time.monotonic())
            await side.create(version)
            await self._until_settled(side, version, timeline)
        await asyncio.sleep(REST_SECONDS)

    async def roll(self, side: Side, version: str) -> Roll:
        """Rolls a fleet to a version; returns after a rest."""
        timeline = Timeline(self.instances, image(version))
        async with self._following(side, timeline):
            mark, before = self.audit.mark(), self._cpu()
            timeline.begin(time.monotonic())
            await side.roll(version)
            await self._until_settled(side, version, timeline)
        used = {name: seconds - before[name] for name, seconds in self._cpu().items()}
        made = writes(self.audit.writes(NAMESPACE, mark), side.users)
        await asyncio.sleep(REST_SECONDS)
        return Roll(side.name, timeline, used, made)

    def _cpu(self) -> dict[str, float]:
        return {name: cpu_seconds(pid) for name, pid in self.processes.items()}

    @asynccontextmanager
    async def _following(self, side: Side, timeline: Timeline) -> AsyncIterator[None]:
        """Tells the timeline of each change, for the time of the `with` block."""

        def changed(key: Key, _old: State | None, new: State | None) -> None:
            timeline.note(key[1], new or "down", time.monotonic())

        store: Store[State] = Store(lambda pod, _previous: timeline.state_of(pod))
        store.subscribe(changed)
        reflector = Reflector(self.api, PODS, store, NAMESPACE, side.selector, backoff=_RETRY)
        following = asyncio.create_task(reflector.run())
        await reflector.synced.wait()
        try:
            yield
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following

    async def _until_settled(self, side: Side, version: str, timeline: Timeline) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await timeline.over.wait()
            while not await side.settled(version):  # noqa: ASYNC110 - the API server is asked, there is no event
                await asyncio.sleep(POLL_SECONDS)
