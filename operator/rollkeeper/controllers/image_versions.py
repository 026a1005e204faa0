"""Reconciles one ImageVersion: its status says whether it can be used, and by whom it is; in use it is not deleted."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rollkeeper.api.v1alpha1 import ImageVersion, ImageVersionStatus
from rollkeeper.api.v1alpha1.names import PREFIX_OTHERS_VERSION
from rollkeeper.controllers.caches import Caches
from rollkeeper.controllers.patches import status_patch
from rollkeeper.controllers.protection import Protection
from rollkeeper.controllers.resolver import Resolver
from rollkeeper.controllers.resources import IMAGE_VERSIONS, SCALE_SETS, UPGRADE_RUNS
from rollkeeper.controllers.usage import Users
from rollkeeper.engine import publishing, usage
from rollkeeper.engine.conditions import find
from rollkeeper.engine.reasons import Event, Publishing
from rollkeeper.engine.versions import image_name
from rollkeeper.kube.api import KubeApi
from rollkeeper.kube.errors import NotFound
from rollkeeper.kube.events import EventRecorder, ObjectReference
from rollkeeper.kube.store import Key

READY = "Ready"
COUNTS_EVERY = timedelta(seconds=5)
"""How often a status is written when only the counts of who uses it changed."""
COUNTS_OF_A_RUN_EVERY = timedelta(seconds=30)
"""The same while a run changes them all the time: how far that is stands in the run itself."""
LOOK_AGAIN = 1.0
"""Seconds until it is known who uses a version."""


@dataclass(frozen=True)
class ImageVersionController:
    """Keeps ImageVersions. `now` is the API server's time (I10)."""

    api: KubeApi
    caches: Caches
    users: Users
    protection: Protection
    recorder: EventRecorder
    now: Callable[[], datetime]
    resolver: Resolver | None = None
    """Asks registries; None: nobody does."""
    ask: Callable[[Key], None] = lambda _key: None
    """Called for a version that the resolver is to ask for."""
    _written_at: dict[str, datetime] = field(default_factory=dict)

    def forget(self, uid: str) -> None:
        """A version is gone: so is what was remembered of it."""
        self._written_at.pop(uid, None)
        if self.resolver is not None:
            self.resolver.forget(uid)

    async def reconcile(self, key: Key) -> float | None:
        """Writes the status if it changed. Returns the seconds until there is something to do again, if that is known.

        Raises ApiError.
        """
        version = self.caches.image_versions.get(key)
        if version is None:
            return None
        if version.metadata.deletion_timestamp is not None:
            return await self._going(version)
        now = self.now()
        users = self.users.of(version)
        every = COUNTS_OF_A_RUN_EVERY if usage.is_moving(users) else COUNTS_EVERY
        later = await self._write(version, self._status(version, users, now), now, every)
        end = version.spec.end_of_life_time
        if later is None and end is not None and end > now:
            return (end - now).total_seconds()
        return later

    def _status(self, version: ImageVersion, users: usage.Users, now: datetime) -> ImageVersionStatus:
        others = self.caches.image_versions.by_index(image_name(version.spec))
        findings = self.resolver.findings(version) if self.resolver is not None else None
        if self.resolver is not None and self.resolver.is_due(version):
            self.ask((version.metadata.namespace, version.metadata.name))
        used_by = usage.count(users) if self.protection.sees_all_users(version) else version.status.used_by
        return publishing.status_of(version, others, now, findings, used_by)

    async def _going(self, version: ImageVersion) -> float | None:
        """V7: a deletion waits while the version is used, and says for whom; otherwise nothing of ours keeps it."""
        users, meta = self.users.of(version), version.metadata
        own = self.protection.finalizer(version)
        if not users and own in meta.finalizers:
            if self.users.may_use(version) or await self._is_used_after_all(version):
                return LOOK_AGAIN
            await self.protection.let_go(version)
            return None
        now = self.now()
        if self.protection.sees_all_users(version):
            why, used_by = usage.what_deletion_waits_for(users, meta.namespace), usage.count(users)
        else:
            why, used_by = _others(version), version.status.used_by
        if not why:
            return None
        return await self._write(version, publishing.status_of_going(version, why, used_by, now), now, COUNTS_EVERY)

    async def _is_used_after_all(self, version: ImageVersion) -> bool:
        """Asks the API server: each cache is late in its own way, and another controller may be at work (I8).

        Sets, runs, sets: a run notes what it may put back before its set gives that up, and ends after the set has
        it again.
        """
        sets, runs = (SCALE_SETS, self.caches.scale_sets), (UPGRADE_RUNS, self.caches.runs)
        for resource, store in (sets, runs, sets):
            for namespace in self.protection.namespaces or (None,):
                store.replace(await self.api.list(resource, namespace), namespace)
            if self.users.of(version) or self.users.may_use(version):
                return True
        return False

    async def _write(
        self, version: ImageVersion, status: ImageVersionStatus, now: datetime, every: timedelta
    ) -> float | None:
        """Writes what differs; counts only every so often. Returns the seconds until what was put off is due."""
        patch = status_patch(version.status, status)
        if not patch:
            return None
        meta = version.metadata
        due = self._written_at.get(meta.uid, now - every) + every
        if now < due and _only_counts(version.status, status):
            return (due - now).total_seconds()
        key, body = (
            (meta.namespace, meta.name),
            {"metadata": {"resourceVersion": meta.resource_version}, "status": patch},
        )
        try:
            written = await self.api.merge_patch(IMAGE_VERSIONS, *key, body, subresource="status")
        except NotFound:
            self.caches.image_versions.remove_key(key, meta.uid)
            return None
        self.caches.image_versions.apply(written)
        self._written_at[meta.uid] = now
        self._warn(version, status)
        return None

    def _warn(self, version: ImageVersion, status: ImageVersionStatus) -> None:
        """A version that comes to its end of life goes on working; people are told once."""
        before, after = find(version.status.conditions, READY), find(status.conditions, READY)
        if after is None or after.reason != Publishing.END_OF_LIFE or (before and before.reason == after.reason):
            return
        meta, kind = version.metadata, IMAGE_VERSIONS
        regarding = ObjectReference(kind.api_version, kind.kind, meta.namespace, meta.name, meta.uid)
        self.recorder.record(regarding, Event.END_OF_LIFE, after.message, action="Publish", warning=True)


def _only_counts(before: ImageVersionStatus, after: ImageVersionStatus) -> bool:
    """Who uses it has changed, and whether it can be used has not."""
    old, new = find(before.conditions, READY), find(after.conditions, READY)
    if old is None or new is None or (old.status, old.reason) != (new.status, new.reason):
        return False
    quiet = {"used_by": before.used_by, "conditions": before.conditions}
    return after.model_copy(update=quiet) == before.model_copy(update=quiet)


def _others(version: ImageVersion) -> str:
    """What every controller that shares these images says alike; one that sees its own sets alone knows no more."""
    used = [f for f in version.metadata.finalizers if f.startswith(PREFIX_OTHERS_VERSION)]
    namespaces = ", ".join(sorted(f.removeprefix(PREFIX_OTHERS_VERSION) for f in used))
    return (
        f"is being deleted, which waits until the controllers of these namespaces let it go: {namespaces}"
        if used
        else ""
    )
