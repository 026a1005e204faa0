"""Who uses which image version, kept up to date set by set: no event makes anybody look at all sets (V7)."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from rollkeeper.api.v1alpha1 import ImageVersion, ScaleSet, UpgradeRun
from rollkeeper.controllers.caches import Caches, RevisionView
from rollkeeper.engine import usage
from rollkeeper.engine.actions import Action
from rollkeeper.engine.usage import Numbered, Use, Uses
from rollkeeper.engine.versions import image_name, that_counts
from rollkeeper.kube.store import Key


@dataclass
class Users:
    """The sets that use a version, as far as the caches know. `changed` is told of versions whose use has changed."""

    caches: Caches
    images_namespace: str
    changed: Callable[[Key], None]
    _by_set: dict[Key, Uses] = field(default_factory=dict)
    _by_version: dict[Numbered, dict[Key, Use]] = field(default_factory=lambda: defaultdict(dict))
    _claims: dict[Key, Uses] = field(default_factory=dict)
    """What sets are about to use: decided, and not written yet."""

    def subscribe(self) -> None:
        """Follows the caches from now on."""
        self.caches.scale_sets.subscribe(self._scale_set_changed)
        self.caches.runs.subscribe(self._run_changed)
        self.caches.revisions.subscribe(self._revision_changed)

    def of(self, version: ImageVersion) -> Mapping[Key, Use]:
        """The sets that use this very version, of all that have its number."""
        found = self._by_version.get((image_name(version.spec), version.spec.version), {})
        counts = {namespace: self._counts(version, namespace) for namespace in {key[0] for key in found}}
        return {key: use for key, use in found.items() if counts[key[0]]}

    def may_use(self, version: ImageVersion) -> bool:
        """Whether a set is about to use it, or nobody can tell: one that follows the image has no status (F4)."""
        numbered = image_name(version.spec), version.spec.version
        if any(numbered in claimed for claimed in self._claims.values()):
            return True
        return any(
            scale_set.status.observed_generation < 0 and self._counts(version, scale_set.metadata.namespace)
            for scale_set in self.caches.scale_sets.by_index(numbered[0])
        )

    @contextmanager
    def about_to_use(self, scale_set: ScaleSet, actions: Iterable[Action]) -> Iterator[list[ImageVersion]]:
        """The versions that a decision needs, which nobody lets go of meanwhile."""
        key = scale_set.metadata.namespace, scale_set.metadata.name
        uses = usage.after(scale_set, self.caches.runs.by_index(key), actions, self._image_of(key[0]))
        self._claims[key] = uses
        try:
            yield [
                version for numbered in uses for version in self._numbered(numbered) if self._counts(version, key[0])
            ]
        finally:
            del self._claims[key]

    def _counts(self, version: ImageVersion, namespace: str) -> bool:
        """Whether it is this one, of all with its number, that the sets of a namespace see."""
        numbered = image_name(version.spec), version.spec.version
        seen = [v for v in self._numbered(numbered) if v.metadata.namespace in (namespace, self.images_namespace)]
        return bool(seen) and that_counts(seen, namespace).metadata.uid == version.metadata.uid

    def _numbered(self, numbered: Numbered) -> list[ImageVersion]:
        return [v for v in self.caches.image_versions.by_index(numbered[0]) if v.spec.version == numbered[1]]

    def _image_of(self, namespace: str) -> Callable[[str], str | None]:
        def image_of(revision: str) -> str | None:
            known = self.caches.revisions.get((namespace, revision))
            return known.image_name or None if known is not None else None

        return image_of

    def _scale_set_changed(self, key: Key, _old: ScaleSet | None, _new: ScaleSet | None) -> None:
        self._look_at(key)

    def _run_changed(self, _key: Key, old: UpgradeRun | None, new: UpgradeRun | None) -> None:
        run = new or old
        if run is not None:
            self._look_at((run.metadata.namespace, run.spec.scale_set_name))

    def _revision_changed(self, key: Key, _old: RevisionView | None, _new: RevisionView | None) -> None:
        """A model says which image its instances run, and its cache may be filled after that of its set (V6)."""
        self._look_at((key[0], key[1].rpartition("-")[0]))

    def _look_at(self, key: Key) -> None:
        scale_set = self.caches.scale_sets.get(key)
        before = self._by_set.get(key, {})
        now: Uses = {}
        if scale_set is not None:
            now = usage.of(scale_set, self.caches.runs.by_index(key), self._image_of(key[0]))
        if now == before:
            return
        self._by_set[key] = now
        if scale_set is None:
            del self._by_set[key]
        for numbered in before.keys() | now.keys():
            if before.get(numbered) != now.get(numbered):
                self._note(key, numbered, now.get(numbered))

    def _note(self, key: Key, numbered: Numbered, use: Use | None) -> None:
        users = self._by_version[numbered]
        if use is not None:
            users[key] = use
        else:
            users.pop(key, None)
        if not users:
            del self._by_version[numbered]
        for version in self._numbered(numbered):
            if version.metadata.namespace in (key[0], self.images_namespace):
                self.changed((version.metadata.namespace, version.metadata.name))
