"""What etcd is to the API server: objects, one counter of versions, and the history that watches read."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from rollkeeper.kube.api import EventType, JsonObject
from rollkeeper.kube.resources import Resource
from tests.simulation import answers
from tests.simulation.objects import Key, key_of

FIRST_VERSION = 1000


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the history. Objects in it are shared by all readers: nobody may change them."""

    version: int
    resource: Resource
    type: EventType
    object: JsonObject
    previous: JsonObject | None


Subscriber = Callable[[Change], None]


class Store:
    """Objects are never changed in place: a write puts a new one there."""

    def __init__(self) -> None:
        self.version = FIRST_VERSION
        self._objects: dict[Resource, dict[Key, JsonObject]] = defaultdict(dict)
        self._history: dict[Resource, list[Change]] = defaultdict(list)
        self._oldest = FIRST_VERSION
        self._by_uid: dict[str, tuple[Resource, Key]] = {}
        self._dependents: dict[str, set[tuple[Resource, Key]]] = defaultdict(set)
        self._subscribers: list[Subscriber] = []
        self._telling = False

    def get(self, resource: Resource, key: Key) -> JsonObject | None:
        return self._objects[resource].get(key)

    def items(self, resource: Resource, namespace: str | None = None) -> list[JsonObject]:
        """In the order of namespace and name, as etcd keeps them."""
        objects = self._objects[resource]
        keys = sorted(key for key in objects if namespace is None or key[0] == namespace)
        return [objects[key] for key in keys]

    def find(self, uid: str) -> tuple[Resource, Key] | None:
        return self._by_uid.get(uid)

    def dependents(self, uid: str) -> list[tuple[Resource, Key]]:
        """What names `uid` as an owner."""
        return sorted(self._dependents.get(uid, ()), key=lambda found: (found[0].plural, found[1]))

    def put(self, resource: Resource, obj: JsonObject) -> JsonObject:
        """Write an object under a new version, which is set in it: the store takes the object over."""
        key = key_of(obj)
        previous = self._objects[resource].get(key)
        obj["metadata"]["resourceVersion"] = self._next_version()
        self._objects[resource][key] = obj
        self._by_uid[obj["metadata"]["uid"]] = (resource, key)
        self._note_owners(resource, key, previous, obj)
        self._record(resource, "MODIFIED" if previous else "ADDED", obj, previous)
        return obj

    def remove(self, resource: Resource, key: Key) -> JsonObject:
        """The last state of the object, under the version of its deletion."""
        previous = self._objects[resource].pop(key)
        self._by_uid.pop(previous["metadata"]["uid"])
        self._note_owners(resource, key, previous, None)
        last = {**previous, "metadata": {**previous["metadata"], "resourceVersion": self._next_version()}}
        self._record(resource, "DELETED", last, previous)
        return last

    def changes(self, resource: Resource, since: int) -> list[Change]:
        """What was written after version `since`. Raises Gone when the history does not reach back so far."""
        if since < self._oldest:
            raise answers.expired(since, self._oldest)
        history = self._history[resource]
        if not history or history[-1].version <= since:
            return []
        return history[bisect_right(history, since, key=lambda change: change.version) :]

    def compact(self) -> None:
        """Forget the history: every older version is Gone."""
        self._oldest = self.version
        self._history.clear()

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Be told of each change, at once; the answer ends it.

        A subscriber must not write: the others would see its change before the one that led to it. It asks the clock
        to do so later.
        """
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def _next_version(self) -> str:
        if self._telling:
            raise RuntimeError("a subscriber wrote from within its callback")
        self.version += 1
        return str(self.version)

    def _record(self, resource: Resource, kind: EventType, obj: JsonObject, previous: JsonObject | None) -> None:
        change = Change(self.version, resource, kind, obj, previous)
        self._history[resource].append(change)
        self._telling = True
        try:
            for subscriber in tuple(self._subscribers):
                subscriber(change)
        finally:
            self._telling = False

    def _note_owners(self, resource: Resource, key: Key, before: JsonObject | None, after: JsonObject | None) -> None:
        for owner in (before or {"metadata": {}})["metadata"].get("ownerReferences", []):
            self._dependents[owner["uid"]].discard((resource, key))
        for owner in (after or {"metadata": {}})["metadata"].get("ownerReferences", []):
            self._dependents[owner["uid"]].add((resource, key))
