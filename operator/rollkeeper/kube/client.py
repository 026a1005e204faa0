"""The real `KubeApi`: the controller's calls as HTTP requests of raw JSON.

Objects stay decoded JSON: typed models make lists four times slower, and fail on what a newer server adds.
"""

import json
import os
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self

import aiohttp

from rollkeeper.kube.api import JsonObject, ObjectList, WatchEvent
from rollkeeper.kube.clock import ServerClock
from rollkeeper.kube.connection import Connection, Credentials
from rollkeeper.kube.errors import Gone, Unavailable, from_status
from rollkeeper.kube.exchange import Call, CallObserver, Exchange
from rollkeeper.kube.lines import LineSplitter
from rollkeeper.kube.ratelimit import TokenBucket
from rollkeeper.kube.resources import PODS, Resource
from rollkeeper.kube.retry import Repeatable

FIELD_MANAGER = "rollkeeper"

_PAGE = 500
"""Objects a page: about a megabyte of pods, decoded in some 10 ms, for which the event loop stands still."""

_WHOLE_LIST_DEADLINE = 60.0
_WATCH_SECONDS = (240, 290)


class Client:
    """`KubeApi` on a real cluster. Made by `connect`, closed by `close` or `async with`.

    `clock` tells the API server's time, learned from every answer.
    """

    def __init__(self, connection: Connection, exchange: Exchange, clock: ServerClock) -> None:
        self.clock = clock
        self._connection = connection
        self._exchange = exchange

    @classmethod
    async def connect(
        cls,
        kubeconfig: str | os.PathLike[str] | None = None,
        context: str | None = None,
        *,
        deadline: float = 10.0,
        qps: float = 200.0,
        burst: int = 400,
        clock: ServerClock | None = None,
        on_call: CallObserver | None = None,
    ) -> Self:
        """A client for a kubeconfig (its current context, or `context`), or for the cluster that we run in.

        With neither argument: in-cluster where there is a service account, else `$KUBECONFIG` or `~/.kube/config`.
        `deadline` is in seconds, for one call (of a list: one page) with all its retries. `qps` and `burst` limit our
        own calls. Nothing is sent yet. Raises NotConfigured.
        """
        connection = await Connection.open(kubeconfig, context)
        clock = clock if clock is not None else ServerClock()
        bucket = TokenBucket(qps, burst)
        return cls(connection, Exchange(connection, deadline, bucket, clock, on_call), clock)

    async def credentials(self) -> Credentials:
        """Server and credentials, for a second client in this process. Raises Unauthorized."""
        return await self._connection.credentials()

    async def close(self) -> None:
        """Closes all connections. Watches that still run end with Unavailable."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def list(
        self, resource: Resource, namespace: str | None = None, *, label_selector: str | None = None
    ) -> ObjectList:
        """All objects of a resource as of one version, read page by page.

        Items say their kind and apiVersion, as they do in a watch: the API server leaves both out of its own lists.
        """
        selector = _selector(label_selector)
        try:
            return await self._pages(resource, namespace, selector | {"limit": str(_PAGE)})
        except Gone:
            # The version of the first page was compacted away before the last page was read. Pages would be too slow
            # again; one answer can't expire halfway.
            return await self._pages(resource, namespace, selector, deadline=_WHOLE_LIST_DEADLINE)

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str | None = None,
    ) -> AsyncIterator[WatchEvent]:
        """Changes since `resource_version` and bookmarks, until the server closes the stream after 4 to 5 minutes.

        Raises Gone when the version is too old, Unavailable when the connection is lost.
        """
        # Not the same for all, or the watches of a process would all begin again in the same second for ever.
        seconds = random.randint(*_WATCH_SECONDS)  # noqa: S311 - spreads load, guards no secret
        query = _selector(label_selector) | {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(seconds),
        }
        response = await self._exchange.stream(Call("GET", "watch", resource, resource.path(namespace), query))
        try:
            splitter = LineSplitter()
            async for chunk in response.content.iter_any():
                for line in splitter.feed(chunk):
                    yield _watch_event(line)
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            raise Unavailable(0, "ConnectionLost", f"watch {resource.plural}: {error!r}") from error
        finally:
            response.close()

    async def get(self, resource: Resource, namespace: str | None, name: str) -> JsonObject:
        """One object. Raises NotFound."""
        path = resource.path(namespace, name)
        return await self._exchange.json(Call("GET", "get", resource, path, {}, repeatable=Repeatable(if_lost=True)))

    async def create(
        self, resource: Resource, namespace: str | None, body: Mapping[str, Any], *, dry_run: bool = False
    ) -> JsonObject:
        """Creates an object; with `dry_run` the server only checks it, strictly.

        Raises AlreadyExists, Invalid, Forbidden. With a fixed name, AlreadyExists may mean our own create,
        whose answer was lost: look whose the object is.
        """
        query = {"fieldManager": FIELD_MANAGER}
        if dry_run:
            query |= {"dryRun": "All", "fieldValidation": "Strict"}
        repeatable = Repeatable(if_lost=dry_run or bool(body.get("metadata", {}).get("name")))
        return await self._exchange.json(
            Call("POST", "create", resource, resource.path(namespace), query, body, repeatable)
        )

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
        path = resource.path(namespace, name, subresource)
        return await self._exchange.json(Call("PATCH", "patch", resource, path, {"fieldManager": FIELD_MANAGER}, body))

    async def strategic_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Mapping[str, Any],
        *,
        subresource: Literal["status"] | None = None,
    ) -> JsonObject:
        """A strategic merge patch, for Kubernetes' own kinds. Another `metadata.uid` is Invalid."""
        path = resource.path(namespace, name, subresource)
        query = {"fieldManager": FIELD_MANAGER}
        return await self._exchange.json(Call("PATCH", "patch", resource, path, query, body, patch="strategic-merge"))

    async def json_patch(
        self, resource: Resource, namespace: str | None, name: str, operations: Sequence[Mapping[str, Any]]
    ) -> JsonObject:
        """A JSON patch (RFC 6902). A `test` that fails is Invalid."""
        path, query = resource.path(namespace, name), {"fieldManager": FIELD_MANAGER}
        return await self._exchange.json(Call("PATCH", "patch", resource, path, query, operations, patch="json"))

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> JsonObject | None:
        """Deletes an object, if it still has that uid and version (else Conflict). Raises NotFound.

        Returns it while it terminates, else None.
        """
        body: JsonObject = {"apiVersion": "v1", "kind": "DeleteOptions"}
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        if given := {key: value for key, value in preconditions.items() if value is not None}:
            body["preconditions"] = given
        repeatable = Repeatable(if_lost=uid is not None)
        path = resource.path(namespace, name)
        answer = await self._exchange.json(Call("DELETE", "delete", resource, path, {}, body, repeatable))
        return answer if _terminating(answer) else None

    async def evict(self, namespace: str, name: str, *, uid: str, dry_run: bool = False) -> None:
        """Evicts a pod; with `dry_run` the server only says whether it would.

        Raises Throttled while a budget refuses (its name is in `causes`), NotFound, Conflict; Unavailable (500) when
        two budgets cover the pod. NB: an eviction that fails on its uid (Conflict) has
        used up the budget for 2 minutes: read the pod again right before.
        """
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
            "deleteOptions": {"preconditions": {"uid": uid}},
        }
        path = PODS.path(namespace, name, "eviction")
        query = {"dryRun": "All"} if dry_run else {}
        await self._exchange.json(Call("POST", "evict", PODS, path, query, body, Repeatable(eviction=True)))

    async def _pages(
        self, resource: Resource, namespace: str | None, query: dict[str, str], *, deadline: float | None = None
    ) -> ObjectList:
        items: tuple[JsonObject, ...] = ()
        while True:
            call = Call(
                "GET", "list", resource, resource.path(namespace), query, None, Repeatable(if_lost=True), deadline
            )
            page = await self._exchange.json(call)
            items += tuple(_typed(item, resource) for item in page.get("items") or ())
            position = page["metadata"].get("continue")
            if not position:
                return ObjectList(items, page["metadata"]["resourceVersion"])
            query = query | {"continue": position}


def _terminating(answer: JsonObject) -> bool:
    """Whether a deleted object is still there.

    NB: of a pod that is gone at once the API server sends the last state, with a deletionTimestamp too, where other
    kinds get a Status.
    """
    meta = answer.get("metadata", {})
    waits = meta.get("finalizers") or meta.get("deletionGracePeriodSeconds")
    return bool(meta.get("deletionTimestamp") and waits)


def _selector(label_selector: str | None) -> dict[str, str]:
    return {"labelSelector": label_selector} if label_selector else {}


def _typed(item: JsonObject, resource: Resource) -> JsonObject:
    item.setdefault("apiVersion", resource.api_version)
    item.setdefault("kind", resource.kind)
    return item


def _watch_event(line: bytes) -> WatchEvent:
    """Raises the error that an ERROR event carries: with code 410 it is Gone."""
    try:
        event = json.loads(line)
        kind, body = event["type"], event["object"]
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable(200, "NotJson", f"not a watch event: {line[:200]!r}") from error
    if kind == "ERROR":
        raise from_status(int(body.get("code") or 500), body)
    return WatchEvent(kind, body)
