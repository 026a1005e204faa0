"""The API server, without the waiting: what `MemoryApi` wraps, and what users and controllers in a simulation call."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rollkeeper.kube.api import JsonObject, ObjectList
from rollkeeper.kube.resources import PODS, Resource
from tests.simulation import answers, eviction, json_patch, metadata, pods, selectors
from tests.simulation.clock import VirtualClock
from tests.simulation.kinds import KINDS, Kind
from tests.simulation.objects import Key, clone, key_of, merge, strategic_merge, timestamp
from tests.simulation.store import Store

Subresource = Literal["status"] | None
Combine = Callable[[Any, Any], Any]
"""What is there, the patch -> what will be there."""


@dataclass(frozen=True)
class Review:
    """What an admission hook is asked about."""

    resource: Resource
    object: JsonObject
    old: JsonObject | None
    """None: the object is to be created."""
    dry_run: bool


Admission = Callable[[Review], None]
"""Raises the ApiError that the server answers with."""


class ApiServer:
    """Answers at once, and in copies: who changes an answer changes nothing here.

    `admission` hooks are asked before each create and each change of a spec or of metadata.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.store = Store()
        self.admission: list[Admission] = []
        self.service_accounts = frozenset({"default"})
        self._made = 0

    # --- what clients ask -------------------------------------------------------------------------------------------

    def get(self, resource: Resource, namespace: str | None, name: str) -> JsonObject:
        return clone(self.stored(resource, _key(resource, namespace, name)))

    def list(
        self, resource: Resource, namespace: str | None = None, *, label_selector: str | None = None
    ) -> ObjectList:
        chosen = selectors.parse(label_selector)
        found = (obj for obj in self.store.items(resource, namespace) if chosen(obj["metadata"].get("labels", {})))
        return ObjectList(tuple(clone(obj) for obj in found), str(self.store.version))

    def create(
        self, resource: Resource, namespace: str | None, body: Mapping[str, Any], *, dry_run: bool = False
    ) -> JsonObject:
        self._made += 1
        kind = KINDS.get(resource, Kind())
        metadata.check_kind(obj := clone(body), resource, custom=kind.custom)
        obj = metadata.for_create(obj, resource, namespace, number=self._made, now=timestamp(self.clock.now()))
        obj = kind.defaults(_new_status(obj, kind))
        if kind.has_generation:
            obj["metadata"]["generation"] = 1
        for hook in self.admission:
            hook(Review(resource, obj, None, dry_run))
        if resource == PODS:
            pods.check_new(obj, strict=dry_run, service_accounts=self.service_accounts)
        metadata.check_owners(resource, obj)
        if self.store.get(resource, key_of(obj)) is not None:
            raise answers.already_exists(resource, obj["metadata"]["name"])
        return clone(obj if dry_run else self.store.put(resource, obj))

    def merge_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Mapping[str, Any],
        *,
        subresource: Subresource = None,
    ) -> JsonObject:
        return self._patch(resource, _key(resource, namespace, name), clone(body), merge, subresource)

    def strategic_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Mapping[str, Any],
        *,
        subresource: Subresource = None,
    ) -> JsonObject:
        if KINDS.get(resource, Kind()).custom:
            raise answers.unsupported_patch()
        return self._patch(resource, _key(resource, namespace, name), clone(body), strategic_merge, subresource)

    def json_patch(
        self, resource: Resource, namespace: str | None, name: str, operations: Sequence[Mapping[str, Any]]
    ) -> JsonObject:
        key = _key(resource, namespace, name)
        try:
            changed = json_patch.apply(clone(self.stored(resource, key)), operations)
        except json_patch.TestFailedError as error:
            raise answers.invalid(resource, name, str(error)) from error
        return self._patch(resource, key, changed, lambda _current, new: new, None)

    def _patch(
        self, resource: Resource, key: Key, patch: JsonObject, combine: Combine, subresource: Subresource
    ) -> JsonObject:
        current = self.stored(resource, key)
        metadata.check_lock(resource, current, patch)
        kind = KINDS.get(resource, Kind())
        new = _within(kind, current, combine(current, patch), subresource)
        new = kind.defaults(metadata.for_update(resource, current, new))
        kind.check_change(current, new)
        if new == current:
            return clone(current)
        if subresource is None:
            metadata.check_owners(resource, new)
            for hook in self.admission:
                hook(Review(resource, new, current, dry_run=False))
        if kind.has_generation and _spec(new) != _spec(current):
            new["metadata"]["generation"] += 1
        return clone(self.write(resource, new))

    def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        foreground: bool = False,
    ) -> JsonObject | None:
        """With `foreground` the object stays until what it owns and what blocks it (`blockOwnerDeletion`) is gone."""
        current = self.stored(resource, _key(resource, namespace, name))
        metadata.check_preconditions(resource, current, uid, resource_version)
        if "deletionTimestamp" in current["metadata"]:
            return clone(current)
        if foreground:
            current = metadata.with_finalizer(current, metadata.FOREGROUND)
        grace = _grace(resource, current)
        if grace == 0 and not current["metadata"].get("finalizers"):
            self.store.remove(resource, key_of(current))
            return None
        return clone(self.store.put(resource, metadata.terminating(current, self.clock.now(), grace)))

    def evict(self, namespace: str, name: str, *, uid: str, dry_run: bool = False) -> None:
        eviction.evict(self, namespace, name, uid=uid, dry_run=dry_run)

    # --- what the parts of a cluster use: no copies, no admission ---------------------------------------------------

    def stored(self, resource: Resource, key: Key) -> JsonObject:
        """The object itself, not to be changed. Raises NotFound."""
        found = self.store.get(resource, key)
        if found is None:
            raise answers.not_found(resource, key[1])
        return found

    def write(self, resource: Resource, obj: JsonObject) -> JsonObject:
        """Write an object that was checked; one that terminates goes with its last finalizer."""
        meta = obj["metadata"]
        waits_for_kubelet = meta.get("deletionGracePeriodSeconds", 0) > 0
        if "deletionTimestamp" in meta and not meta.get("finalizers") and not waits_for_kubelet:
            return self.store.remove(resource, key_of(obj))
        return self.store.put(resource, obj)

    def set_status(self, resource: Resource, key: Key, status: JsonObject) -> None:
        """As a kubelet or a controller of Kubernetes writes it; nothing is written if it is the same."""
        current = self.stored(resource, key)
        if current.get("status") != status:
            self.store.put(resource, {**current, "metadata": dict(current["metadata"]), "status": status})

    def finish(self, resource: Resource, key: Key) -> None:
        """Remove an object now, without grace; finalizers keep it still."""
        current = self.stored(resource, key)
        if current["metadata"].get("finalizers"):
            self.store.put(resource, metadata.terminating(current, self.clock.now(), 0))
        else:
            self.store.remove(resource, key)


