"""The calls that the controller makes, as a Protocol: the real client and the in-memory cluster both keep it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from rollkeeper.kube.resources import Resource

JsonObject = dict[str, Any]
"""A Kubernetes object as decoded JSON. Read-only by convention: caches share it."""

EventType = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]


@dataclass(frozen=True)
class ObjectList:
    """The answer to a list call: all pages of it, and the version to watch from."""

    items: tuple[JsonObject, ...]
    resource_version: str


@dataclass(frozen=True)
class WatchEvent:
    """One change that a watch reports."""

    type: EventType
    object: JsonObject


class KubeApi(Protocol):
    """Calls to the API server. Every call has a deadline and raises an `ApiError` of `rollkeeper.kube.errors`."""

    async def list(
        self, resource: Resource, namespace: str | None = None, *, label_selector: str | None = None
    ) -> ObjectList:
        """All objects of a resource, in one namespace or (None) in all."""
        ...

    def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str | None = None,
    ) -> AsyncIterator[WatchEvent]:
        """Changes since `resource_version`, until the server closes the stream. Raises Gone when it is too old.

        An async generator: whoever leaves it early closes it.
        """
        ...

    async def get(self, resource: Resource, namespace: str | None, name: str) -> JsonObject:
        """One object. Raises NotFound."""
        ...

    async def create(
        self, resource: Resource, namespace: str | None, body: Mapping[str, Any], *, dry_run: bool = False
    ) -> JsonObject:
        """Creates an object; with `dry_run` the server only checks it (strictly).

        Raises AlreadyExists, Invalid, Forbidden.
        """
        ...

    async def merge_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Mapping[str, Any],
        *,
        subresource: Literal["status"] | None = None,
    ) -> JsonObject:
        """A JSON merge patch. With `metadata.resourceVersion` in the body it is an optimistic lock: raises Conflict."""
        ...

    async def strategic_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Mapping[str, Any],
        *,
        subresource: Literal["status"] | None = None,
    ) -> JsonObject:
        """A strategic merge patch: lists are merged by their key, a pod's conditions by type, its containers by name.

        For Kubernetes' own kinds alone. A `metadata.uid` in the body guards against a namesake: raises Invalid.
        """
        ...

    async def json_patch(
        self, resource: Resource, namespace: str | None, name: str, operations: Sequence[Mapping[str, Any]]
    ) -> JsonObject:
        """A JSON patch (RFC 6902): for lists that are not merged by a key. Raises Invalid where a `test` fails."""
        ...

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> JsonObject | None:
        """Deletes an object, if it still has that uid (else Conflict). Returns it while it terminates, else None."""
        ...

    async def evict(self, namespace: str, name: str, *, uid: str, dry_run: bool = False) -> None:
        """Evicts a pod; with `dry_run` the server only says whether it would.

        Raises Throttled while a budget refuses (its name is in `causes`), NotFound, Conflict; Unavailable (500) when
        two budgets cover the pod.
        """
        ...
