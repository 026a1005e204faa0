"""The pages of the HTTP server."""

import asyncio
from dataclasses import dataclass

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer, unused_port
from prometheus_client import CollectorRegistry, Counter

from rollkeeper.cli.server import application, serving
from rollkeeper.cli.settings import Settings
from rollkeeper.telemetry.liveness import Liveness


@dataclass
class State:
    silent: float = 0
    ready: bool = False

    def liveness(self) -> Liveness:
        return Liveness(lambda: ({"pods": 0.0 - self.silent, "nodes": 0.0},), clock=lambda: 0.0, started=-9e9)


async def ask(state: State, path: str) -> tuple[int, str, str]:
    registry = CollectorRegistry()
    Counter("rollkeeper_tests", "Tests", registry=registry).inc()
    app = application(registry, state.liveness(), lambda: state.ready)
    async with TestClient(TestServer(app)) as client, client.get(path) as answer:
        return answer.status, answer.content_type, await answer.text()


async def test_metrics_are_in_prometheus_format() -> None:
    code, kind, text = await ask(State(), "/metrics")
    assert (code, kind) == (200, "text/plain")
    assert "rollkeeper_tests_total 1.0" in text


async def test_alive_until_a_watch_is_deaf(caplog: pytest.LogCaptureFixture) -> None:
    assert (await ask(State(), "/healthz"))[::2] == (200, "ok")
    code, _, text = await ask(State(silent=700), "/healthz")
    assert (code, text.strip()) == (500, "pods: silent for 700 s, others for 0 s")
    assert "not alive: pods: silent" in caplog.text


async def test_ready_when_the_caches_are_filled() -> None:
    assert (await ask(State(), "/readyz"))[0] == 503
    assert (await ask(State(ready=True), "/readyz"))[::2] == (200, "ok")


async def test_there_is_nothing_else() -> None:
    assert (await ask(State(), "/"))[0] == 404


async def test_it_is_there_for_the_time_of_the_block() -> None:
    port = unused_port()
    url = f"http://127.0.0.1:{port}/healthz"
    async with aiohttp.ClientSession() as session:
        async with serving(f"127.0.0.1:{port}", CollectorRegistry(), State().liveness(), lambda: True):
            async with session.get(url) as answer:
                assert answer.status == 200
            with pytest.raises(OSError, match="address already in use"):
                async with serving(f"127.0.0.1:{port}", CollectorRegistry(), State().liveness(), lambda: True):
                    await asyncio.sleep(0)
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(url)


@pytest.mark.parametrize("listen", ["8080", "localhost", ":port", "a b:1"])
def test_an_address_without_a_port_is_refused(listen: str) -> None:
    with pytest.raises(ValueError, match="listen"):
        Settings(listen=listen)
