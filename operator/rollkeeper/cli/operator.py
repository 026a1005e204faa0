"""The controller process: caches warm up, the Lease is won, workers work, SIGTERM ends it cleanly."""

import asyncio
import logging
import os
import secrets
import signal
import socket
from collections.abc import Coroutine
from contextlib import suppress

from prometheus_client import CollectorRegistry

from rollkeeper.cli.registries import asking_registries
from rollkeeper.cli.server import serving
from rollkeeper.cli.settings import Settings
from rollkeeper.controllers.manager import Manager
from rollkeeper.handlers import OwnKindsWatch
from rollkeeper.kube.client import Client
from rollkeeper.kube.errors import ApiError
from rollkeeper.kube.events import EventRecorder
from rollkeeper.kube.lease import Elector
from rollkeeper.kube.queue import WorkQueue
from rollkeeper.telemetry.fleet import FleetMetrics
from rollkeeper.telemetry.liveness import Liveness
from rollkeeper.telemetry.process import ProcessMetrics
from rollkeeper.telemetry.rollouts import RolloutMetrics
from rollkeeper.telemetry.standard import standard_registry

LEASE = "rollkeeper"
DRAIN_SECONDS = 2.0

logger = logging.getLogger(__name__)


async def run(settings: Settings) -> None:
    """Runs the controller until SIGTERM or SIGINT. Raises what makes going on impossible, LeadershipLost among it."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    registry = standard_registry()
    metrics = ProcessMetrics(registry)
    api = await Client.connect(
        settings.kubeconfig, settings.context, qps=settings.qps, burst=settings.burst, on_call=metrics.call
    )
    async with api, asking_registries(settings) as registries:
        identity = f"{os.environ.get('POD_NAME') or socket.gethostname()}-{secrets.token_hex(4)}"
        recorder = EventRecorder(api, identity, now=api.clock.now)
        manager = Manager(
            api=api,
            recorder=recorder,
            registry=registries,
            now=api.clock.now,
            images_namespace=settings.images_namespace or settings.namespace,
            namespaces=settings.watch_namespaces,
            kubevirt=settings.kubevirt,
            queue=WorkQueue(on_wait=metrics.waited),
            on_reconcile=metrics.reconcile,
        )
        await _Process(settings, api, manager, identity, stop).serve(registry)


class _Process:
    """The tasks of a running controller, and the order in which they end."""

    def __init__(
        self,
        settings: Settings,
        api: Client,
        manager: Manager,
        identity: str,
        stop: asyncio.Event,
    ) -> None:
        self._settings = settings
        self._api = api
        self._manager = manager
        self._recorder = manager.recorder
        self._stop = stop
        self._elector = Elector(api, settings.namespace, LEASE, identity, now=api.clock.now)
        self._watch = OwnKindsWatch(manager.caches, api.credentials, self._own_namespaces())
        self._working = False

    async def serve(self, registry: CollectorRegistry) -> None:
        """Runs, and answers for it: metrics and probes are there from the beginning to the end."""
        liveness = Liveness(lambda: (self._manager.contacts(), self._watch.contacts()), self._settings.resync_seconds)
        RolloutMetrics(registry, self._manager.caches, self._leading)
        registry.register(FleetMetrics(self._manager, liveness, self._leading))
        async with serving(self._settings.listen, registry, liveness, lambda: self._manager.ready):
            await self.run()

    def _leading(self) -> bool:
        return self._working and (self._elector.leading or not self._settings.leader_elect)

    async def run(self) -> None:
        """Starts everything; returns after a clean stop."""
        await self._list_until_it_works()
        background = [
            asyncio.create_task(self._watch.run(), name="kopf"),
            asyncio.create_task(self._resync(), name="resync"),
            asyncio.create_task(self._recorder.run(), name="events"),
            *(asyncio.create_task(r.run(), name=f"watch {r}") for r in self._manager.reflectors),
        ]
        leading = asyncio.create_task(self._lead(), name="lead")
        try:
            await _first_end(leading, background)
        finally:
            for task in background:
                task.cancel()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._recorder.drain(), DRAIN_SECONDS)
            leading.cancel()
            await asyncio.gather(*background, leading, return_exceptions=True)
        logger.info("stopped")

    async def _list_until_it_works(self) -> None:
        """An API server that is not up yet is waited for: restarting would only make it worse."""
        while not self._stop.is_set():
            try:
                await self._manager.list_own_kinds()
            except ApiError as error:
                logger.warning("the API server does not answer yet: %s", error)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), 2)
            else:
                return

    def _own_namespaces(self) -> set[str]:
        namespaces = {*self._settings.watch_namespaces}
        if namespaces:
            namespaces.add(self._settings.images_namespace or self._settings.namespace)
        return namespaces

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(self._settings.resync_seconds)
            try:
                await self._manager.list_own_kinds()
            except ApiError as error:
                logger.warning(
                    "the periodic list failed, the next one is in %ss: %s", self._settings.resync_seconds, error
                )

    async def _lead(self) -> None:
        """Workers start when the caches are warm and the Lease is held; the Lease is given back after they ended."""
        await self._unless_stopped(self._manager.synced())
        released = asyncio.Event()
        started = asyncio.Event()
        working = asyncio.create_task(self._work(started, released), name="workers")
        try:
            if self._settings.leader_elect:
                await self._elector.run(started.set, released)
            else:
                started.set()
            await working
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    async def _work(self, started: asyncio.Event, released: asyncio.Event) -> None:
        try:
            await self._unless_stopped(started.wait())
            if not self._stop.is_set():
                self._working = True
                logger.info("working in %s", ", ".join(self._settings.watch_namespaces) or "all namespaces")
                await self._work_until_stopped()
        finally:
            self._working = False
            released.set()  # else the Lease would be renewed for ever by a process that does not work

    async def _work_until_stopped(self) -> None:
        """Ends its workers whatever happens: one that lost the Lease must not go on beside the next leader (I8)."""
        workers = asyncio.create_task(self._manager.work(self._settings.workers))
        try:
            await _first_end(asyncio.create_task(self._stop.wait()), [workers])
            self._manager.shut_down()
            await workers
        finally:
            workers.cancel()
            await asyncio.gather(workers, return_exceptions=True)

    async def _unless_stopped(self, waited: Coroutine[object, object, object]) -> None:
        """Waits for something, or for the stop."""
        wait = asyncio.create_task(waited)
        stop = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({wait, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            wait.cancel()
            stop.cancel()


async def _first_end(main: "asyncio.Task[object] | asyncio.Task[None]", others: "list[asyncio.Task[None]]") -> None:
    """Waits for the main task; one of the others that fails ends the wait with its exception."""
    pending = {main, *others}
    while main in pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
