"""`KubeApi` on the cluster in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Literal

from rollkeeper.kube.api import EventType, JsonObject, ObjectList, WatchEvent
from rollkeeper.kube.resources import Resource
from tests.simulation import selectors
from tests.simulation.clock import VirtualClock
from tests.simulation.controllers import ClaimProtection, DisruptionController, GarbageCollector
from tests.simulation.server import Admission, ApiServer
from tests.simulation.store import Change, Subscriber


class MemoryApi:
    """What the real client is, for tests: the same calls, answered at once, on virtual time.

    No call waits, so a coroutine that makes nothing but such calls runs through when it is first resumed. `server` has
    the same calls without `async`, for what users do in a simulation. Garbage collection, budgets and claims follow
    `controller_delay` seconds of virtual time after a change, at the earliest at the next `clock.advance(0)`.
    """

    def __init__(self, clock: VirtualClock | None = None, *, controller_delay: float = 0) -> None:
        self.clock = clock if clock is not None else VirtualClock()
        self.server = ApiServer(self.clock)
        GarbageCollector(self.server, controller_delay)
        DisruptionController(self.server, controller_delay)
        ClaimProtection(self.server, controller_delay)
        self._watchers: list[asyncio.Future[None]] = []
        self._streams_closed = 0
        self.server.store.subscribe(lambda _change: self._wake())

    @property
    def admission(self) -> list[Admission]:
        """Hooks that may refuse what is written; see `admission.py`."""
        return self.server.admission

    async def list(
        self, resource: Resource, namespace: str | None = None, *, label_selector: str | None = None
    ) -> ObjectList:
        return self.server.list(resource, namespace, label_selector=label_selector)

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str | None = None,
    ) -> AsyncIterator[WatchEvent]:
        version, opened = int(resource_version), self._streams_closed
        while True:
            for change in self.server.store.changes(resource, version):
                version = change.version
                event = seen_through(change, namespace, label_selector)
                if event is not None:
                    yield event
            if self._streams_closed != opened:
                return
            if not self.server.store.changes(resource, version):  # what was yielded to may have written meanwhile
                await self._news()

    async def get(self, resource: Resource, namespace: str | None, name: str) -> JsonObject:
        return self.server.get(resource, namespace, name)

    async def create(
        self, resource: Resource, namespace: str | None, body: Mapping[str, Any], *, dry_run: bool = False
    ) -> JsonObject:
        return self.server.create(resource, namespace, body, dry_run=dry_run)

    async def merge_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Mapping[str, Any],
        *,
        subresource: Literal["status"] | None = None,
    ) -> JsonObject:
        return self.server.merge_patch(resource, namespace, name, body, subresource=subresource)

    async def strategic_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Mapping[str, Any],
        *,
        subresource: Literal["status"] | None = None,
    ) -> JsonObject:
        return self.server.strategic_patch(resource, namespace, name, body, subresource=subresource)

    async def json_patch(
        self, resource: Resource, namespace: str | None, name: str, operations: Sequence[Mapping[str, Any]]
    ) -> JsonObject:
        return self.server.json_patch(resource, namespace, name, operations)

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> JsonObject | None:
        return self.server.delete(resource, namespace, name, uid=uid, resource_version=resource_version)

    async def evict(self, namespace: str, name: str, *, uid: str, dry_run: bool = False) -> None:
        self.server.evict(namespace, name, uid=uid, dry_run=dry_run)

    # --- what a harness does ----------------------------------------------------------------------------------------

    def events_since(
        self,
        resource: Resource,
        resource_version: str,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
    ) -> tuple[WatchEvent, ...]:
        """What a watch from that version would have reported by now. Raises Gone. The objects are not to be changed."""
        changes = self.server.store.changes(resource, int(resource_version))
        events = (seen_through(change, namespace, label_selector) for change in changes)
        return tuple(event for event in events if event is not None)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Be told of each change within the call that makes it, of all resources; the answer ends it."""
        return self.server.store.subscribe(subscriber)

    def compact(self) -> None:
        """Forget the history: a watch that is behind is Gone."""
        self.server.store.compact()

    def close_watches(self) -> None:
        """End all streams, as a server does after some minutes; they report what they have before."""
        self._streams_closed += 1
        self._wake()

    async def _news(self) -> None:
        waiting = asyncio.get_running_loop().create_future()
        self._watchers.append(waiting)
        await waiting

    def _wake(self) -> None:
        waiting, self._watchers = self._watchers, []
        for future in waiting:
            if not future.done():  # a watcher that was cancelled
                future.set_result(None)


def seen_through(change: Change, namespace: str | None, label_selector: str | None) -> WatchEvent | None:
    """The change as a watch with that namespace and selector reports it; None: it does not.

    An object that leaves the selection is reported as DELETED, one that enters it as ADDED.
    """
    if namespace is not None and change.object["metadata"].get("namespace") != namespace:
        return None
    chosen = selectors.parse(label_selector)
    was = change.previous is not None and chosen(change.previous["metadata"].get("labels", {}))
    stays = change.type != "DELETED" and chosen(change.object["metadata"].get("labels", {}))
    kinds: dict[tuple[bool, bool], EventType] = {
        (False, True): "ADDED",
        (True, True): "MODIFIED",
        (True, False): "DELETED",
    }
    kind = kinds.get((was, stays))
    if kind is None:
        return None
    if kind == "DELETED" and change.type != "DELETED" and change.previous is not None:
        # The last state that the watcher may know, under the version of the change that took it away.
        meta = {**change.previous["metadata"], "resourceVersion": change.object["metadata"]["resourceVersion"]}
        return WatchEvent(kind, {**change.previous, "metadata": meta})
    return WatchEvent(kind, change.object)
