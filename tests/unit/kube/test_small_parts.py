import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollkeeper.kube.backoff import Backoff
from rollkeeper.kube.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Throttled,
    Unauthorized,
    Unavailable,
    from_status,
)
from rollkeeper.kube.lines import LineSplitter
from rollkeeper.kube.ratelimit import TokenBucket
from rollkeeper.kube.retry import Repeatable, retry_delay

from .virtual_time import now, virtual_time


@given(st.lists(st.binary(max_size=5).map(lambda part: part.replace(b"\n", b"x")), max_size=8), st.data())
def test_lines_do_not_depend_on_how_the_stream_was_cut(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    splitter = LineSplitter()
    seen: list[bytes] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        seen += splitter.feed(stream[:size])
        stream = stream[size:]
    assert seen == [line for line in lines if line.strip()]


def test_an_unfinished_line_is_no_line() -> None:
    assert LineSplitter().feed(b'{"a": 1}\n{"b":') == [b'{"a": 1}']


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", Invalid),
        (401, "Unauthorized", Unauthorized),
        (403, "Forbidden", Forbidden),
        (404, "NotFound", NotFound),
        (409, "AlreadyExists", AlreadyExists),
        (409, "Conflict", Conflict),
        (410, "Expired", Gone),
        (413, "RequestEntityTooLarge", Invalid),
        (415, "UnsupportedMediaType", ApiError),
        (422, "Invalid", Invalid),
        (429, "TooManyRequests", Throttled),
        (500, "InternalError", Unavailable),
        (503, "ServiceUnavailable", Unavailable),
    ],
)
def test_codes_become_types(code: int, reason: str, kind: type[ApiError]) -> None:
    error = from_status(code, {"reason": reason, "message": "why"})
    assert type(error) is kind
    assert (error.code, error.reason, error.message) == (code, reason, "why")


def test_causes_and_the_wait_come_along() -> None:
    details = {"causes": [{"reason": "DisruptionBudget", "message": "The disruption budget b needs"}, {}]}
    error = from_status(429, {"details": details | {"retryAfterSeconds": 7}})
    assert error.causes == ("The disruption budget b needs", "")
    assert error.retry_after == 7


def test_a_proxy_answers_in_its_own_words() -> None:
    assert from_status(502, {}, text="<h1>Bad gateway</h1>").message == "<h1>Bad gateway</h1>"


ANY, SAFE, EVICTION = Repeatable(), Repeatable(if_lost=True), Repeatable(eviction=True)


@pytest.mark.parametrize(
    ("error", "call", "repeated"),
    [
        (Throttled(429, "", ""), ANY, True),
        (Throttled(429, "", "", retry_after=1), ANY, True),
        (Throttled(429, "", ""), EVICTION, False),
        (Throttled(429, "", "", ("budget b",), retry_after=1), EVICTION, False),
        (Throttled(429, "", "", retry_after=1), EVICTION, True),
        (Unavailable(503, "", "", retry_after=1), ANY, True),
        (Unavailable(503, "", ""), ANY, False),
        (Unavailable(503, "", ""), SAFE, True),
        (Unavailable(0, "ConnectionLost", ""), ANY, False),
        (Unavailable(0, "ConnectionLost", ""), SAFE, True),
        (Unavailable(504, "Timeout", ""), SAFE, True),
        (Unavailable(500, "", ""), SAFE, False),
        (Unavailable(500, "", "more than one PodDisruptionBudget"), EVICTION, False),
        (Conflict(409, "Conflict", ""), SAFE, False),
        (AlreadyExists(409, "AlreadyExists", ""), SAFE, False),
        (NotFound(404, "NotFound", ""), SAFE, False),
        (Gone(410, "Expired", ""), SAFE, False),
    ],
)
def test_what_is_sent_again(error: ApiError, call: Repeatable, repeated: bool) -> None:
    delay = retry_delay(error, call, 1)
    assert (delay is not None) is repeated
    if delay is not None and error.retry_after is not None:
        assert error.retry_after <= delay <= error.retry_after + 0.5


@given(st.integers(1, 10_000))
def test_backoff_grows_to_its_maximum(failures: int) -> None:
    backoff = Backoff(first=0.5, maximum=300.0, share=0.5)
    full = min(0.5 * 2.0 ** min(failures - 1, 40), 300.0)
    assert full / 2 <= backoff.delay(failures) <= full


@virtual_time
async def test_the_rate_limit_lets_a_burst_through_and_then_a_rate() -> None:
    bucket = TokenBucket(qps=10, burst=5)
    began = now()
    passed: list[float] = []

    async def call() -> None:
        await bucket.take()
        passed.append(round(now() - began, 3))

    await asyncio.gather(*(call() for _ in range(8)))
    assert passed == [0, 0, 0, 0, 0, 0.1, 0.2, 0.3]
    await asyncio.sleep(100)
    passed.clear()
    await asyncio.gather(*(call() for _ in range(6)))
    assert passed == [100.3] * 5 + [100.4]


@virtual_time
async def test_a_caller_that_gives_up_leaves_its_place() -> None:
    bucket = TokenBucket(qps=1, burst=1)
    await bucket.take()
    waiting = [asyncio.create_task(bucket.take()) for _ in range(3)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    began = now()
    await bucket.take()
    assert now() - began == pytest.approx(1.0)


@pytest.mark.parametrize(("qps", "burst"), [(0, 1), (1, 0)])
def test_a_rate_limit_that_lets_nothing_through_is_refused(qps: float, burst: int) -> None:
    with pytest.raises(ValueError, match="qps > 0"):
        TokenBucket(qps, burst)
