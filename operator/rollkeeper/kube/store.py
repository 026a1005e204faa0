"""A cache of one resource: parsed once a version, never older than what we have written ourselves.

Three sources feed it: lists, watch events, and the answers to our own writes (so that a reconcile reads its own
writes). They arrive in no particular order, so the resource version decides: versions of one resource are ordered
(KEP-5504), the newer wins, and a deleted object's versions are remembered for a while in order not to bring it back.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, ItemsView, Iterator, KeysView, ValuesView
from dataclasses import dataclass
from typing import Generic, TypeVar

from rollkeeper.kube.api import JsonObject, ObjectList

T = TypeVar("T")

Key = tuple[str, str]
"""Namespace (empty for cluster-wide objects) and name."""

Listener = Callable[[Key, T | None, T | None], None]
"""Told of each change: key, the value before (None: it is new) and after (None: it is gone). Must not raise."""

_TOMBSTONES = 20_000
"""How many deleted objects are remembered, about 150 bytes each: more than can be deleted while one event is late."""

_FOR_EVER = 2**63

logger = logging.getLogger(__name__)


def object_key(raw: JsonObject) -> Key:
    """The key of an object."""
    meta = raw["metadata"]
    return meta.get("namespace") or "", meta["name"]


def object_version(raw: JsonObject) -> int:
    """The resource version of an object or a list, to be compared within one resource only."""
    return int(raw["metadata"]["resourceVersion"])


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    value: T
    uid: str
    version: int


class Store(Generic[T]):
    """Objects of one resource by key, as whatever `parse` makes of them.

    `parse(raw, previous)` is called once a version; `previous` is the value of the same object (same uid) before, so
    that equal parts can be shared. `index(value)` puts each object under one value (an owner's uid, a label; None: not
    indexed) for `by_index`. Listeners hear of changes of the parsed value only: what `parse` leaves out does not wake
    anybody.

    Not for threads: all calls come from the event loop's.
    """

    def __init__(
        self, parse: Callable[[JsonObject, T | None], T], *, index: Callable[[T], Hashable | None] | None = None
    ) -> None:
        self._parse = parse
        self._index_of = index
        self._entries: dict[Key, _Entry[T]] = {}
        self._index: dict[Hashable, dict[Key, T]] = {}
        self._tombstones: OrderedDict[str, int] = OrderedDict()
        self._unreadable: dict[Key, int] = {}
        self._listeners: list[Listener[T]] = []

    def subscribe(self, listener: Listener[T]) -> None:
        """Calls `listener` on each later change, before the call that made the change returns."""
        self._listeners.append(listener)

    def get(self, key: Key) -> T | None:
        """The object's newest known value, None if there is no such object."""
        entry = self._entries.get(key)
        return entry.value if entry is not None else None

    def uid(self, key: Key) -> str | None:
        """The uid of the object under that key."""
        entry = self._entries.get(key)
        return entry.uid if entry is not None else None

    def version(self, key: Key) -> int | None:
        """The resource version of the object under that key, as far as it is known."""
        entry = self._entries.get(key)
        return entry.version if entry is not None else None

    def by_index(self, value: Hashable) -> tuple[T, ...]:
        """The objects that `index` puts under that value; costs only what it returns."""
        return tuple(self._index.get(value, {}).values())

    def items(self) -> ItemsView[Key, T]:
        """Keys and values as of now (a copy)."""
        return {key: entry.value for key, entry in self._entries.items()}.items()

    def keys(self) -> KeysView[Key]:
        """All keys (live: copy them before anything is awaited or changed)."""
        return self._entries.keys()

    def values(self) -> ValuesView[T]:
        """All values as of now (a copy)."""
        return {key: entry.value for key, entry in self._entries.items()}.values()

    @property
    def unreadable(self) -> frozenset[Key]:
        """Objects whose newest version `parse` failed on: the store has an older value of them, or none."""
        return frozenset(self._unreadable)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[Key]:
        return iter(self._entries)

    def apply(self, raw: JsonObject) -> bool:
        """Takes an object as a list, a watch or the answer to a write shows it. False: it was not news."""
        key, uid, version = object_key(raw), raw["metadata"]["uid"], object_version(raw)
        entry = self._entries.get(key)
        if version <= self._tombstones.get(uid, -1) or version <= self._unreadable.get(key, -1):
            return False
        if entry is not None and version <= entry.version:
            return False
        previous = entry.value if entry is not None and entry.uid == uid else None
        try:
            value = self._parse(raw, previous)
        except Exception:
            # One object that we can't read (written by a newer version of us, say) must not stop the watch for all
            # the others. It is not dropped silently: logged once a version, and listed in `unreadable`.
            logger.exception("cannot read %s %s/%s, version %d", raw.get("kind", "object"), *key, version)
            self._unreadable[key] = version
            return False
        if entry is not None and entry.uid != uid:
            self._bury(entry.uid, _FOR_EVER)
        self._unreadable.pop(key, None)
        self._put(key, _Entry(value, uid, version))
        return True

    def remove(self, raw: JsonObject) -> bool:
        """Takes the last state of a deleted object, as a watch event shows it. False: it was not news."""
        return self._remove(object_key(raw), raw["metadata"]["uid"], object_version(raw))

    def remove_key(self, key: Key, uid: str) -> bool:
        """Notes that an object is gone for good: our delete was answered so, or a read found another or none."""
        return self._remove(key, uid, _FOR_EVER)

    def replace(self, listing: ObjectList, namespace: str | None = None, *, rewound: bool = False) -> None:
        """Takes a whole list: changes are applied, and what is not in it any more is removed.

        `namespace` says that the list is of that namespace only; the others stay. Objects written after the list was
        made stay too. `rewound` says that the server went back in time (a backup of etcd was restored): then versions
        that we know mean nothing, and the list alone counts.
        """
        if rewound:
            self._tombstones.clear()
            self._unreadable.clear()
            self._entries = {key: _Entry(entry.value, entry.uid, -1) for key, entry in self._entries.items()}
        listed = set()
        for raw in listing.items:
            listed.add(object_key(raw))
            self.apply(raw)
        version = int(listing.resource_version)
        in_scope = [key for key in {*self._entries, *self._unreadable} if namespace is None or key[0] == namespace]
        for key in in_scope:
            if key in listed:
                continue
            entry = self._entries.get(key)
            if entry is not None and entry.version <= version:
                self._remove(key, entry.uid, version)
            if self._unreadable.get(key, _FOR_EVER) <= version:
                del self._unreadable[key]

    def _remove(self, key: Key, uid: str, version: int) -> bool:
        self._bury(uid, version)
        entry = self._entries.get(key)
        if entry is None or entry.uid != uid or entry.version > version:
            return False
        del self._entries[key]
        self._unreadable.pop(key, None)
        self._reindex(key, entry.value, None)
        self._tell(key, entry.value, None)
        return True

    def _put(self, key: Key, new: _Entry[T]) -> None:
        old = self._entries.get(key)
        before = old.value if old is not None else None
        self._entries[key] = new
        self._reindex(key, before, new.value)
        if before is None or before != new.value:
            self._tell(key, before, new.value)

    def _reindex(self, key: Key, old: T | None, new: T | None) -> None:
        if self._index_of is None:
            return
        was = self._index_of(old) if old is not None else None
        becomes = self._index_of(new) if new is not None else None
        if was is not None and was != becomes:
            del self._index[was][key]
            if not self._index[was]:
                del self._index[was]
        if becomes is not None and new is not None:
            self._index.setdefault(becomes, {})[key] = new

    def _tell(self, key: Key, old: T | None, new: T | None) -> None:
        for listener in self._listeners:
            listener(key, old, new)

    def _bury(self, uid: str, version: int) -> None:
        self._tombstones[uid] = max(version, self._tombstones.pop(uid, -1))
        if len(self._tombstones) > _TOMBSTONES:
            self._tombstones.popitem(last=False)
