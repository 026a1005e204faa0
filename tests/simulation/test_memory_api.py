"""What only the API in memory does; the rest is in tests/contract."""

import asyncio
import random
import time
from datetime import UTC, datetime

import pytest

from rollkeeper.kube.api import JsonObject, WatchEvent
from rollkeeper.kube.errors import Conflict, Gone
from rollkeeper.kube.resources import BUDGETS, LEASES, PODS
from tests.simulation.cluster import Cluster
from tests.simulation.memory_api import MemoryApi
from tests.simulation.store import Change


def lease(name: str = "a") -> JsonObject:
    return {"metadata": {"name": name}, "spec": {"holderIdentity": "me"}}


def pod(name: str, **metadata: object) -> JsonObject:
    spec = {"containers": [{"name": "os", "image": "registry.test/os:1"}]}
    return {"metadata": {"name": name, "labels": {"app": "web"}, **metadata}, "spec": spec}


def test_a_version_from_before_a_compaction_is_gone() -> None:
    api = MemoryApi()
    before = api.server.create(LEASES, "default", lease())["metadata"]["resourceVersion"]
    assert api.events_since(LEASES, before) == ()
    api.server.create(LEASES, "default", lease("b"))
    api.compact()
    with pytest.raises(Gone):
        api.events_since(LEASES, before)
    now = api.server.list(LEASES, "default").resource_version
    assert api.events_since(LEASES, now) == ()


async def test_a_watch_that_fell_behind_is_gone() -> None:
    api = MemoryApi()
    stream = api.watch(LEASES, "default", resource_version=api.server.list(LEASES).resource_version)
    api.server.create(LEASES, "default", lease())
    assert (await anext(aiter(stream))).type == "ADDED"
    api.server.create(LEASES, "default", lease("b"))
    api.compact()
    with pytest.raises(Gone):
        await anext(aiter(stream))


async def test_streams_end_when_the_server_closes_them() -> None:
    api = MemoryApi()
    version = api.server.list(LEASES).resource_version

    async def follow() -> list[WatchEvent]:
        return [event async for event in api.watch(LEASES, "default", resource_version=version)]

    tasks = [asyncio.create_task(follow()) for _ in range(2)]
    await asyncio.sleep(0)
    api.server.create(LEASES, "default", lease())
    await asyncio.sleep(0)
    api.server.create(LEASES, "default", lease("b"))
    api.close_watches()
    assert [len(found) for found in await asyncio.gather(*tasks)] == [2, 2]


async def test_a_watcher_that_gave_up_disturbs_nobody() -> None:
    api = MemoryApi()
    stream = api.watch(LEASES, "default", resource_version=api.server.list(LEASES).resource_version)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(aiter(stream)), 0.001)
    assert api.server.create(LEASES, "default", lease())


def test_subscribers_hear_at_once_and_may_not_write() -> None:
    api = MemoryApi()
    seen: list[str] = []
    end = api.subscribe(lambda change: seen.append(f"{change.type} {change.object['metadata']['name']}"))
    api.server.create(LEASES, "default", lease())
    end()
    api.server.create(LEASES, "default", lease("b"))
    assert seen == ["ADDED a"]

    def write(_change: Change) -> None:
        api.server.delete(LEASES, "default", "a")

    api.subscribe(write)
    with pytest.raises(RuntimeError, match="from within its callback"):
        api.server.create(LEASES, "default", lease("c"))


def test_what_json_can_not_carry_is_refused() -> None:
    api = MemoryApi()
    with pytest.raises(TypeError):
        api.server.create(LEASES, "default", {**lease(), "spec": {"renewTime": datetime.now(UTC)}})
    created = api.server.create(LEASES, "default", {**lease(), "spec": {"numbers": (1, 2)}})
    assert created["spec"]["numbers"] == [1, 2]


def test_nobody_can_change_what_is_stored() -> None:
    api = MemoryApi()
    body = lease()
    for answer in (
        api.server.create(LEASES, "default", body),
        api.server.get(LEASES, "default", "a"),
        api.server.list(LEASES).items[0],
        api.server.merge_patch(LEASES, "default", "a", {"spec": {"holderIdentity": "you"}}),
    ):
        answer["spec"]["holderIdentity"] = "nobody"
    body["spec"]["holderIdentity"] = "nobody"
    assert api.server.get(LEASES, "default", "a")["spec"]["holderIdentity"] == "you"


def test_a_failed_eviction_blocks_its_budget_for_two_minutes() -> None:
    cluster = Cluster()
    cluster.server.create(PODS, "default", pod("web-0"))
    spec = {"minAvailable": 0, "selector": {"matchLabels": {"app": "web"}}}
    cluster.server.create(BUDGETS, "default", {"metadata": {"name": "web"}, "spec": spec})
    cluster.advance(5)
    with pytest.raises(Conflict):
        cluster.server.evict("default", "web-0", uid="another")
    cluster.advance(119)
    assert budget(cluster)["disruptionsAllowed"] == 0
    cluster.advance(2)
    assert budget(cluster)["disruptionsAllowed"] == 1
    assert "disruptedPods" not in budget(cluster)


def budget(cluster: Cluster) -> JsonObject:
    status: JsonObject = cluster.server.get(BUDGETS, "default", "web")["status"]
    return status


def chaos(seed: int) -> list[str]:
    """A day of random deletions, as a log of versions and objects."""
    cluster, source = Cluster(), random.Random(seed)  # noqa: S311 - a seed is what is wanted
    for number in range(10):
        cluster.server.create(PODS, "default", pod(f"web-{number}"))
    for _ in range(50):
        cluster.advance(source.random() * 3)
        name = source.choice(sorted(cluster.pods()))
        cluster.server.delete(PODS, "default", name)
        cluster.server.create(PODS, "default", pod("", generateName="web-"))
    events = cluster.api.events_since(PODS, "1000")
    return [f"{event.type} {event.object}" for event in events]


def test_the_same_seed_gives_the_same_events() -> None:
    assert chaos(1) == chaos(1)
    assert chaos(1) != chaos(2)


def test_a_thousand_pods_are_rolled_in_no_time() -> None:
    """Property tests make thousands of such steps; this keeps an accident of the kind O(n²) from going unnoticed."""
    cluster = Cluster()
    start = time.process_time()
    for number in range(1000):
        cluster.server.create(PODS, "default", pod(f"web-{number}"))
    cluster.advance(10)
    for first in range(0, 1000, 50):
        names = [f"web-{number}" for number in range(first, first + 50)]
        for name in names:
            cluster.server.evict("default", name, uid=cluster.server.get(PODS, "default", name)["metadata"]["uid"])
        cluster.advance(2)
        for name in names:
            cluster.server.create(PODS, "default", pod(name))
        cluster.advance(5)
    assert len(cluster.pods()) == 1000
    assert time.process_time() - start < 10