def _key(resource: Resource, namespace: str | None, name: str) -> Key:
    if resource.namespaced and not namespace:
        raise ValueError(f"{resource.plural} have a namespace; none was given for {name}")
    return namespace if resource.namespaced and namespace else "", name


def _new_status(obj: JsonObject, kind: Kind) -> JsonObject:
    """A status in the body of a create is thrown away by kinds with a status subresource."""
    if kind.new_status is None or (kind.keeps_status and obj.get("status")):
        return obj
    without = {key: value for key, value in obj.items() if key != "status"}
    status = kind.new_status()
    return {**without, "status": status} if status else without


def _within(kind: Kind, current: JsonObject, merged: JsonObject, subresource: Subresource) -> JsonObject:
    """The part of a change that the endpoint writes; the rest of it is ignored, not refused."""
    if kind.new_status is None:
        if subresource is not None:
            raise answers.no_subresource()
        return merged
    taken, kept = (merged, current) if subresource == "status" else (current, merged)
    new = {key: value for key, value in kept.items() if key != "status"}
    if "status" in taken:
        new["status"] = taken["status"]
    if subresource == "status" and not kind.custom:
        new["metadata"] = merged["metadata"]
    return new


def _spec(obj: JsonObject) -> JsonObject:
    """Whatever raises the generation when it changes."""
    return {key: value for key, value in obj.items() if key not in {"metadata", "status"}}


def _grace(resource: Resource, obj: JsonObject) -> int:
    """Seconds that a kubelet gets to stop a pod; 0 where there is nothing to stop."""
    if resource != PODS or not obj["spec"].get("nodeName") or obj["status"]["phase"] in {"Failed", "Succeeded"}:
        return 0
    return int(obj["spec"]["terminationGracePeriodSeconds"])
