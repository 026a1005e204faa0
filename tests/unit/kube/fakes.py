"""A small API server in memory: enough of lists, watches, versions and failures for the kube layer's own tests."""

import asyncio
import copy
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

from rollkeeper.kube.api import EventType, JsonObject, KubeApi, ObjectList, WatchEvent
from rollkeeper.kube.errors import AlreadyExists, ApiError, Conflict, NotFound
from rollkeeper.kube.resources import Resource

HANG = object()
"""As a planned outcome: the call never returns."""
LOST = object()
"""As a planned outcome: the call takes effect, and hangs."""


def pod(name: str, version: int = 1, *, uid: str = "", namespace: str = "ns", **labels: str) -> JsonObject:
    meta = {"namespace": namespace, "name": name, "uid": uid or f"uid-{name}", "resourceVersion": str(version)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta | {"labels": labels}}


def listing(version: int, *items: JsonObject) -> ObjectList:
    return ObjectList(items, str(version))


class FakeApi(KubeApi):
    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], JsonObject] = {}
        self.version = 0
        self.calls: list[tuple[str, str]] = []
        self.plans: dict[str, list[object]] = defaultdict(list)
        """By verb: what the next calls meet: an ApiError, HANG, LOST or None."""
        self.watches: list[tuple[int, asyncio.Queue[WatchEvent | Exception | None]]] = []
        self.watching = asyncio.Event()

    async def _meet(self, verb: str, plural: str) -> bool:
        """True: the call shall take effect and then hang."""
        self.calls.append((verb, plural))
        plan = self.plans[verb].pop(0) if self.plans[verb] else None
        if isinstance(plan, ApiError):
            raise type(plan)(plan.code, plan.reason, plan.message)  # a new one: raised twice, one grows its traceback
        if plan is HANG:
            await asyncio.Event().wait()
        return plan is LOST

    def put(self, resource: Resource, raw: JsonObject) -> JsonObject:
        """Writes an object as somebody else would, and tells the watches."""
        self.version += 1
        meta = raw["metadata"]
        key = (resource.plural, meta.get("namespace") or "", meta["name"])
        kind: EventType = "MODIFIED" if key in self.objects else "ADDED"
        meta.setdefault("uid", f"uid-{meta['name']}-{self.version}")
        meta["resourceVersion"] = str(self.version)
        self.objects[key] = copy.deepcopy(raw)
        self.tell(WatchEvent(kind, copy.deepcopy(raw)))
        return copy.deepcopy(raw)

    def drop(self, resource: Resource, namespace: str, name: str) -> None:
        self.version += 1
        raw = self.objects.pop((resource.plural, namespace, name))
        raw["metadata"]["resourceVersion"] = str(self.version)
        self.tell(WatchEvent("DELETED", raw))

    def tell(self, event: WatchEvent | Exception | None) -> None:
        """Sends to all open watches: an event, an exception, or None for their end."""
        for _, queue in self.watches:
            queue.put_nowait(event)

    async def list(
        self, resource: Resource, namespace: str | None = None, *, label_selector: str | None = None
    ) -> ObjectList:
        await self._meet("list", resource.plural)
        items = [
            raw
            for (plural, where, _), raw in self.objects.items()
            if plural == resource.plural and namespace in {None, where}
        ]
        return listing(self.version, *copy.deepcopy(items))

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str | None = None,
    ) -> AsyncIterator[WatchEvent]:
        await self._meet("watch", resource.plural)
        queue: asyncio.Queue[WatchEvent | Exception | None] = asyncio.Queue()
        opened = (int(resource_version), queue)
        self.watches.append(opened)
        self.watching.set()
        try:
            while (event := await queue.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self.watches.remove(opened)
            if not self.watches:
                self.watching.clear()

    async def get(self, resource: Resource, namespace: str | None, name: str) -> JsonObject:
        await self._meet("get", resource.plural)
        try:
            return copy.deepcopy(self.objects[resource.plural, namespace or "", name])
        except KeyError:
            raise NotFound(404, "NotFound", name) from None

    async def create(
        self, resource: Resource, namespace: str | None, body: Mapping[str, Any], *, dry_run: bool = False
    ) -> JsonObject:
        lost = await self._meet("create", resource.plural)
        if (resource.plural, namespace or "", body["metadata"]["name"]) in self.objects:
            raise AlreadyExists(409, "AlreadyExists", body["metadata"]["name"])
        made = self.put(resource, copy.deepcopy(dict(body)))
        if lost:
            await asyncio.Event().wait()
        return made

    async def merge_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Mapping[str, Any],
        *,
        subresource: Literal["status"] | None = None,
    ) -> JsonObject:
        lost = await self._meet("patch", resource.plural)
        raw = self.objects.get((resource.plural, namespace or "", name))
        if raw is None:
            raise NotFound(404, "NotFound", name)
        expected = body.get("metadata", {}).get("resourceVersion")
        if expected is not None and expected != raw["metadata"]["resourceVersion"]:
            raise Conflict(409, "Conflict", name)
        changed = self.put(resource, _merged(raw, body))
        if lost:
            await asyncio.Event().wait()
        return changed

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> JsonObject | None:
        await self._meet("delete", resource.plural)
        self.drop(resource, namespace or "", name)
        return None

    async def evict(self, namespace: str, name: str, *, uid: str, dry_run: bool = False) -> None:
        raise NotImplementedError


def _merged(target: object, change: object) -> Any:
    if not isinstance(change, Mapping):
        return change
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result
