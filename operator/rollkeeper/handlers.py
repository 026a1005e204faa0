"""kopf's part: it watches our own kinds and keeps their caches up to date. Nothing else is done in handlers.

Only `on.event` is used: it costs no API call and writes nothing, while kopf's other handlers put annotations and
finalizers on the objects. What kopf can't tell (objects that vanish while a watch is down) the manager's periodic
list finds.

kopf has a thread and an event loop of its own. In ours it would take over SIGTERM, and when it ends it cancels every
task that was made after its start, the workers and the Lease's keeper among them.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import aiohttp
import kopf
from kopf._core.engines.peering import Identity

from rollkeeper.controllers.caches import Caches
from rollkeeper.controllers.resources import IMAGE_SOURCES, IMAGE_VERSIONS, SCALE_SETS, UPGRADE_RUNS
from rollkeeper.kube.connection import Credentials
from rollkeeper.kube.resources import Resource
from rollkeeper.kube.store import Store

STOP_SECONDS = 5.0
"""How long kopf may take to close its streams; it is a daemon thread, so it can't keep the process."""


class NoStorage(kopf.DiffBaseStorage):
    """kopf would keep a copy of each object in an annotation, to tell what changed; we never ask."""

    def build(self, **_kwargs: object) -> kopf.BodyEssence:
        """Nothing is worth keeping."""
        return kopf.BodyEssence({})

    def fetch(self, **_kwargs: object) -> kopf.BodyEssence:
        """Nothing was kept."""
        return kopf.BodyEssence({})

    def store(self, **_kwargs: object) -> None:
        """Nothing is kept."""


def settings() -> kopf.OperatorSettings:
    """Settings for watching alone: no posting, no scanning, no peering; streams that are renewed."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.scanning.disabled = True
    chosen.peering.standalone = True
    chosen.persistence.diffbase_storage = NoStorage()
    chosen.watching.server_timeout = 300
    chosen.watching.client_timeout = 330
    chosen.watching.connect_timeout = 10
    chosen.watching.chunk_size = 500
    chosen.networking.request_timeout = 30
    return chosen


@dataclass(frozen=True)
class OwnKindsWatch:
    """Watches ScaleSets, ImageVersions and UpgradeRuns into their caches.

    `credentials` are asked for at the start and whenever the API server refuses the last ones: kopf's own ways to log
    in know neither our kubeconfig flag nor the context. No `namespaces` means all.
    """

    caches: Caches
    credentials: Callable[[], Coroutine[Any, Any, Credentials]]
    namespaces: Collection[str] = ()
    _heard: dict[str, float] = field(default_factory=dict, init=False)

    def contacts(self) -> dict[str, float | None]:
        """When the API server last answered each of kopf's lists and watches, monotonic. For any thread.

        A stream lasts 5 minutes at most, so a watch that works is heard of more often than that. kopf itself tells
        nobody when it can't log in any more, or when the task of a watch has died.
        """
        paths = [
            resource.path(namespace)
            for resource in (SCALE_SETS, IMAGE_VERSIONS, UPGRADE_RUNS, IMAGE_SOURCES)
            for namespace in sorted(self.namespaces) or (None,)
        ]
        return {f"kopf's watch {path}": self._heard.get(path) for path in paths}

    async def run(self) -> None:
        """Runs until it is cancelled. Raises what ended kopf, which never should end by itself."""
        stop, ended = threading.Event(), Future[None]()
        loop = asyncio.get_running_loop()
        thread = threading.Thread(target=self._thread, args=(loop, stop, ended), name="kopf", daemon=True)
        thread.start()
        waiting = asyncio.wrap_future(ended)
        try:
            await asyncio.shield(waiting)
            raise RuntimeError("kopf stopped watching")
        finally:
            stop.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(waiting), STOP_SECONDS)

    def _thread(self, ours: asyncio.AbstractEventLoop, stop: threading.Event, ended: "Future[None]") -> None:
        try:
            asyncio.run(
                kopf.operator(
                    registry=self._registry(ours),
                    settings=settings(),
                    standalone=True,
                    # kopf would ask for the name of the user that we run as; in a container a number may be all.
                    identity=Identity("rollkeeper"),
                    clusterwide=not self.namespaces,
                    namespaces=sorted(self.namespaces),
                    stop_flag=stop,
                )
            )
        except BaseException as error:  # noqa: BLE001 - it is raised again where run() is awaited
            ended.set_exception(error)
        else:
            ended.set_result(None)

    def _registry(self, ours: asyncio.AbstractEventLoop) -> kopf.OperatorRegistry:
        """Handlers that bring each event into our event loop, where the caches live."""
        handlers = kopf.OperatorRegistry()

        async def login(**_kwargs: object) -> kopf.AiohttpSession:
            asked: Awaitable[Credentials] = asyncio.wrap_future(
                asyncio.run_coroutine_threadsafe(self.credentials(), ours)
            )
            given = kopf.ConnectionInfo(**asdict(await asked))
            return kopf.AiohttpSession(server=given.server, aiohttp_session=self._session(given))

        kopf.on.login(registry=handlers)(login)
        _watch(handlers, ours, SCALE_SETS, self.caches.scale_sets)
        _watch(handlers, ours, IMAGE_VERSIONS, self.caches.image_versions)
        _watch(handlers, ours, IMAGE_SOURCES, self.caches.image_sources)
        _watch(handlers, ours, UPGRADE_RUNS, self.caches.runs)
        return handlers

    def _session(self, connection: kopf.ConnectionInfo) -> aiohttp.ClientSession:
        """The session that kopf would make itself, with an ear on its requests."""

        async def note(_session: object, _context: object, request: aiohttp.TraceRequestEndParams) -> None:
            if request.response.status == 200:
                self._heard[request.url.path] = time.monotonic()

        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(note)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=connection.as_ssl_context()),
            headers=connection.as_http_headers(),
            proxy=connection.proxy_url,
            trace_configs=[trace],
        )


def _watch(
    handlers: kopf.OperatorRegistry, ours: asyncio.AbstractEventLoop, resource: Resource, store: "Store[Any]"
) -> None:
    async def take(type: str | None, event: Mapping[str, Any], **_kwargs: object) -> None:  # noqa: A002 - kopf's name
        into = store.remove if type == "DELETED" else store.apply
        ours.call_soon_threadsafe(into, dict(event["object"]))

    kopf.on.event(resource.group, resource.version, resource.plural, registry=handlers, id=f"watch-{resource.plural}")(
        take
    )


class _NoSignals(logging.Filter):
    """Drops kopf's warning that it can't handle signals in its thread: that is why it is there."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "OS signals are ignored" not in record.getMessage()


logging.getLogger("kopf._core.reactor.running").addFilter(_NoSignals())
