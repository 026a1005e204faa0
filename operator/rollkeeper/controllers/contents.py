"""Reads the ConfigMaps and Secrets that scripts of a set are in; their content is part of the model (E2, M1).

Of ConfigMaps only the metadata is watched, of Secrets nothing: the controller has no use for the others. What a set
names is read when its version has changed, a Secret once a minute. Of a Secret no more than a hash and the size are
kept. No content is ever logged.
"""

import base64
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rollkeeper.api.v1alpha1 import ScaleSet
from rollkeeper.engine import provisioning
from rollkeeper.engine.provisioning import Content, Contents, Missing, Source
from rollkeeper.kube.api import JsonObject, KubeApi
from rollkeeper.kube.errors import Forbidden, NotFound
from rollkeeper.kube.resources import CONFIG_MAPS, SECRETS
from rollkeeper.kube.store import Key, Store, object_version

SECRETS_EVERY = timedelta(seconds=60)
"""How often a Secret is read: nobody tells of its changes."""

Object = tuple[str, str, str]
"""Namespace, kind and name."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of one object for one set."""

    contents: Contents
    version: int
    """Resource version; 0: there is no such object."""
    time: datetime


@dataclass
class ContentReader:
    """Knows the contents that each set's scripts refer to. All of it is read again after a restart."""

    api: KubeApi
    config_maps: Store[int]
    """Resource versions of ConfigMaps, from a watch."""
    _read: dict[str, dict[Object, _Read]] = field(default_factory=dict)
    """By the uid of the set, then by object."""
    _users: dict[Object, set[Key]] = field(default_factory=lambda: defaultdict(set))

    async def refresh(self, scale_set: ScaleSet, now: datetime) -> datetime | None:
        """Reads what is new. Returns when to do so again, None: when something changes. Raises ApiError."""
        namespace = scale_set.metadata.namespace
        wanted: dict[Object, list[Source]] = defaultdict(list)
        for source in provisioning.sources(scale_set.spec):
            wanted[(namespace, source.kind, source.name)].append(source)
        self._forget_all_but(scale_set, wanted)
        if not wanted:
            return None
        read = self._read.setdefault(scale_set.metadata.uid, {})
        for known, sources in wanted.items():
            self._users[known].add((namespace, scale_set.metadata.name))
            before = read.get(known)
            if before is None or before.contents.keys() != set(sources) or self._is_old(before, known, now):
                read[known] = await self._object(known, sources, now)
        secrets = [read[known].time for known in wanted if known[1] == "Secret"]
        return min(secrets) + SECRETS_EVERY if secrets else None

    def of(self, scale_set: ScaleSet) -> Contents:
        """What `refresh` has read for a set."""
        read = self._read.get(scale_set.metadata.uid, {})
        return {source: found for one in read.values() for source, found in one.contents.items()}

    def users(self, config_map: Key) -> Iterable[Key]:
        """The sets that a change of a ConfigMap concerns."""
        return tuple(self._users.get((config_map[0], "ConfigMap", config_map[1]), ()))

    def forget(self, scale_set: ScaleSet) -> None:
        """The set is gone."""
        self._forget_all_but(scale_set, ())

    def _forget_all_but(self, scale_set: ScaleSet, wanted: Iterable[Object]) -> None:
        read = self._read.get(scale_set.metadata.uid)
        if read is None:
            return
        key = (scale_set.metadata.namespace, scale_set.metadata.name)
        for known in [given for given in read if given not in wanted]:
            del read[known]
            self._users[known].discard(key)
            if not self._users[known]:
                del self._users[known]
        if not read:
            del self._read[scale_set.metadata.uid]

    def _is_old(self, before: _Read, known: Object, now: datetime) -> bool:
        namespace, kind, name = known
        if kind == "Secret":
            return now >= before.time + SECRETS_EVERY
        return (self.config_maps.get((namespace, name)) or 0) > before.version or (
            before.version > 0 and (namespace, name) not in self.config_maps
        )

    async def _object(self, known: Object, sources: Iterable[Source], now: datetime) -> _Read:
        namespace, kind, name = known
        try:
            raw = await self.api.get(CONFIG_MAPS if kind == "ConfigMap" else SECRETS, namespace, name)
        except NotFound:
            why = f"there is no {kind} {name} in namespace {namespace}, which a script is to come from: create it"
            return _Read({source: Missing(why) for source in sources}, 0, now)
        except Forbidden:
            why = f"{kind} {name} can't be read: allow the controller's role to get {kind.lower()}s in {namespace}"
            return _Read({source: Missing(why) for source in sources}, 0, now)
        return _Read({source: _content(source, raw) for source in sources}, object_version(raw), now)


def _content(source: Source, raw: JsonObject) -> Content | Missing:
    data: Mapping[str, str] = raw.get("data") or {}
    if source.key not in data:
        return Missing(f"{source.kind} {source.name} has no key {source.key}, which a script is to come from: add it")
    if source.kind == "ConfigMap":
        return Content(text=data[source.key])
    # Hashed as it is stored, in base64: equal contents are stored equally.
    size = len(base64.b64decode(data[source.key]))
    return Content(sha256=hashlib.sha256(data[source.key].encode()).hexdigest(), size=size)
