"""Whose applications are asked: running instances of sets whose health source is ApplicationHealth (H4)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from rollkeeper.api.v1alpha1 import ScaleSet
from rollkeeper.controllers.caches import Caches
from rollkeeper.engine.snapshot import Application, Instance
from rollkeeper.health.endpoint import Endpoint
from rollkeeper.health.open_files import questions_at_once
from rollkeeper.health.prober import Prober, Subject
from rollkeeper.instances.pod_view import PodView
from rollkeeper.instances.pods import Pods
from rollkeeper.kube.store import Key


@dataclass
class Applications:
    """Keeps the prober informed of sets and pods, and writes what it finds out into the pods.

    Nothing is asked before `start`: only the leader asks.
    """

    caches: Caches
    pods: Pods
    endpoint: Endpoint
    now: Callable[[], datetime]
    prober: Prober = field(init=False)
    _provisioned: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    """When the OS container of a pod with a hook started, and when it was first seen running, by the pod's uid."""

    def __post_init__(self) -> None:
        """Makes the prober."""
        self.prober = Prober(self.endpoint, self._tell, self.now, at_once=questions_at_once())

    def start(self) -> None:
        """Follows what is there, and what changes from now on."""
        self.caches.scale_sets.subscribe(self._scale_set_changed)
        self.caches.pods.subscribe(self._pod_changed)
        for view in self.caches.pods.values():
            self._look_at(view)

    async def run(self) -> None:
        """Asks until it is cancelled."""
        self.start()
        await self.prober.run()

    async def _tell(self, subject: Subject, found: Application) -> None:
        await self.pods.tell(subject.namespace, subject.name, subject.uid, found)

    def _scale_set_changed(self, _key: Key, old: ScaleSet | None, new: ScaleSet | None) -> None:
        either = new or old
        if either is None or (old is not None and new is not None and old.spec.health == new.spec.health):
            return
        for view in self.caches.pods.by_index(either.metadata.uid):
            self._look_at(view)

    def _pod_changed(self, _key: Key, old: PodView | None, new: PodView | None) -> None:
        if old is not None and (new is None or new.instance.uid != old.instance.uid):
            self._forget(old.instance.uid)
        if new is not None:
            self._look_at(new)

    def _look_at(self, view: PodView) -> None:
        subject = self._subject(view)
        if subject is None:
            self._forget(view.instance.uid)
        else:
            self.prober.follow(subject)

    def _forget(self, uid: str) -> None:
        self.prober.forget(uid)
        self._provisioned.pop(uid, None)

    def _provisioned_at(self, instance: Instance, started: datetime) -> datetime:
        """H2, H4: where scripts run in the container first, its grace period begins when they have ended.

        The end of a hook stands nowhere, so what counts is when the container was first seen running.
        """
        if not instance.has_hook:
            return started
        known = self._provisioned.get(instance.uid)
        if known is None or known[0] != started:
            known = (started, max(self.now(), started))
            self._provisioned[instance.uid] = known
        return known[1]

    def _subject(self, view: PodView) -> Subject | None:
        instance = view.instance
        name, _, _ = instance.name.rpartition("-")
        scale_set = self.caches.scale_sets.get((view.namespace, name))
        if scale_set is None or scale_set.metadata.uid != view.owner or scale_set.spec.health is None:
            return None
        asked = scale_set.spec.health.application
        if asked is None or instance.terminating or instance.finished:
            return None
        if not instance.running or instance.running_since is None:
            return None
        return Subject(
            uid=instance.uid,
            namespace=view.namespace,
            name=instance.name,
            address=view.address,
            started=instance.running_since,
            provisioned=self._provisioned_at(instance, instance.running_since),
            asked=asked,
            known=instance.application,
        )
