"""Who is woken by what: each change that a watch tells of, and the objects that are to be looked at for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from rollkeeper.api.v1alpha1 import ImageSource, ImageVersion, ScaleSet, UpgradeRun
from rollkeeper.controllers.caches import Caches, NodeView
from rollkeeper.controllers.contents import ContentReader
from rollkeeper.engine import sight
from rollkeeper.engine.versions import image_name
from rollkeeper.instances.pod_view import PodView
from rollkeeper.instances.virtual_machines.machine_view import GuestView, MachineView
from rollkeeper.kube.queue import WorkQueue
from rollkeeper.kube.store import Key

Work = tuple[Literal["ScaleSet", "ImageVersion", "ImageSource"], str, str]
"""Kind, namespace, name."""

GATHER, GATHER_AN_INSTANCE, GATHER_AT_MOST = 0.02, 0.0002, 1.0
"""Seconds that pod events are gathered for: a batch of pods turning ready is one reconcile, not twenty. More of large
sets, whose decisions take longer."""


@dataclass(frozen=True)
class Waking:
    """Listens to the caches."""

    caches: Caches
    queue: WorkQueue[Work]
    asking: WorkQueue[Work]
    """What registries are to be asked for."""
    images_namespace: str
    contents: ContentReader
    forget: Callable[[ScaleSet | ImageVersion | ImageSource], None]
    """Told of what is gone."""

    def subscribe(self) -> None:
        """Begins to listen."""
        self.caches.scale_sets.subscribe(self._scale_set_changed)
        self.caches.image_versions.subscribe(self._image_version_changed)
        self.caches.image_sources.subscribe(self._image_source_changed)
        self.caches.runs.subscribe(self._run_changed)
        self.caches.pods.subscribe(self._pod_changed)
        self.caches.machines.subscribe(self._machine_changed)
        self.caches.guests.subscribe(self._machine_changed)
        self.caches.nodes.subscribe(self._node_changed)
        self.caches.config_maps.subscribe(self._config_map_changed)

    def _scale_set_changed(self, key: Key, old: ScaleSet | None, new: ScaleSet | None) -> None:
        if new is None and old is not None:
            self.forget(old)
        self.queue.add(("ScaleSet", *key))

    def _image_version_changed(self, key: Key, old: ImageVersion | None, new: ImageVersion | None) -> None:
        version = new or old
        if version is None:
            return
        if new is None:
            self.forget(version)
        image = image_name(version.spec)
        for other in self.caches.image_versions.by_index(image):  # a duplicate may be the winner now
            if other.spec.version == version.spec.version:
                self.queue.add(("ImageVersion", other.metadata.namespace, other.metadata.name))
        if sight.seen(old) == sight.seen(new):
            return
        for scale_set in self.caches.scale_sets.by_index(image):
            if key[0] in (scale_set.metadata.namespace, self.images_namespace):
                self.queue.add(("ScaleSet", scale_set.metadata.namespace, scale_set.metadata.name))

    def _image_source_changed(self, key: Key, old: ImageSource | None, new: ImageSource | None) -> None:
        if new is None and old is not None:
            self.forget(old)
        self.asking.add(("ImageSource", *key))

    def _run_changed(self, _key: Key, old: UpgradeRun | None, new: UpgradeRun | None) -> None:
        run = new or old
        if run is not None:
            self.queue.add(("ScaleSet", run.metadata.namespace, run.spec.scale_set_name))

    def _pod_changed(self, _key: Key, old: PodView | None, new: PodView | None) -> None:
        view = new or old
        if view is not None:
            self._wake(view.namespace, view.scale_set)

    def _wake(self, namespace: str, scale_set: str) -> None:
        found = self.caches.scale_sets.get((namespace, scale_set))
        gathered = GATHER + GATHER_AN_INSTANCE * (found.spec.replicas if found is not None else 0)
        self.queue.add_after(("ScaleSet", namespace, scale_set), min(gathered, GATHER_AT_MOST))

    def _machine_changed(
        self, _key: Key, old: MachineView | GuestView | None, new: MachineView | GuestView | None
    ) -> None:
        view = new or old
        if view is not None:
            self._wake(view.namespace, view.name.rpartition("-")[0])

    def _config_map_changed(self, key: Key, _old: int | None, _new: int | None) -> None:
        for scale_set in self.contents.users(key):
            self.queue.add(("ScaleSet", *scale_set))

    def _node_changed(self, key: Key, old: NodeView | None, new: NodeView | None) -> None:
        if (old is None or old.ready) == (new is None or new.ready):
            return
        for view in self.caches.pods.values():
            if view.node == key[1]:
                self._wake(view.namespace, view.scale_set)
