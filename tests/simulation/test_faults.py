"""Lost calls, dead processes, late caches."""

import asyncio
import random

import pytest

from rollkeeper.kube.api import JsonObject, KubeApi, ObjectList
from rollkeeper.kube.errors import Conflict, NotFound, Unavailable
from rollkeeper.kube.resources import LEASES, PODS
from tests.simulation.faults import CONFLICT, FaultyApi, Killed, Nth, Sometimes, at_call, at_write, killed, lost
from tests.simulation.feed import Feed
from tests.simulation.memory_api import MemoryApi


def lease(name: str = "a") -> JsonObject:
    return {"metadata": {"name": name}, "spec": {}}


async def test_without_faults_it_only_counts() -> None:
    api = FaultyApi(MemoryApi())
    await api.create(LEASES, "default", lease())
    await api.create(LEASES, "default", lease("b"), dry_run=True)
    await api.merge_patch(LEASES, "default", "a", {"spec": {"holderIdentity": "me"}})
    await api.list(LEASES)
    await api.get(LEASES, "default", "a")
    await api.delete(LEASES, "default", "a")
    with pytest.raises(NotFound):
        await api.evict("default", "web-0", uid="")
    assert [str(call) for call in api.log] == [
        "create leases/a",
        "create leases/b (dry run)",
        "patch leases/a",
        "list leases",
        "get leases/a",
        "delete leases/a",
        "evict pods/web-0/eviction",
    ]
    assert [call.verb for call in api.writes] == ["create", "patch", "delete", "evict"]
    assert [call.number for call in api.log] == list(range(7))


async def test_a_call_that_is_lost_before_its_effect_or_after() -> None:
    memory = MemoryApi()
    with pytest.raises(Unavailable):
        await FaultyApi(memory, at_call(0, lost("before"))).create(LEASES, "default", lease("before"))
    with pytest.raises(Unavailable):
        await FaultyApi(memory, at_call(0, lost("after"))).create(LEASES, "default", lease("after"))
    assert [item["metadata"]["name"] for item in memory.server.list(LEASES).items] == ["after"]


async def test_one_chosen_call() -> None:
    plan = Nth(1, CONFLICT, lambda call: call.verb == "patch" and call.name == "a")
    api = FaultyApi(MemoryApi(), plan)
    await api.create(LEASES, "default", lease())
    await api.merge_patch(LEASES, "default", "a", {"spec": {"holderIdentity": "1"}})
    with pytest.raises(Conflict):
        await api.merge_patch(LEASES, "default", "a", {"spec": {"holderIdentity": "2"}})
    await api.merge_patch(LEASES, "default", "a", {"spec": {"holderIdentity": "3"}})


async def three_writes(api: KubeApi) -> None:
    """A controller that survives whatever is an Exception."""
    for name in ("a", "b", "c"):
        try:
            await api.list(LEASES)
            await api.create(LEASES, "default", lease(name))
        except Exception:  # noqa: BLE001, S112 - the worst that a controller could do
            continue


@pytest.mark.parametrize(("number", "when", "left"), [(0, "before", ""), (1, "before", "a"), (1, "after", "ab")])
async def test_killed_between_two_calls(number: int, when: str, left: str) -> None:
    memory = MemoryApi()
    api = FaultyApi(memory, at_write(number, killed("before" if when == "before" else "after")))
    with pytest.raises(Killed):
        await three_writes(api)
    assert api.dead
    with pytest.raises(Killed):
        await api.create(LEASES, "default", lease("from beyond"))
    assert "".join(item["metadata"]["name"] for item in memory.server.list(LEASES).items) == left


async def test_the_watch_of_a_dead_process() -> None:
    memory = MemoryApi()
    api = FaultyApi(memory)
    stream = api.watch(LEASES, resource_version=memory.server.list(LEASES).resource_version)
    memory.server.create(LEASES, "default", lease("a"))
    assert (await anext(aiter(stream))).type == "ADDED"
    memory.server.create(LEASES, "default", lease("b"))
    api.kill()
    with pytest.raises(Killed):
        await anext(aiter(stream))


async def test_faults_by_chance_are_the_same_for_the_same_seed() -> None:
    async def failed(seed: int) -> list[int]:
        chance = random.Random(seed)  # noqa: S311 - a seed is what is wanted
        api = FaultyApi(MemoryApi(), Sometimes(chance, 0.3))
        found = []
        for number in range(100):
            try:
                await api.create(LEASES, "default", lease(f"lease-{number}"))
            except (Unavailable, Conflict):
                found.append(number)
        return found

    assert await failed(1) == await failed(1)
    assert await failed(1) != await failed(2)
    assert 15 < len(await failed(1)) < 45


async def test_two_processes_can_interleave_between_calls() -> None:
    memory = MemoryApi()
    order: list[str] = []

    async def process(name: str) -> None:
        api = FaultyApi(memory, breathe=True)
        for number in range(3):
            await api.create(LEASES, "default", lease(f"{name}-{number}"))
            order.append(name)

    await asyncio.gather(process("a"), process("b"))
    assert "".join(order) == "ababab"


class Names:
    """A cache that knows names only."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def apply(self, raw: JsonObject) -> bool:
        self.names.add(raw["metadata"]["name"])
        return True

    def remove(self, raw: JsonObject) -> bool:
        self.names.discard(raw["metadata"]["name"])
        return True

    def replace(self, listing: ObjectList, namespace: str | None = None) -> None:
        assert namespace is None
        self.names = {item["metadata"]["name"] for item in listing.items}


def test_a_cache_that_lags_and_catches_up() -> None:
    api, cache = MemoryApi(), Names()
    api.server.create(LEASES, "default", lease("before"))
    feed = Feed(api, LEASES, cache)
    feed.sync()
    for name in ("a", "b"):
        api.server.create(LEASES, "default", lease(name))
    api.server.delete(LEASES, "default", "before")
    assert (cache.names, feed.lag) == ({"before"}, 3)
    assert feed.pump(1) == 1
    assert (cache.names, feed.lag) == ({"before", "a"}, 2)
    assert feed.pump() == 2
    assert (cache.names, feed.lag) == ({"a", "b"}, 0)
    assert feed.pump() == 0


def test_a_cache_that_fell_behind_lists_anew() -> None:
    api, cache = MemoryApi(), Names()
    feed = Feed(api, LEASES, cache)
    feed.sync()
    api.server.create(LEASES, "default", lease("a"))
    api.compact()
    feed.pump()
    assert cache.names == {"a"}


def test_a_feed_of_a_selection() -> None:
    api, cache = MemoryApi(), Names()
    feed = Feed(api, PODS, cache, label_selector="app=web")
    feed.sync()
    spec = {"containers": [{"name": "os", "image": "a"}]}
    for name, app in (("web-0", "web"), ("db-0", "db")):
        api.server.create(PODS, "default", {"metadata": {"name": name, "labels": {"app": app}}, "spec": spec})
    feed.pump()
    assert cache.names == {"web-0"}
