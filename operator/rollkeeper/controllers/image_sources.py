"""Scans the repositories of ImageSources: a tag that is pushed becomes an ImageVersion.

Runs on the workers that ask registries, never on those that reconcile scale sets.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from rollkeeper.api.v1alpha1 import ImageSource, ImageSourceStatus, ImageVersion
from rollkeeper.api.v1alpha1.image_source import PublishedTag
from rollkeeper.api.v1alpha1.names import ANNOTATION_RECONCILE_AT, API_VERSION, PREFIX_OTHERS_VERSION
from rollkeeper.controllers.caches import Caches
from rollkeeper.controllers.patches import status_patch
from rollkeeper.controllers.pull_secrets import PullSecrets
from rollkeeper.controllers.resources import IMAGE_SOURCES, IMAGE_VERSIONS
from rollkeeper.controllers.usage import Users
from rollkeeper.engine import source_status, sources
from rollkeeper.engine.conditions import find
from rollkeeper.engine.reasons import Event
from rollkeeper.engine.sources import Digests, Plan, Result, Tagged
from rollkeeper.engine.versions import image_name
from rollkeeper.kube.api import KubeApi
from rollkeeper.kube.backoff import Backoff
from rollkeeper.kube.errors import AlreadyExists, Conflict, Forbidden, Invalid, NotFound
from rollkeeper.kube.events import EventRecorder, ObjectReference
from rollkeeper.kube.reading import read_again
from rollkeeper.kube.store import Key
from rollkeeper.registry.api import Registry
from rollkeeper.registry.credentials import Keychain
from rollkeeper.registry.errors import Ailing, Malformed, NotThere, RegistryError
from rollkeeper.registry.patterns import TagPattern
from rollkeeper.registry.reference import Reference, Repository, parse_repository

logger = logging.getLogger("rollkeeper")

AGAIN = Backoff(first=10.0, maximum=600.0, share=0.2)
"""How long after a failed scan the next one is."""
LOOKS = 3
"""How often one scan looks at what may go, when others write to it at the same time."""


@dataclass
class _Memory:
    failures: int = 0
    not_before: datetime | None = None
    """After a failure; forgotten when a person changes or asks something."""
    seen: tuple[int, str | None] | None = None


@dataclass
class ImageSourceController:
    """Keeps ImageSources. `now` is the API server's time (I10)."""

    api: KubeApi
    caches: Caches
    users: Users
    recorder: EventRecorder
    registry: Registry | None
    secrets: PullSecrets
    now: Callable[[], datetime]
    _memories: dict[str, _Memory] = field(default_factory=dict)

    def forget(self, uid: str) -> None:
        """A source is gone: so is what was remembered of it."""
        self._memories.pop(uid, None)

    def is_insecure(self, namespace: str, repository: Repository) -> bool:
        """Whether a source in a namespace says that a repository's registry speaks plain HTTP."""
        return any(
            source.spec.insecure
            and source.metadata.namespace == namespace
            and source.spec.repository.startswith(f"{repository.registry}/")
            for source in self.caches.image_sources.values()
        )

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
            scan = await self._scan(source, self.registry)
        except RegistryError as error:
            return await self._failed(source, memory, error)
        memory.failures, memory.not_before = 0, None
        await self._publish(source, scan)
        return float(source.spec.interval_seconds)

    def _wait(self, source: ImageSource, memory: _Memory) -> float:
        """Seconds until a scan is due; 0: now. What a person changed or asked for is due at once."""
        status, now = source.status, self.now()
        asked = (source.metadata.generation, _request(source))
        if memory.not_before is not None and memory.seen == asked:
            return max((memory.not_before - now).total_seconds(), 0.0)
        if asked != (status.observed_generation, status.last_handled_reconcile_at) or status.last_scan_time is None:
            return 0.0
        ready = find(status.conditions, "Ready")
        if memory.seen is None and (ready is None or ready.status != "True"):
            return 0.0  # how long to wait after a failure was forgotten with the last process
        due = status.last_scan_time + timedelta(seconds=source.spec.interval_seconds)
        return max((due - now).total_seconds(), 0.0)

    async def _scan(self, source: ImageSource, registry: Registry) -> Result:
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
        return Result(tags, digests.unusable, sources.plan(source, tags, digests.found, there))

    @staticmethod
    async def _digests(
        source: ImageSource, registry: Registry, repository: Repository, keychain: Keychain, newest: Sequence[Tagged]
    ) -> Digests:
        """A tag that went away since the list was made is left out.

        One whose manifest is no image, or that its registry has lost, keeps no other one back. When none can be had
        the registry is in trouble: raises Unreachable.
        """
        found, unusable, trouble = {}, [], None
        for tagged in newest:
            try:
                reference = Reference(repository, tagged.tag, None)
                found[tagged.tag] = await registry.digest(reference, keychain, insecure=source.spec.insecure)
            except NotThere:
                continue
            except (Malformed, Ailing) as error:
                unusable.append(f"tag {tagged.tag}: {error.message}")
                trouble = error if isinstance(error, Ailing) else trouble
        if trouble is not None and not found:
            raise trouble
        return Digests(found, tuple(unusable))

    def _versions(self, source: ImageSource) -> list[ImageVersion]:
        """The ImageVersions of the source's image in its namespace."""
        found = self.caches.image_versions.by_index(image_name(source.spec))
        return [version for version in found if version.metadata.namespace == source.metadata.namespace]

    async def _publish(self, source: ImageSource, scan: Result) -> None:
        """Makes what is new, notes it, and takes away what is old: in this order, each safe to repeat."""
        plan = scan.plan
        tried = {tag.version: await self._create(source, tag) for tag in plan.create}
        scan = replace(scan, refused={version: why for version, why in tried.items() if why is not None})
        status = source_status.scanned(source, scan, self._stamp(), _request(source))
        for sentence in source_status.newly_moved(source, plan):
            self._tell(source, Event.TAG_MOVED, sentence, warning=True)
        await self._write(source, status)
        await self._prune(source, plan)

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
        except (Invalid, Forbidden) as error:
            return f"tag {tag.tag}: the API server refuses ImageVersion {name}: {error.message}"
        self.caches.image_versions.apply(made)
        self._tell(source, Event.VERSION_PUBLISHED, f"published {tag.version} from tag {tag.tag} ({tag.digest})")
        return None

    async def _prune(self, source: ImageSource, plan: Plan) -> None:
        """Takes away what is old and not used. What others keep writing to meanwhile stays until the next scan."""
        for _ in range(LOOKS):
            there = self._versions(source)
            used = self._used(source) | {v.spec.version for v in there if self._is_used(v)}
            removed = [await self._remove(source, v) for v in sources.outdated(source, there, plan.published, used)]
            if all(removed):
                return

    async def _remove(self, source: ImageSource, version: ImageVersion) -> bool:
        """Deletes a version; not if somebody wrote to it since it was looked at: then it is to be looked at again.

        Who begins to use it marks it before (V7), which is such a write; so is a status.
        """
        key, meta = (version.metadata.namespace, version.metadata.name), version.metadata
        try:
            left = await self.api.delete(IMAGE_VERSIONS, *key, uid=meta.uid, resource_version=meta.resource_version)
        except Conflict:
            await read_again(self.api, IMAGE_VERSIONS, self.caches.image_versions, key, meta.uid)
            return False
        except NotFound:
            left = None
        if left is None:
            self.caches.image_versions.remove_key(key, meta.uid)
        else:
            self.caches.image_versions.apply(left)
        self._tell(
            source, Event.VERSION_REMOVED, f"removed {version.spec.version}: older than all that are kept, not used"
        )
        return True

    def _used(self, source: ImageSource) -> frozenset[str]:
        """Versions that sets and runs name, begun or not."""
        sets = self.caches.scale_sets.by_index(image_name(source.spec))
        runs = [r for s in sets for r in self.caches.runs.by_index((s.metadata.namespace, s.metadata.name))]
        return sources.used_versions(sets, runs)

    def _is_used(self, version: ImageVersion) -> bool:
        """V7; what controllers of other namespaces have used may still be in use there, they alone know."""
        guards = version.metadata.finalizers
        by_others = any(guard.startswith(PREFIX_OTHERS_VERSION) for guard in guards)
        return by_others or bool(self.users.of(version)) or self.users.may_use(version)

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
