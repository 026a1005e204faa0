import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from rollkeeper.kube.api import JsonObject, WatchEvent
from rollkeeper.kube.errors import Forbidden, Gone, Throttled, Unavailable
from rollkeeper.kube.reflector import Reflector
from rollkeeper.kube.resources import PODS
from rollkeeper.kube.store import Store

from .fakes import FakeApi, pod
from .virtual_time import now, virtual_time

GONE = Gone(410, "Expired", "too old resource version")
LOST = Unavailable(0, "ConnectionLost", "reset")


def parse(raw: JsonObject, previous: str | None) -> str:
    return str(raw["metadata"]["labels"].get("v", ""))


class Scene:
    def __init__(self) -> None:
        self.api = FakeApi()
        self.store: Store[str] = Store(parse)
        self.reflector = Reflector(self.api, PODS, self.store)

    def put(self, name: str, value: str) -> None:
        raw = pod(name, v=value)
        self.api.put(PODS, raw)

    def values(self) -> dict[str, str]:
        return {key[1]: value for key, value in self.store.items()}

    async def settle(self) -> None:
        """Lets everything happen that needs no time."""
        for _ in range(30):
            await asyncio.sleep(0)


@asynccontextmanager
async def running() -> AsyncIterator[Scene]:
    scene = Scene()
    scene.put("old", "1")
    task = asyncio.create_task(scene.reflector.run())
    await scene.reflector.synced.wait()
    await scene.api.watching.wait()
    yield scene
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert scene.api.watches == []  # no stream is left open


@virtual_time
async def test_it_lists_and_then_follows() -> None:
    async with running() as scene:
        assert scene.values() == {"old": "1"}
        scene.put("new", "2")
        scene.put("old", "3")
        await scene.settle()
        assert scene.values() == {"old": "3", "new": "2"}
        scene.api.drop(PODS, "ns", "old")
        await scene.settle()
        assert scene.values() == {"new": "2"}


@virtual_time
async def test_a_stream_that_ends_goes_on_where_it_was_without_a_list() -> None:
    async with running() as scene:
        bookmark = pod("", 40)
        scene.api.tell(WatchEvent("BOOKMARK", bookmark))
        scene.api.tell(None)
        await scene.settle()
        assert [version for version, _ in scene.api.watches] == [40]
        assert scene.api.calls.count(("list", "pods")) == 1
        assert scene.values() == {"old": "1"}


@virtual_time
async def test_a_lost_connection_goes_on_too_after_a_while() -> None:
    async with running() as scene:
        scene.put("new", "2")
        scene.api.tell(LOST)
        began = now()
        await scene.settle()
        assert not scene.api.watches
        await scene.api.watching.wait()
        assert now() > began
        assert [version for version, _ in scene.api.watches] == [2]
        assert scene.api.calls.count(("list", "pods")) == 1


@virtual_time
async def test_after_gone_it_finds_what_vanished_in_the_meantime() -> None:
    async with running() as scene:
        scene.api.tell(GONE)
        await scene.settle()
        scene.api.drop(PODS, "ns", "old")  # nobody watches now
        scene.put("new", "2")
        await scene.api.watching.wait()
        assert scene.values() == {"new": "2"}


@virtual_time
async def test_an_outage_is_logged_once_and_waited_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with running() as scene:
        scene.api.plans["watch"] = [LOST] * 4 + [Throttled(429, "", "")]
        scene.api.plans["list"] = [LOST, Forbidden(403, "Forbidden", "rbac")]
        scene.api.tell(LOST)
        began = now()
        await scene.settle()
        await scene.api.watching.wait()
        assert now() - began > 10  # not a busy loop
        scene.put("new", "2")
        await scene.settle()
        assert scene.values() == {"old": "1", "new": "2"}
    assert [record.levelname for record in caplog.records if "rollkeeper" in record.name] == ["WARNING", "INFO"]


@virtual_time
async def test_after_some_failures_it_doubts_its_version() -> None:
    async with running() as scene:
        scene.api.plans["watch"] = [Unavailable(504, "Timeout", "Too large resource version")] * 2
        scene.api.tell(LOST)
        await scene.settle()
        await scene.api.watching.wait()
        assert scene.api.calls.count(("list", "pods")) == 2


@virtual_time
async def test_a_server_that_went_back_in_time_is_believed() -> None:
    async with running() as scene:
        scene.api.tell(WatchEvent("MODIFIED", pod("old", 1000, uid="x", v="new")))
        await scene.settle()
        assert scene.values() == {"old": "new"}
        scene.api.version = 5
        scene.put("restored", "6")
        await scene.settle()
        await scene.api.watching.wait()
        assert scene.values() == {"old": "1", "restored": "6"}


@virtual_time
async def test_streams_that_end_at_once_do_not_become_a_busy_loop() -> None:
    async with running() as scene:
        began = now()
        for _ in range(5):
            scene.api.tell(None)
            await scene.settle()
            await scene.api.watching.wait()
        assert now() - began > 5


@virtual_time
async def test_contact_is_noted_by_lists_events_and_regular_ends() -> None:
    scene = Scene()
    assert scene.reflector.last_contact is None
    async with running() as scene:
        listed = scene.reflector.last_contact
        assert listed == now()
        await asyncio.sleep(60)
        assert scene.reflector.last_contact == listed
        scene.api.tell(WatchEvent("BOOKMARK", pod("", 40)))
        await scene.settle()
        assert scene.reflector.last_contact == now()
        await asyncio.sleep(60)
        scene.api.tell(None)
        await scene.settle()
        ended = scene.reflector.last_contact
        assert ended == now()
        await asyncio.sleep(60)
        scene.api.plans["watch"] = [LOST]
        scene.api.tell(LOST)
        await scene.settle()
        await scene.api.watching.wait()
        assert scene.reflector.last_contact == ended


@virtual_time
async def test_not_synced_before_the_first_list() -> None:
    scene = Scene()
    scene.api.plans["list"] = [LOST]
    task = asyncio.create_task(scene.reflector.run())
    await scene.settle()
    assert not scene.reflector.synced.is_set()
    await scene.reflector.synced.wait()
    task.cancel()


@virtual_time
async def test_a_fault_of_ours_is_raised_and_closes_the_stream() -> None:
    scene = Scene()

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    task = asyncio.create_task(scene.reflector.run())
    await scene.api.watching.wait()
    scene.store.subscribe(fail)
    scene.put("new", "1")
    with pytest.raises(ZeroDivisionError):
        await task
    assert scene.api.watches == []
