"""Scans the repositories of ImageSources: a tag that is pushed becomes an ImageVersion.

Runs on the workers that ask registries, never on those that reconcile scale sets.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rollkeeper.api.v1alpha1 import ImageSource, ImageSourceStatus, ImageVersion
from rollkeeper.api.v1alpha1.image_source import PublishedTag
from rollkeeper.api.v1alpha1.names import ANNOTATION_RECONCILE_AT, API_VERSION
from rollkeeper.controllers.caches import Caches
from rollkeeper.controllers.patches import status_patch
from rollkeeper.controllers.pull_secrets import PullSecrets
from rollkeeper.controllers.resources import IMAGE_SOURCES, IMAGE_VERSIONS
from rollkeeper.engine import source_status, sources
from rollkeeper.engine.reasons import Event
from rollkeeper.engine.sources import Plan, Tagged, Tags
from rollkeeper.engine.versions import image_name
from rollkeeper.kube.api import KubeApi
from rollkeeper.kube.backoff import Backoff
from rollkeeper.kube.errors import AlreadyExists, Conflict, NotFound
from rollkeeper.kube.events import EventRecorder, ObjectReference
from rollkeeper.kube.store import Key
from rollkeeper.registry.api import Registry
from rollkeeper.registry.credentials import Keychain
from rollkeeper.registry.errors import NotThere, RegistryError
from rollkeeper.registry.patterns import TagPattern
from rollkeeper.registry.reference import Reference, Repository, parse_repository

logger = logging.getLogger("rollkeeper")

AGAIN = Backoff(first=10.0, maximum=600.0, share=0.2)
"""How long after a failed scan the next one is."""


@dataclass
class _Memory:
    failures: int = 0
    not_before: datetime | None = None
    """After a failure; forgotten when a person changes or asks something."""
    seen: tuple[int, str | None] | None = None


@dataclass(frozen=True)
class _Scanned:
    """What the registry said."""

    tags: Tags
    plan: Plan


@dataclass
class ImageSourceController:
    """Keeps ImageSources. `now` is the API server's time (I10)."""

    api: KubeApi
    caches: Caches
    recorder: EventRecorder
    registry: Registry | None
    secrets: PullSecrets
    now: Callable[[], datetime]
    _memories: dict[str, _Memory] = field(default_factory=dict)

    def forget(self, uid: str) -> None:
        """A source is gone: so is what was remembered of it."""
        self._memories.pop(uid, None)

    async def reconcile(self, key: Key) -> float | None:
        """Scans if it is time. Returns the seconds until the next scan; None: not by itself."""
        source = self.caches.image_sources.get(key)
        if source is None or source.metadata.deletion_timestamp is not None:
            return None
        if source.spec.suspend or self.registry is None:
            await self._write(source, source_status.resting(source, self._stamp()))
            return None
        memory = self._memories.setdefault(source.metadata.uid, _Memory())
        wait = self._wait(source, memory)
        if wait > 0:
            return wait
        memory.seen = (source.metadata.generation, _request(source))
        try:
            scanned = await self._scan(source, self.registry)
        except RegistryError as error:
            return await self._failed(source, memory, error)
        memory.failures, memory.not_before = 0, None
        await self._publish(source, scanned)
        return float(source.spec.interval_seconds)

    def _wait(self, source: ImageSource, memory: _Memory) -> float:
        """Seconds until a scan is due; 0: now. What a person changed or asked for is due at once."""
        status, now = source.status, self.now()
        asked = (source.metadata.generation, _request(source))
        if memory.not_before is not None and memory.seen == asked:
            return max((memory.not_before - now).total_seconds(), 0.0)
        if asked != (status.observed_generation, status.last_handled_reconcile_at) or status.last_scan_time is None:
            return 0.0
        due = status.last_scan_time + timedelta(seconds=source.spec.interval_seconds)
        return max((due - now).total_seconds(), 0.0)

    async def _scan(self, source: ImageSource, registry: Registry) -> _Scanned:
        pattern = TagPattern(source.spec.tag_pattern)
        repository = parse_repository(source.spec.repository)
        name = source.spec.secret_ref.name if source.spec.secret_ref is not None else None
        keychain = await self.secrets.keychain(source.metadata.namespace, name)
        if _request(source) != source.status.last_handled_reconcile_at:
            registry.wake(repository)
        listed = await registry.tags(repository, keychain, insecure=source.spec.insecure)
        tags = sources.read(source, frozenset(listed), pattern.version_of)
        digests = await self._digests(source, registry, repository, keychain, tags.newest)
        there = {v.spec.version: v for v in self._versions(source)}
        return _Scanned(tags, sources.plan(source, tags, digests, there))

    @staticmethod
    async def _digests(
        source: ImageSource, registry: Registry, repository: Repository, keychain: Keychain, newest: Sequence[Tagged]
    ) -> dict[str, str]:
        """By tag. A tag that went away since the list was made is left out."""
        found = {}
        for tagged in newest:
            try:
                reference = Reference(repository, tagged.tag, None)
                found[tagged.tag] = await registry.digest(reference, keychain, insecure=source.spec.insecure)
            except NotThere:
                continue
        return found

    def _versions(self, source: ImageSource) -> list[ImageVersion]:
        """The ImageVersions of the source's image in its namespace."""
        found = self.caches.image_versions.by_index(image_name(source.spec))
        return [version for version in found if version.metadata.namespace == source.metadata.namespace]

    async def _publish(self, source: ImageSource, scanned: _Scanned) -> None:
        """Makes what is new, notes it, and takes away what is old: in this order, each safe to repeat."""
        taken = []
        for tag in scanned.plan.create:
            refused = await self._create(source, tag)
            if refused is not None:
                taken.append(refused)
        status = source_status.scanned(source, scanned.tags, scanned.plan, taken, self._stamp(), _request(source))
        for sentence in source_status.newly_moved(source, scanned.plan):
            self._tell(source, Event.TAG_MOVED, sentence, warning=True)
        await self._write(source, status)
        await self._prune(source, scanned.plan)

    async def _create(self, source: ImageSource, tag: PublishedTag) -> str | None:
        """Makes the ImageVersion of a tag. Returns why it can't be made, if so."""
        manifest, namespace = sources.manifest(source, tag), source.metadata.namespace
        name = manifest["metadata"]["name"]
        try:
            body = {"apiVersion": API_VERSION, "kind": IMAGE_VERSIONS.kind, **manifest}
            made = await self.api.create(IMAGE_VERSIONS, namespace, body)
        except AlreadyExists:
            made = await self.api.get(IMAGE_VERSIONS, namespace, name)
            self.caches.image_versions.apply(made)
            there = ImageVersion.model_validate(made)
            if (image_name(there.spec), there.spec.version) == (image_name(source.spec), tag.version):
                return None  # ours from a lost answer, or as good as ours
            return (
                f"tag {tag.tag}: ImageVersion {name} is there and is of something else: delete it, or rename the source"
            )
        self.caches.image_versions.apply(made)
        self._tell(source, Event.VERSION_PUBLISHED, f"published {tag.version} from tag {tag.tag} ({tag.digest})")
        return None

    async def _prune(self, source: ImageSource, plan: Plan) -> None:
        name = image_name(source.spec)
        sets = self.caches.scale_sets.by_index(name)
        runs = [r for s in sets for r in self.caches.runs.by_index((s.metadata.namespace, s.metadata.name))]
        used = sources.used_versions(sets, runs)
        for version in sources.outdated(source, self._versions(source), plan.published, used):
            key = (version.metadata.namespace, version.metadata.name)
            try:
                left = await self.api.delete(IMAGE_VERSIONS, *key, uid=version.metadata.uid)
            except (NotFound, Conflict):
                left = None
            if left is None:
                self.caches.image_versions.remove_key(key, version.metadata.uid)
            self._tell(
                source, Event.VERSION_REMOVED, f"removed {version.spec.version}: older than all that are kept, not used"
            )

    async def _failed(self, source: ImageSource, memory: _Memory, error: RegistryError) -> float:
        """A scan that failed loses nothing: what was published stays, and it is tried again."""
        memory.failures += 1
        delay = max(min(AGAIN.delay(memory.failures), source.spec.interval_seconds), error.retry_after or 0.0)
        memory.not_before = self.now() + timedelta(seconds=delay)
        status = source_status.failed(source, error.reason, error.message, self._stamp(), _request(source))
        if memory.failures == 1:
            self._tell(source, Event.SCAN_FAILED, error.message, warning=True)
        await self._write(source, status)
        return delay

    async def _write(self, source: ImageSource, status: ImageSourceStatus) -> None:
        patch = status_patch(source.status, status)
        if not patch:
            return
        key = (source.metadata.namespace, source.metadata.name)
        body = {"metadata": {"resourceVersion": source.metadata.resource_version}, "status": patch}
        try:
            self.caches.image_sources.apply(await self.api.merge_patch(IMAGE_SOURCES, *key, body, subresource="status"))
        except NotFound:
            self.caches.image_sources.remove_key(key, source.metadata.uid)

    def _tell(self, source: ImageSource, reason: Event, message: str, *, warning: bool = False) -> None:
        meta = source.metadata
        regarding = ObjectReference(IMAGE_SOURCES.api_version, IMAGE_SOURCES.kind, meta.namespace, meta.name, meta.uid)
        self.recorder.record(regarding, reason, message, action="Scan", warning=warning)
        logger.info(message, extra={"image_source": f"{meta.namespace}/{meta.name}", "reason": reason})

    def _stamp(self) -> datetime:
        return self.now().replace(microsecond=0)


def _request(source: ImageSource) -> str | None:
    return source.metadata.annotations.get(ANNOTATION_RECONCILE_AT)
