"""What the reflector takes for granted of watches."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import pytest

from rollkeeper.controllers.resources import SCALE_SETS
from rollkeeper.kube import errors
from rollkeeper.kube.api import WatchEvent
from rollkeeper.kube.resources import LEASES
from tests.contract.bodies import events, lease, made, scale_set
from tests.contract.worlds import World


async def start(world: World) -> str:
    return (await world.api.list(SCALE_SETS, world.namespace)).resource_version


async def patch(world: World, body: object, name: str = "web", *, status: bool = False) -> None:
    subresource = "status" if status else None
    await world.api.merge_patch(SCALE_SETS, world.namespace, name, body, subresource=subresource)  # type: ignore[arg-type]


def told(found: list[WatchEvent]) -> list[tuple[str, str]]:
    return [(event.type, event.object["metadata"]["name"]) for event in found]


async def test_events_in_the_order_of_their_versions(world: World) -> None:
    version = await start(world)
    await made(world, SCALE_SETS, scale_set("a", finalizers=["rollkeeper.io/test"]))
    await made(world, SCALE_SETS, scale_set("b"))
    await patch(world, {"spec": {"replicas": 2}}, "a")
    await patch(world, {"status": {"replicas": 2}}, "a", status=True)
    await patch(world, {"status": {"replicas": 2}}, "a", status=True)  # changes nothing: no event
    await world.api.delete(SCALE_SETS, world.namespace, "b")
    await world.api.delete(SCALE_SETS, world.namespace, "a")
    await patch(world, {"metadata": {"finalizers": None}}, "a")
    found = await events(world, SCALE_SETS, version, 7)
    assert told(found) == [
        ("ADDED", "a"),
        ("ADDED", "b"),
        ("MODIFIED", "a"),
        ("MODIFIED", "a"),
        ("DELETED", "b"),
        ("MODIFIED", "a"),
        ("DELETED", "a"),
    ]
    versions = [int(event.object["metadata"]["resourceVersion"]) for event in found]
    assert versions == sorted(set(versions))
    assert versions[0] > int(version)
    assert found[2].object["spec"]["replicas"] == 2
    assert found[3].object["status"]["replicas"] == 2
    assert found[5].object["metadata"]["deletionTimestamp"]
    assert {event.object["kind"] for event in found} == {"ScaleSet"}


async def test_a_watch_goes_on_where_another_ended(world: World) -> None:
    version = await start(world)
    for name in ("a", "b", "c"):
        await made(world, SCALE_SETS, scale_set(name))
    first = await events(world, SCALE_SETS, version, 2)
    rest = await events(world, SCALE_SETS, first[-1].object["metadata"]["resourceVersion"], 1)
    assert told(first + rest) == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c")]


async def test_events_that_come_while_it_waits(world: World) -> None:
    task = asyncio.create_task(events(world, SCALE_SETS, await start(world), 2))
    await asyncio.sleep(0)
    await made(world, SCALE_SETS, scale_set("a"))
    await made(world, LEASES, lease("other"))
    await made(world, SCALE_SETS, scale_set("b"))
    assert told(await task) == [("ADDED", "a"), ("ADDED", "b")]


async def test_what_leaves_a_selection_is_reported_as_deleted(world: World) -> None:
    version = await start(world)
    await made(world, SCALE_SETS, scale_set("web", labels={"app": "web"}))
    await made(world, SCALE_SETS, scale_set("db", labels={"app": "db"}))
    await patch(world, {"metadata": {"labels": {"app": "db"}}})
    await patch(world, {"spec": {"replicas": 2}})
    await patch(world, {"metadata": {"labels": {"app": "web"}}})
    await patch(world, {"spec": {"replicas": 3}})
    await world.api.delete(SCALE_SETS, world.namespace, "web")
    found = await events(world, SCALE_SETS, version, 5, label_selector="app=web")
    assert told(found) == [(kind, "web") for kind in ("ADDED", "DELETED", "ADDED", "MODIFIED", "DELETED")]
    left = found[1].object
    assert left["metadata"]["labels"] == {"app": "web"}  # the last state that the watcher may know
    assert int(left["metadata"]["resourceVersion"]) > int(found[0].object["metadata"]["resourceVersion"])


async def test_the_last_state_of_what_is_deleted(world: World) -> None:
    version = await start(world)
    created = await made(world, SCALE_SETS, scale_set())
    await world.api.delete(SCALE_SETS, world.namespace, "web")
    last = (await events(world, SCALE_SETS, version, 2))[1].object
    assert last["spec"] == created["spec"]
    assert last["metadata"]["uid"] == created["metadata"]["uid"]
    assert int(last["metadata"]["resourceVersion"]) > int(created["metadata"]["resourceVersion"])
    assert "deletionTimestamp" not in last["metadata"]


async def test_all_namespaces(world: World) -> None:
    version = (await world.api.list(SCALE_SETS)).resource_version
    await made(world, SCALE_SETS, scale_set("everywhere"))
    stream = world.api.watch(SCALE_SETS, resource_version=version)
    async with asyncio.timeout(10), aclosing(cast("AsyncGenerator[WatchEvent]", stream)):
        async for event in stream:
            if event.type != "BOOKMARK" and event.object["metadata"]["namespace"] == world.namespace:
                assert event.object["metadata"]["name"] == "everywhere"
                break


async def test_a_version_from_before_the_history_is_gone(world: World) -> None:
    """The history of a custom resource begins when its CRD is established, long after version 1.

    That a version which was watched once becomes Gone takes a compaction, every five minutes on a real server; the
    test of it is in `tests/simulation`.
    """
    await made(world, SCALE_SETS, scale_set())
    with pytest.raises(errors.Gone) as caught:
        await events(world, SCALE_SETS, "1", 1)
    assert (caught.value.code, caught.value.reason) == (410, "Expired")
