"""Brings the cluster's changes into a cache when the test says so: no task, no waiting, and as late as wanted."""

from typing import Protocol

from rollkeeper.kube.api import JsonObject, ObjectList, WatchEvent
from rollkeeper.kube.errors import Gone
from rollkeeper.kube.resources import Resource
from tests.simulation.memory_api import MemoryApi


class Cache(Protocol):
    """What `rollkeeper.kube.store.Store` is to its reflector."""

    def apply(self, raw: JsonObject) -> bool: ...
    def remove(self, raw: JsonObject) -> bool: ...
    def replace(self, listing: ObjectList, namespace: str | None = None) -> None: ...


class Feed:
    """A reflector in slow motion: `sync` lists, `pump` delivers some events; what is left is the lag."""

    def __init__(
        self,
        api: MemoryApi,
        resource: Resource,
        cache: Cache,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
    ) -> None:
        self._api = api
        self.resource = resource
        self._cache = cache
        self._namespace = namespace
        self._selector = label_selector
        self._version: str | None = None

    @property
    def lag(self) -> int:
        """How many events are waiting."""
        if self._version is None:
            return 0
        return len(self._events(self._version))

    def sync(self) -> None:
        """List anew, as after a start or a Gone."""
        listing = self._api.server.list(self.resource, self._namespace, label_selector=self._selector)
        self._cache.replace(listing, self._namespace)
        self._version = listing.resource_version

    def pump(self, most: int | None = None) -> int:
        """Deliver what is waiting, or the oldest `most` of it; how many that were. Lists if it must."""
        if self._version is None:
            self.sync()
            return 0
        try:
            events = self._events(self._version)[:most]
        except Gone:
            self.sync()
            return 0
        for event in events:
            if event.type == "DELETED":
                self._cache.remove(event.object)
            else:
                self._cache.apply(event.object)
            self._version = event.object["metadata"]["resourceVersion"]
        return len(events)

    def _events(self, version: str) -> tuple[WatchEvent, ...]:
        return self._api.events_since(self.resource, version, self._namespace, label_selector=self._selector)
