import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from rollkeeper.kube.errors import AlreadyExists, Forbidden
from rollkeeper.kube.events import EventRecorder, ObjectReference
from rollkeeper.kube.resources import EVENTS

from .fakes import FakeApi
from .virtual_time import virtual_time

WEB = ObjectReference("rollkeeper.io/v1alpha1", "ScaleSet", "shop", "web", "uid-web")
NODE = ObjectReference("v1", "Node", "", "node-1", "uid-node")


class Scene:
    def __init__(self) -> None:
        self.api = FakeApi()
        self.recorder = EventRecorder(self.api, "rollkeeper-0", now=lambda: datetime(2026, 1, 1, tzinfo=UTC))

    def record(self, note: str = "Replaced web-3", regarding: ObjectReference = WEB, *, warning: bool = False) -> None:
        self.recorder.record(regarding, "InstanceReplaced", note, action="Replace", warning=warning)

    @property
    def written(self) -> list[Any]:
        return list(self.api.objects.values())


@virtual_time
async def test_an_event_as_the_api_server_wants_it() -> None:
    scene = Scene()
    scene.record()
    await scene.recorder.drain()
    (event,) = scene.written
    meta = event.pop("metadata")
    assert meta["namespace"] == "shop"
    assert meta["name"].startswith("web.")
    assert event == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "type": "Normal",
        "reason": "InstanceReplaced",
        "action": "Replace",
        "note": "Replaced web-3",
        "reportingController": "rollkeeper.io/controller",
        "reportingInstance": "rollkeeper-0",
        "regarding": {
            "apiVersion": "rollkeeper.io/v1alpha1",
            "kind": "ScaleSet",
            "namespace": "shop",
            "name": "web",
            "uid": "uid-web",
        },
    }


@virtual_time
async def test_about_something_cluster_wide_it_goes_to_the_default_namespace() -> None:
    scene = Scene()
    scene.record(regarding=NODE, warning=True)
    await scene.recorder.drain()
    (event,) = scene.written
    assert event["metadata"]["namespace"] == "default"
    assert "namespace" not in event["regarding"]
    assert event["type"] == "Warning"


@virtual_time
async def test_repeats_become_a_series_that_is_seldom_written() -> None:
    scene = Scene()
    for _ in range(120):
        scene.record()
        await scene.recorder.drain()
        await asyncio.sleep(1)
    (event,) = scene.written
    assert event["series"]["count"] > 50
    assert scene.api.calls.count(("create", "events")) == 1
    assert scene.api.calls.count(("patch", "events")) <= 3


@virtual_time
async def test_after_a_pause_it_is_a_new_event_and_so_is_another_note() -> None:
    scene = Scene()
    scene.record()
    await scene.recorder.drain()
    await asyncio.sleep(400)
    scene.record()
    scene.record("Replaced web-4")
    await scene.recorder.drain()
    assert len(scene.written) == 3


@virtual_time
async def test_a_series_whose_event_is_gone_begins_again() -> None:
    scene = Scene()
    scene.record()
    await scene.recorder.drain()
    (plural, namespace, name) = next(iter(scene.api.objects))
    assert plural == EVENTS.plural
    scene.api.drop(EVENTS, namespace, name)
    scene.record()
    await scene.recorder.drain()
    assert len(scene.written) == 1


@virtual_time
async def test_a_refused_event_is_logged_and_the_next_is_written(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    scene.api.plans["create"] = [Forbidden(403, "Forbidden", "the namespace is being terminated")]
    scene.record()
    scene.record("Replaced web-4")
    await scene.recorder.drain()
    assert [event["note"] for event in scene.written] == ["Replaced web-4"]
    assert scene.recorder.dropped == 1
    assert "terminated" in caplog.text


@virtual_time
async def test_our_own_lost_answer_is_no_failure() -> None:
    scene = Scene()
    scene.api.plans["create"] = [AlreadyExists(409, "AlreadyExists", "web.1")]
    scene.record()
    await scene.recorder.drain()
    assert scene.recorder.dropped == 0


@virtual_time
async def test_a_note_is_cut() -> None:
    scene = Scene()
    scene.record("x" * 2000)
    scene.record("y" * 1024)
    scene.record("ü" * 1024)
    await scene.recorder.drain()
    assert [len(event["note"].encode()) for event in scene.written] == [1024, 1024, 1023]
    assert scene.written[0]["note"].endswith("…")


@virtual_time
async def test_too_many_are_dropped_not_kept() -> None:
    scene = Scene()
    for number in range(600):
        scene.record(f"note {number}")
    assert scene.recorder.dropped == 100
    await scene.recorder.drain()
    assert len(scene.written) == 500


@virtual_time
async def test_it_writes_in_the_background() -> None:
    scene = Scene()
    task = asyncio.create_task(scene.recorder.run())
    await asyncio.sleep(1)
    scene.record()
    await asyncio.sleep(1)
    scene.record("Replaced web-4")
    await asyncio.sleep(1)
    assert len(scene.written) == 2
    task.cancel()
