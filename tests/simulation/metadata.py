"""What the API server does with metadata: who sets which field, optimistic locks, preconditions, deletion."""

from datetime import datetime, timedelta

from rollkeeper.kube import errors
from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.resources import Resource
from tests.simulation import answers
from tests.simulation.objects import timestamp

SERVER_OWNED = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")
FOREGROUND = "foregroundDeletion"
"""The finalizer of what waits for its dependents to go first."""
EMPTY_IS_ABSENT = ("labels", "annotations", "finalizers", "ownerReferences")


def for_create(obj: JsonObject, resource: Resource, namespace: str | None, *, number: int, now: str) -> JsonObject:
    """The new object with the server's own fields; `number` makes uid and generated names."""
    meta = {key: value for key, value in obj.get("metadata", {}).items() if key not in SERVER_OWNED}
    if meta.pop("resourceVersion", None):
        message = "resourceVersion should not be set on objects to be created"
        raise errors.Unavailable(500, "", message)  # that is what the real server takes it for
    if not meta.get("name"):
        if not meta.get("generateName"):
            raise answers.invalid(resource, "", "metadata.name: Required value: name or generateName is required")
        meta["name"] = f"{meta['generateName']}{number:05d}"
    _set_namespace(meta, resource, namespace)
    _drop_empty(meta)
    meta["uid"] = f"00000000-0000-4000-8000-{number:012d}"
    meta["creationTimestamp"] = now
    return {"apiVersion": resource.api_version, "kind": resource.kind, **obj, "metadata": meta}


def for_update(resource: Resource, current: JsonObject, new: JsonObject) -> JsonObject:
    """The changed object with the server's own fields as they were. Raises Invalid for what can't change."""
    meta = dict(new["metadata"])
    old = current["metadata"]
    for field in ("name", "namespace", "uid"):
        if meta.get(field) != old.get(field):
            why = f"metadata.{field}: Invalid value: {meta.get(field)!r}: field is immutable"
            raise answers.invalid(resource, old["name"], why)
    for field in (*SERVER_OWNED, "resourceVersion"):
        meta.pop(field, None)
        if field in old:
            meta[field] = old[field]
    _drop_empty(meta)
    added = [name for name in meta.get("finalizers", []) if name not in old.get("finalizers", [])]
    if "deletionTimestamp" in old and added:
        why = (
            "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, "
            f"found new finalizers {added}"
        )
        raise answers.invalid(resource, old["name"], why)
    return {**new, "apiVersion": resource.api_version, "kind": resource.kind, "metadata": meta}


def check_lock(resource: Resource, current: JsonObject, patch: JsonObject) -> None:
    """A resourceVersion in a patch is an optimistic lock, even if nothing else would change."""
    wanted = patch.get("metadata", {}).get("resourceVersion")
    if wanted and wanted != current["metadata"]["resourceVersion"]:
        raise answers.stale(resource, current["metadata"]["name"])


def check_preconditions(resource: Resource, current: JsonObject, uid: str | None, version: str | None) -> None:
    """Raises Conflict: it is another object of the same name, or not the state that was judged."""
    meta = current["metadata"]
    if uid is not None and uid != meta["uid"]:
        raise answers.wrong_uid(resource, meta["name"], uid, meta["uid"])
    if version is not None and version != meta["resourceVersion"]:
        raise answers.wrong_version(resource, meta["name"], version, meta["resourceVersion"])


def check_owners(resource: Resource, obj: JsonObject) -> None:
    meta = obj["metadata"]
    if sum(1 for owner in meta.get("ownerReferences", []) if owner.get("controller")) > 1:
        why = "metadata.ownerReferences: Invalid value: Only one reference can have Controller set to true"
        raise answers.invalid(resource, meta["name"], why)


def terminating(obj: JsonObject, now: datetime, grace: int) -> JsonObject:
    """The object with its deletion asked for; the timestamp is when the grace will be over."""
    meta = dict(obj["metadata"])
    if "deletionTimestamp" not in meta and "generation" in meta:
        meta["generation"] += 1
    meta["deletionTimestamp"] = timestamp(now + timedelta(seconds=grace))
    meta["deletionGracePeriodSeconds"] = grace
    return {**obj, "metadata": meta}


def with_finalizer(obj: JsonObject, name: str) -> JsonObject:
    meta = obj["metadata"]
    return {**obj, "metadata": {**meta, "finalizers": [*meta.get("finalizers", []), name]}}


def without_finalizer(obj: JsonObject, name: str) -> JsonObject:
    meta = obj["metadata"]
    return {**obj, "metadata": {**meta, "finalizers": [kept for kept in meta.get("finalizers", []) if kept != name]}}


def _set_namespace(meta: JsonObject, resource: Resource, namespace: str | None) -> None:
    if not resource.namespaced:
        meta.pop("namespace", None)
        return
    if not namespace:
        raise ValueError(f"{resource.plural} have a namespace; none was given for {meta['name']}")
    if meta.setdefault("namespace", namespace) != namespace:
        raise answers.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def check_kind(obj: JsonObject, resource: Resource, *, custom: bool) -> None:
    """The body of a custom resource names its kind; built-in ones are known without."""
    given = (obj.get("apiVersion", ""), obj.get("kind", ""))
    if custom and not all(given):
        raise answers.bad_request(f"the object provided is unrecognized (must be of type {resource.kind})")
    if any(given) and given != (resource.api_version, resource.kind):
        raise answers.bad_request(f"{'/'.join(given)} cannot be handled as a {resource.kind}")


def _drop_empty(meta: JsonObject) -> None:
    for field in EMPTY_IS_ABSENT:
        if not meta.get(field, ...):
            del meta[field]
