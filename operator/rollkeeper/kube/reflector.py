"""Keeps a store equal to the cluster: list once, then watch, for ever."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Generic, TypeVar, cast

from rollkeeper.kube.api import KubeApi, WatchEvent
from rollkeeper.kube.backoff import Backoff
from rollkeeper.kube.errors import ApiError, Forbidden, Gone, NotFound, Throttled, Unavailable
from rollkeeper.kube.resources import Resource
from rollkeeper.kube.store import Store, object_version

T = TypeVar("T")

_SHORTEST_WATCH = 1.0
"""Seconds. A stream that ends sooner without an event is a fault, or we would ask again in a busy loop."""

_DOUBTS = 3
"""After so many failures in a row the version itself may be the reason (a restored etcd refuses "too large" ones as if
it were only late): begin with a list. Before, a lost connection is not worth one."""

logger = logging.getLogger(__name__)


Presence = Callable[[ApiError | None], None]
"""Told whether a resource is served at all: with why it is not, None when it is. Must not raise."""


class Reflector(Generic[T]):
    """Lists and watches one resource into a store.

    `synced` is set after the first list. `last_contact` is the event loop's time (monotonic, seconds) of the last sign
    of life: a list, an event, a bookmark, a stream's regular end; None before the first. The API server sends a
    bookmark about once a minute and ends each stream after some minutes, so a liveness probe may take ten minutes
    without contact as a hung reflector.

    With `on_presence` the resource may be missing, or not be ours to read: that is an answer like any other, and the
    reflector has synced then, with an empty store.
    """

    def __init__(
        self,
        api: KubeApi,
        resource: Resource,
        store: Store[T],
        namespace: str | None = None,
        label_selector: str | None = None,
        *,
        backoff: Backoff | None = None,
        on_presence: Presence | None = None,
    ) -> None:
        self.synced = asyncio.Event()
        self.last_contact: float | None = None
        self._api = api
        self._resource = resource
        self._store = store
        self._namespace = namespace
        self._label_selector = label_selector
        self._on_presence = on_presence
        self._backoff = backoff if backoff is not None else Backoff(first=1.0, maximum=30.0)
        self._version: int | None = None
        """Where the next watch begins; None: list first."""
        self._newest = 0
        self._failures = 0

    async def run(self) -> None:
        """Runs until it is cancelled. Errors of the API are logged and tried again; anything else is raised."""
        while True:
            try:
                if self._version is None:
                    self._version = await self._list()
                await self._watch(self._version)
            except ApiError as error:
                await self._failed(error)

    async def _list(self) -> int:
        listing = await self._api.list(self._resource, self._namespace, label_selector=self._label_selector)
        version = int(listing.resource_version)
        # A list is never older than what the server said before, unless it lost its memory.
        rewound = version < self._newest
        if rewound:
            logger.warning("%s: the API server went back from version %d to %d", self, self._newest, version)
        self._store.replace(listing, self._namespace, rewound=rewound)
        self._newest = version
        self._touch()
        if self._on_presence is not None:
            self._on_presence(None)
        self.synced.set()
        return version

    async def _watch(self, version: int) -> None:
        """Follows one stream to its end. Raises what the stream raises, and Unavailable for one that ends at once."""
        began = asyncio.get_running_loop().time()
        stream = self._api.watch(
            self._resource, self._namespace, resource_version=str(version), label_selector=self._label_selector
        )
        empty = True
        # Streams are generators; without closing, a stream that was left early would hold its connection.
        async with aclosing(cast("AsyncGenerator[WatchEvent]", stream)):
            async for event in stream:
                self._take(event)
                empty = False
        if empty and asyncio.get_running_loop().time() - began < _SHORTEST_WATCH:
            raise Unavailable(0, "ShortWatch", "the stream ended as soon as it began")
        self._works()

    def _take(self, event: WatchEvent) -> None:
        if event.type in {"ADDED", "MODIFIED"}:
            self._store.apply(event.object)
        elif event.type == "DELETED":
            self._store.remove(event.object)
        version = object_version(event.object)
        if self._version is not None and version < self._version:
            # Within a stream versions only grow. A restored etcd starts at an old one, and would keep silent about
            # everything until it has caught up with ours.
            raise Gone(0, "WentBack", f"version {version} after {self._version}")
        self._version = version
        self._newest = max(self._newest, self._version)
        self._works()

    def _works(self) -> None:
        self._touch()
        if self._failures:
            self._failures = 0
            logger.info("%s: watching again", self)

    def _touch(self) -> None:
        self.last_contact = asyncio.get_running_loop().time()

    async def _failed(self, error: ApiError) -> None:
        self._failures += 1
        if self._on_presence is not None and isinstance(error, NotFound | Forbidden):
            self._version = None
            self._touch()
            self._on_presence(error)
            self.synced.set()
            await asyncio.sleep(self._backoff.delay(self._failures))
            return
        if not isinstance(error, Unavailable | Throttled) or self._failures >= _DOUBTS:
            self._version = None
        if self._failures == 1:  # then silence until it works again: an outage must not flood the log
            logger.warning("%s: interrupted, trying again: %s", self, error)
        await asyncio.sleep(self._backoff.delay(self._failures))

    def __str__(self) -> str:
        where = f" in {self._namespace}" if self._namespace else ""
        return f"{self._resource.plural}{where}"
