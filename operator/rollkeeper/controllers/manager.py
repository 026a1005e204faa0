"""Puts the parts together: caches and their watches, the queue and its workers."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from rollkeeper.api.v1alpha1 import ImageSource, ImageVersion, ScaleSet
from rollkeeper.api.v1alpha1.names import LABEL_SCALE_SET
from rollkeeper.controllers.applications import Applications
from rollkeeper.controllers.caches import Caches
from rollkeeper.controllers.contents import ContentReader
from rollkeeper.controllers.executor import Executor
from rollkeeper.controllers.image_sources import ImageSourceController
from rollkeeper.controllers.image_versions import ImageVersionController
from rollkeeper.controllers.kubevirt import KubeVirt
from rollkeeper.controllers.protection import Protection
from rollkeeper.controllers.pull_secrets import PullSecrets
from rollkeeper.controllers.resolver import Resolver
from rollkeeper.controllers.resources import IMAGE_SOURCES, IMAGE_VERSIONS, SCALE_SETS, UPGRADE_RUNS
from rollkeeper.controllers.scale_sets import ScaleSetController
from rollkeeper.controllers.snapshots import SnapshotReader
from rollkeeper.controllers.usage import Users
from rollkeeper.controllers.waking import Waking, Work
from rollkeeper.health.endpoint import Endpoint, NetworkEndpoint
from rollkeeper.instances.claims import Claims
from rollkeeper.instances.pods import Pods
from rollkeeper.instances.provider import Providers
from rollkeeper.instances.virtual_machines.machines import Machines
from rollkeeper.instances.virtual_machines.os_disks import OSDisks
from rollkeeper.instances.virtual_machines.user_data_secrets import UserDataSecrets
from rollkeeper.kube.api import KubeApi
from rollkeeper.kube.events import EventRecorder
from rollkeeper.kube.queue import Priority, WorkQueue, run_workers
from rollkeeper.kube.reflector import Reflector
from rollkeeper.kube.resources import CLAIMS, CONFIG_MAPS_METADATA, CONTROLLER_REVISIONS, NODES, PODS
from rollkeeper.kube.store import Key
from rollkeeper.registry.api import Registry

ReconcileObserver = Callable[[str, float, Exception | None], None]
"""Told of each reconcile: kind, seconds, and what it failed with. Must not raise."""

ASKING_WORKERS = 4
"""Objects that registries are asked for at once."""

logger = logging.getLogger(__name__)


@dataclass
class Manager:
    """One controller process without its shell: give it an API and the time, feed it, run it."""

    api: KubeApi
    recorder: EventRecorder
    now: Callable[[], datetime]
    images_namespace: str
    namespaces: tuple[str, ...] = ()
    """Watched namespaces; empty: all."""
    caches: Caches = field(default_factory=Caches)
    queue: WorkQueue[Work] = field(default_factory=WorkQueue)
    registry: Registry | None = None
    """Where tags are resolved to digests (V8); None: nowhere, instances get tags."""
    asking: WorkQueue[Work] = field(default_factory=WorkQueue)
    """What registries are to be asked for: apart, so that a slow one keeps nothing else waiting."""
    on_reconcile: ReconcileObserver | None = None
    kubevirt: bool = True
    """Whether instances may be virtual machines, where KubeVirt is installed."""
    endpoint: Endpoint = field(default_factory=NetworkEndpoint)
    """Where applications are asked (H4)."""

    def __post_init__(self) -> None:
        """Wires the controllers to the caches."""
        self.contents = ContentReader(self.api, self.caches.config_maps)
        self.presence = KubeVirt(self.look_at_everything)
        self.reader = SnapshotReader(self.caches, self.images_namespace, self.contents, self.presence)
        claims = Claims(self.api, self.caches.claims)
        pods = Pods(self.api, self.caches.pods, claims)
        machines = self._machines(claims)
        providers = Providers(pods, machines)
        executor = Executor(self.api, self.caches, providers, claims, self.recorder, self.contents)
        self.own_kinds_listed: float | None = None
        """When our own kinds were last listed, monotonic; None: not yet."""
        users = Users(self.caches, self.images_namespace, lambda key: self.queue.add(("ImageVersion", *key)))
        protection = Protection(self.api, self.caches.image_versions, self.images_namespace, self.namespaces)
        self.scale_sets = ScaleSetController(
            self.api, self.caches, self.reader, executor, self.contents, users, protection, self.now
        )
        self.image_sources = ImageSourceController(
            self.api, self.caches, users, self.recorder, self.registry, PullSecrets(self.api), self.now
        )
        self.resolver = self._resolver()
        self.image_versions = ImageVersionController(
            self.api, self.caches, users, protection, self.recorder, self.now, self.resolver, self._ask
        )
        self.applications = Applications(self.caches, pods, self.endpoint, self.now)
        self.reflectors = [*self._reflectors()]
        users.subscribe()
        Waking(self.caches, self.queue, self.asking, self.images_namespace, self.contents, self._forget).subscribe()

    def _forget(self, gone: ScaleSet | ImageVersion | ImageSource) -> None:
        if isinstance(gone, ScaleSet):
            self.scale_sets.forget(gone.metadata.uid)
            self.contents.forget(gone)
        elif isinstance(gone, ImageVersion):
            self.image_versions.forget(gone.metadata.uid)
        else:
            self.image_sources.forget(gone.metadata.uid)

    def _machines(self, claims: Claims) -> Machines:
        caches = self.caches
        return Machines(
            self.api,
            caches.machines,
            caches.guests,
            caches.pods,
            claims,
            UserDataSecrets(self.api, caches.revisions.uid),
            OSDisks(self.api, caches.claims),
            self.reader.has_agent,
        )

    def _resolver(self) -> Resolver | None:
        if self.registry is None:
            return None
        return Resolver(
            self.registry,
            PullSecrets(self.api),
            self.caches.image_versions,
            lambda key: self.queue.add(("ImageVersion", *key)),
            self.image_sources.is_insecure,
        )

    def _ask(self, key: Key) -> None:
        self.asking.add(("ImageVersion", *key))

    def _reflectors(self) -> "list[Reflector[object]]":
        found: list[Reflector[object]] = []
        for namespace in self.namespaces or (None,):
            for resource, store in (
                (PODS, self.caches.pods),
                (CLAIMS, self.caches.claims),
                (CONTROLLER_REVISIONS, self.caches.revisions),
            ):
                found.append(Reflector(self.api, resource, store, namespace, LABEL_SCALE_SET))  # type: ignore[arg-type]
            found.append(Reflector(self.api, CONFIG_MAPS_METADATA, self.caches.config_maps, namespace))  # type: ignore[arg-type]
            if self.kubevirt:
                found += self.presence.watches(self.api, self.caches, namespace)
        if not self.namespaces:  # a namespaced role can't read nodes; then a lost node shows in the pods' readiness
            found.append(Reflector(self.api, NODES, self.caches.nodes))  # type: ignore[arg-type]
        return found

    async def list_own_kinds(self) -> None:
        """Lists our own kinds into their caches and looks at every object again.

        kopf's watches never tell of objects that vanished while they were down; this does, at start and periodically.
        """
        for namespace in self.namespaces or (None,):
            self.caches.image_versions.replace(await self.api.list(IMAGE_VERSIONS, namespace), namespace)
            self.caches.image_sources.replace(await self.api.list(IMAGE_SOURCES, namespace), namespace)
            self.caches.scale_sets.replace(await self.api.list(SCALE_SETS, namespace), namespace)
            self.caches.runs.replace(await self.api.list(UPGRADE_RUNS, namespace), namespace)
        if self.namespaces and self.images_namespace not in self.namespaces:
            listing = await self.api.list(IMAGE_VERSIONS, self.images_namespace)
            self.caches.image_versions.replace(listing, self.images_namespace)
            listing = await self.api.list(IMAGE_SOURCES, self.images_namespace)
            self.caches.image_sources.replace(listing, self.images_namespace)
        self.own_kinds_listed = time.monotonic()
        self.look_at_everything()

    def look_at_everything(self) -> None:
        """Queues every object, behind what people changed just now."""
        for key in tuple(self.caches.image_versions.keys()):
            self.queue.add(("ImageVersion", *key), Priority.RESYNC)
        for key in tuple(self.caches.image_sources.keys()):
            self.asking.add(("ImageSource", *key), Priority.RESYNC)
        keys = {*self.caches.scale_sets.keys()}
        keys |= {(r.metadata.namespace, r.spec.scale_set_name) for r in self.caches.runs.values()}
        for key in keys:
            self.queue.add(("ScaleSet", *key), Priority.RESYNC)

    @property
    def ready(self) -> bool:
        """Every cache has been filled once: this process could work."""
        return self.own_kinds_listed is not None and all(r.synced.is_set() for r in self.reflectors)

    def contacts(self) -> dict[str, float | None]:
        """When each watch, and the periodic list of our own kinds, was last heard of, monotonic."""
        heard = {f"watch {reflector}": reflector.last_contact for reflector in self.reflectors}
        return {**heard, "list of our own kinds": self.own_kinds_listed}

    async def synced(self) -> None:
        """Waits until every reflector has listed once."""
        await asyncio.gather(*(reflector.synced.wait() for reflector in self.reflectors))

    async def work(self, workers: int) -> None:
        """Works on the queues until they are shut down, and asks applications meanwhile: only the leader does (H4)."""
        async with asyncio.TaskGroup() as tasks:
            applications = tasks.create_task(self.applications.run(), name="applications")
            registries = tasks.create_task(run_workers(self.asking, ASKING_WORKERS, self._observed_asking))
            await run_workers(self.queue, workers, self._observed)
            await registries
            applications.cancel()

    def shut_down(self) -> None:
        """Ends the work when what is in hand is done."""
        self.queue.shut_down()
        self.asking.shut_down()

    async def _observed_asking(self, work: Work) -> float | None:
        return await self._timed(work, self.ask_registry)

    async def ask_registry(self, work: Work) -> float | None:
        """Asks registries for one object. Returns the seconds after which to ask again."""
        kind, namespace, name = work
        if kind == "ImageSource":
            return await self.image_sources.reconcile((namespace, name))
        return await self.resolver.ask((namespace, name)) if self.resolver is not None else None

    async def _observed(self, work: Work) -> float | None:
        return await self._timed(work, self.reconcile)

    async def _timed(self, work: Work, do: Callable[[Work], Awaitable[float | None]]) -> float | None:
        began, failure = time.monotonic(), None
        try:
            return await do(work)
        except Exception as error:
            failure = error
            raise
        finally:
            if self.on_reconcile is not None:
                self.on_reconcile(work[0], time.monotonic() - began, failure)

    async def reconcile(self, work: Work) -> float | None:
        """Brings one object on. Returns the seconds after which to look again."""
        kind, namespace, name = work
        if kind == "ImageVersion":
            return await self.image_versions.reconcile((namespace, name))
        return await self.scale_sets.reconcile((namespace, name))
