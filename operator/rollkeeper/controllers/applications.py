"""Whose applications are asked: running instances of sets whose health source is ApplicationHealth (H4).

Those of virtual machines are asked at their guests' address. What they say stands on the launcher, the pod that a guest
runs in: nobody but KubeVirt may write the guest's own status.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from rollkeeper.api.v1alpha1 import ScaleSet
from rollkeeper.api.v1alpha1.health import ApplicationHealth
from rollkeeper.controllers.caches import Caches
from rollkeeper.engine.snapshot import Application, Instance
from rollkeeper.health.endpoint import Endpoint
from rollkeeper.health.open_files import questions_at_once
from rollkeeper.health.prober import Prober, Subject
from rollkeeper.instances.pod_view import PodView
from rollkeeper.instances.pods import Pods
from rollkeeper.instances.virtual_machines.launchers import launcher_of
from rollkeeper.instances.virtual_machines.machine_view import GuestView
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
        self.caches.guests.subscribe(self._guest_changed)
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
        for machine in self.caches.machines.by_index(either.metadata.uid):
            self._look_at_launchers(self.caches.guests.get((machine.namespace, machine.name)))

    def _pod_changed(self, _key: Key, old: PodView | None, new: PodView | None) -> None:
        if old is not None and (new is None or new.instance.uid != old.instance.uid):
            self._forget(old.instance.uid)
        if new is not None:
            self._look_at(new)

    def _guest_changed(self, _key: Key, old: GuestView | None, new: GuestView | None) -> None:
        self._look_at_launchers(new or old)

    def _look_at_launchers(self, guest: GuestView | None) -> None:
        for launcher in self.caches.pods.by_index(guest.uid) if guest is not None else ():
            self._look_at(launcher)

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
        scale_set = self.caches.scale_sets.get((view.namespace, view.scale_set))
        if scale_set is None or scale_set.spec.health is None or view.instance.terminating or view.instance.finished:
            return None
        asked = scale_set.spec.health.application
        if asked is None:
            return None
        of = self._of_launcher if scale_set.spec.has_machines else self._of_pod
        return of(scale_set, view, asked)

    def _of_pod(self, scale_set: ScaleSet, view: PodView, asked: ApplicationHealth) -> Subject | None:
        instance = view.instance
        if scale_set.metadata.uid != view.owner or not instance.running or instance.running_since is None:
            return None
        provisioned = self._provisioned_at(instance, instance.running_since)
        return _subject(view, view.address, instance.running_since, provisioned, asked)

    def _of_launcher(self, scale_set: ScaleSet, view: PodView, asked: ApplicationHealth) -> Subject | None:
        guest = next(iter(self.caches.guests.by_index(view.owner)), None)
        if guest is None or guest.phase != "Running" or guest.terminating or not guest.address:
            return None
        machine = self.caches.machines.get((guest.namespace, guest.name))
        launcher = launcher_of(self.caches.pods, guest)
        is_ours = machine is not None and machine.uid == guest.machine and machine.owner == scale_set.metadata.uid
        if guest.running_since is None or not is_ours or launcher is None or launcher.instance.uid != view.instance.uid:
            return None
        return _subject(view, guest.address, guest.running_since, guest.running_since, asked)


def _subject(
    view: PodView, address: str, started: datetime, provisioned: datetime, asked: ApplicationHealth
) -> Subject:
    return Subject(
        uid=view.instance.uid,
        namespace=view.namespace,
        name=view.instance.name,
        address=address,
        started=started,
        provisioned=provisioned,
        asked=asked,
        known=view.instance.application,
    )
