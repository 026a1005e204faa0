"""Retries, deadlines and what is observed, on virtual time; `test_client` has the wire."""

import asyncio
import json
from typing import Literal, cast

import aiohttp
import pytest

from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.clock import ServerClock
from rollkeeper.kube.errors import ApiError, Conflict, Throttled, Unauthorized, Unavailable
from rollkeeper.kube.exchange import Call, Exchange
from rollkeeper.kube.ratelimit import TokenBucket
from rollkeeper.kube.resources import PODS
from rollkeeper.kube.retry import Repeatable

from .virtual_time import now, virtual_time

LOST = aiohttp.ServerDisconnectedError()
SAFE, EVICTION = Repeatable(if_lost=True), Repeatable(eviction=True)


class Answer:
    """As much of an aiohttp response as is used."""

    def __init__(self, status: int, body: object = None, **headers: str) -> None:
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self._body = body if body is not None else {}

    async def read(self) -> bytes:
        return self._body if isinstance(self._body, bytes) else json.dumps(self._body).encode()


class Server:
    """Plays its answers in order: an Answer, an exception, or seconds of silence before a 200."""

    host = "https://server"

    def __init__(self, *answers: Answer | Exception | float) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[str, str, dict[str, str], object]] = []
        self.observed: list[tuple[str, str, int]] = []
        self.authorized_as = "Bearer one"
        self.clock = ServerClock(now, lambda: 0.0)
        self.exchange = Exchange(
            self,
            deadline=10.0,
            bucket=TokenBucket(200, 400),
            clock=self.clock,
            on_call=lambda verb, plural, code, _: self.observed.append((verb, plural, code)),
        )

    async def authorization(self) -> str | None:
        return self.authorized_as

    async def renew(self) -> None:
        self.authorized_as = "Bearer two"

    async def send(
        self, method: str, url: str, headers: dict[str, str], body: object, limits: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        self.sent.append((method, url, headers, body))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            answer = Answer(200)
        return cast("aiohttp.ClientResponse", answer)

    async def call(self, repeatable: Repeatable = SAFE, method: Literal["GET", "PATCH"] = "GET") -> JsonObject:
        return await self.exchange.json(Call(method, "get", PODS, "/api/v1/pods", {"a": "b c"}, None, repeatable))


@virtual_time
async def test_a_success_is_decoded_and_observed() -> None:
    server = Server(Answer(200, {"kind": "Pod"}, Date="Sun, 01 Mar 2026 12:00:00 GMT"))
    assert await server.call() == {"kind": "Pod"}
    (method, url, headers, _) = server.sent[0]
    assert (method, url) == ("GET", "https://server/api/v1/pods?a=b%20c")
    assert headers["Authorization"] == "Bearer one"
    assert headers["User-Agent"].startswith("rollkeeper/")
    assert server.observed == [("get", "pods", 200)]
    assert server.clock.now().isoformat() == "2026-03-01T12:00:00.500000+00:00"


@virtual_time
async def test_every_patch_says_that_it_is_a_merge_patch() -> None:
    server = Server(Answer(200))
    await server.call(method="PATCH")
    assert server.sent[0][2]["Content-Type"] == "application/merge-patch+json"


@virtual_time
async def test_it_waits_as_long_as_it_is_asked_to() -> None:
    server = Server(Answer(429, {"reason": "TooManyRequests"}, Retry_After="3"), Answer(200))
    began = now()
    await server.call(Repeatable())
    assert 3 <= now() - began <= 3.5
    assert [code for _, _, code in server.observed] == [429, 200]


@virtual_time
async def test_longer_than_the_deadline_is_not_waited() -> None:
    server = Server(Answer(503, Retry_After="60"))
    began = now()
    with pytest.raises(Unavailable) as caught:
        await server.call()
    assert now() == began
    assert caught.value.retry_after == 60


@virtual_time
async def test_a_budget_s_no_is_handed_to_the_caller() -> None:
    status = {"reason": "TooManyRequests", "details": {"causes": [{"message": "The disruption budget b needs 2"}]}}
    server = Server(Answer(429, status))
    with pytest.raises(Throttled) as caught:
        await server.call(EVICTION)
    assert caught.value.causes == ("The disruption budget b needs 2",)


@virtual_time
async def test_a_lost_connection_is_tried_again_where_it_is_harmless() -> None:
    server = Server(LOST, LOST, Answer(200))
    await server.call(SAFE)
    assert [code for _, _, code in server.observed] == [0, 0, 200]
    server = Server(LOST)
    with pytest.raises(Unavailable) as caught:
        await server.call(Repeatable())
    assert caught.value.code == 0


@virtual_time
async def test_it_does_not_try_for_ever() -> None:
    server = Server(*[LOST] * 20)
    with pytest.raises(Unavailable):
        await server.call(SAFE)
    assert len(server.sent) == 5


@virtual_time
async def test_a_conflict_is_the_caller_s() -> None:
    with pytest.raises(Conflict):
        await Server(Answer(409, {"reason": "Conflict"})).call(SAFE)


@virtual_time
async def test_a_call_ends_at_its_deadline() -> None:
    server = Server(3600.0)
    began = now()
    with pytest.raises(Unavailable, match="in time"):
        await server.call()
    assert now() - began == pytest.approx(10)


@virtual_time
async def test_the_deadline_is_for_all_attempts_together() -> None:
    server = Server(LOST, 7.0)
    server.answers.insert(0, Answer(429, Retry_After="5"))
    began = now()
    with pytest.raises(Unavailable):
        await server.call()
    assert now() - began <= 10.001


@virtual_time
async def test_refused_credentials_are_renewed_once() -> None:
    server = Server(Answer(401), Answer(200))
    await server.call(Repeatable())
    assert [headers["Authorization"] for _, _, headers, _ in server.sent] == ["Bearer one", "Bearer two"]
    with pytest.raises(Unauthorized):
        await Server(Answer(401), Answer(401)).call()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff"])
@virtual_time
async def test_a_success_that_is_no_object_is_none(body: bytes) -> None:
    with pytest.raises(Unavailable):
        await Server(Answer(200, body)).call(Repeatable())


@virtual_time
async def test_an_error_that_is_no_status_keeps_its_text() -> None:
    with pytest.raises(ApiError) as caught:
        await Server(Answer(418, b"I am a proxy")).call()
    assert (caught.value.code, caught.value.message) == (418, "I am a proxy")


@virtual_time
async def test_being_cancelled_is_not_an_error_of_the_api() -> None:
    task = asyncio.create_task(Server(3600.0).call())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
