"""What a process does when it does not lead any more (I8)."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from rollkeeper.cli.operator import _Process
from rollkeeper.cli.settings import Settings
from rollkeeper.kube.clock import ServerClock
from rollkeeper.kube.lease import LeadershipLost


class Working:
    """A manager whose work can't be broken off at once."""

    def __init__(self) -> None:
        self.begun, self.ended = asyncio.Event(), False
        self.recorder = self.caches = None

    async def synced(self) -> None:
        return

    async def work(self, _workers: int) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.ended = True


class Losing:
    """An elector that leads until the work has begun."""

    def __init__(self, manager: Working) -> None:
        self._manager = manager

    async def run(self, on_started: Any, _stop: asyncio.Event) -> None:
        on_started()
        await self._manager.begun.wait()
        raise LeadershipLost("held by another")


async def test_i8_who_lost_the_lease_has_no_worker_left_when_the_process_ends() -> None:
    manager, api = Working(), SimpleNamespace(credentials=None, clock=ServerClock())
    process = _Process(Settings(namespace="here"), api, manager, "me", asyncio.Event())  # type: ignore[arg-type]
    process._elector = Losing(manager)  # type: ignore[assignment]
    with pytest.raises(LeadershipLost):
        await process._lead()
    assert manager.ended
