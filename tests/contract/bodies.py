"""Bodies of the objects that the contract is about, and how tests wait for them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

from rollkeeper.controllers.resources import SCALE_SETS
from rollkeeper.kube.api import JsonObject, WatchEvent
from rollkeeper.kube.resources import BUDGETS, PODS, Resource
from tests.contract.worlds import World
from tests.simulation.objects import is_true

SPEC: JsonObject = {
    "imageReference": {"gallery": "golden", "definition": "web"},
    "template": {"spec": {"containers": [{"name": "os"}]}},
}


def named(name: str, spec: JsonObject | None = None, **metadata: Any) -> JsonObject:
    body: JsonObject = {"metadata": {"name": name, **metadata}}
    return body if spec is None else {**body, "spec": spec}


def scale_set(name: str = "web", **metadata: Any) -> JsonObject:
    return {"apiVersion": SCALE_SETS.api_version, "kind": SCALE_SETS.kind, **named(name, SPEC, **metadata)}


def pod(name: str = "web-0", **metadata: Any) -> JsonObject:
    containers = [{"name": "os", "image": "registry.test/os:1"}]
    return {"apiVersion": "v1", "kind": "Pod", **named(name, {"containers": containers}, **metadata)}


def homeless_pod(name: str = "web-0", **metadata: Any) -> JsonObject:
    """No node will take it."""
    body = pod(name, **metadata)
    return {**body, "spec": {**body["spec"], "nodeSelector": {"no-such": "node"}}}


def lease(name: str = "leader", holder: str = "a", **metadata: Any) -> JsonObject:
    return named(name, {"holderIdentity": holder, "leaseDurationSeconds": 15}, **metadata)


def budget(name: str = "web", **spec: Any) -> JsonObject:
    return named(name, {"selector": {"matchLabels": {"app": "web"}}, **spec})


def owner(obj: JsonObject, *, controller: bool = True) -> JsonObject:
    """A reference to `obj`."""
    keys = ("name", "uid")
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "controller": controller,
        **{key: obj["metadata"][key] for key in keys},
    }


async def made(world: World, resource: Resource, body: JsonObject) -> JsonObject:
    return await world.api.create(resource, world.namespace, body)


async def patched(world: World, body: JsonObject, resource: Resource = SCALE_SETS, name: str = "web") -> JsonObject:
    return await world.api.merge_patch(resource, world.namespace, name, body)


async def status_patched(world: World, body: JsonObject, name: str = "web") -> JsonObject:
    return await world.api.merge_patch(SCALE_SETS, world.namespace, name, body, subresource="status")


def version_of(obj: JsonObject) -> str:
    return str(obj["metadata"]["resourceVersion"])


async def ready_pod(world: World, name: str = "web-0", **metadata: Any) -> JsonObject:
    """A pod with label `app: web` that a kubelet has made ready."""
    await made(world, PODS, pod(name, labels={"app": "web"}, **metadata))
    found = await world.until(PODS, name, lambda found: found and is_true(found, "Ready"))
    assert found is not None
    return found


async def counted_budget(world: World, name: str, healthy: int, **spec: Any) -> JsonObject:
    """A budget for pods with label `app: web` that the disruption controller has counted."""
    await made(world, BUDGETS, budget(name, **spec))

    def counted(found: JsonObject | None) -> bool:
        return found is not None and found.get("status", {}).get("currentHealthy") == healthy

    for attempt in range(12):
        try:
            found = await world.until(BUDGETS, name, counted, seconds=5)
        except TimeoutError:
            # The controller learns of a new CRD within 30 s. A budget that it failed on before is not tried again, for
            # hours, unless the budget or one of its pods changes.
            touch = {"metadata": {"annotations": {"attempt": str(attempt)}}}
            await world.api.merge_patch(BUDGETS, world.namespace, name, touch)
        else:
            assert found is not None
            return found
    raise TimeoutError(f"nobody counts the budget {name}")


async def events(world: World, resource: Resource, version: str, number: int, **options: Any) -> list[WatchEvent]:
    """The first events, bookmarks aside, of a watch of the namespace."""
    found: list[WatchEvent] = []
    stream = world.api.watch(resource, world.namespace, resource_version=version, **options)
    async with asyncio.timeout(10), aclosing(cast("AsyncGenerator[WatchEvent]", stream)):
        async for event in stream:
            if event.type != "BOOKMARK":
                found.append(event)
            if len(found) == number:
                break
    return found
