"""One call to the API server, as often as it has to be sent: deadline, rate limit, retries, typed errors, clock."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar
from urllib.parse import quote, urlencode

import aiohttp

from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.clock import ServerClock
from rollkeeper.kube.errors import ApiError, Unauthorized, Unavailable, from_status
from rollkeeper.kube.ratelimit import TokenBucket
from rollkeeper.kube.resources import Resource
from rollkeeper.kube.retry import Repeatable, retry_delay
from rollkeeper.version import version

T = TypeVar("T")

CallObserver = Callable[[str, str, int, float], None]
"""Told of each request sent: verb (`get`, `list`, `evict`, …), plural of the resource, HTTP code (0: no answer) and
seconds until the answer began. Must not raise."""

_ATTEMPTS = 5
_UNKNOWN = Repeatable()

_SILENCE = 330.0
"""Seconds without a byte after which a connection counts as lost. Above the longest watch, which a quiet cluster may
leave silent; shorter calls are bounded by their deadline."""

_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=_SILENCE)


class Sender(Protocol):
    """Where requests go: an address, its credentials, a pool of connections."""

    @property
    def host(self) -> str:
        """The URL of the server, without a slash at the end."""
        ...

    async def authorization(self) -> str | None:
        """The value of the Authorization header. Raises Unauthorized."""
        ...

    async def renew(self) -> None:
        """Reads the credentials anew, after the server refused them. Raises Unauthorized."""
        ...

    async def send(
        self, method: str, url: str, headers: dict[str, str], body: object, limits: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        """Sends a request, returns when the headers of the answer are here. Raises aiohttp's errors and OSError."""
        ...


@dataclass(frozen=True)
class Call:
    """What is to be sent, and what is known about sending it twice."""

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    verb: str
    resource: Resource
    path: str
    query: Mapping[str, str]
    body: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    repeatable: Repeatable = _UNKNOWN
    deadline: float | None = None
    """Seconds, retries included; None: the exchange's own."""
    patch: Literal["merge", "strategic-merge", "json"] = "merge"
    """How the body of a PATCH is meant."""

    def __str__(self) -> str:
        return f"{self.verb} {self.path}"


class Exchange:
    """Sends calls. All it raises are `ApiError`s."""

    def __init__(
        self,
        sender: Sender,
        deadline: float,
        bucket: TokenBucket,
        clock: ServerClock,
        on_call: CallObserver | None = None,
    ) -> None:
        self._sender = sender
        self._deadline = deadline
        self._bucket = bucket
        self._clock = clock
        self._on_call = on_call
        self._user_agent = f"rollkeeper/{version()}"

    async def json(self, call: Call) -> JsonObject:
        """The decoded answer to a call."""
        return await self._insist(call, self._answer)

    async def stream(self, call: Call) -> aiohttp.ClientResponse:
        """The open answer to a call, its body still to come. The caller closes it."""
        return await self._insist(call, self._send)

    async def _insist(self, call: Call, attempt: Callable[[Call, float], Awaitable[T]]) -> T:
        """Tries until there is an answer, the call may not be repeated, or its deadline is near."""
        await self._bucket.take()  # before the clock starts: our own limit is not the server's delay
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (call.deadline or self._deadline)
        renewed = False
        failures = 0
        while True:
            try:
                return await attempt(call, deadline)
            except Unauthorized:
                if renewed:
                    raise
                await self._sender.renew()
                renewed = True
            except ApiError as error:
                failures += 1
                delay = retry_delay(error, call.repeatable, failures)
                if delay is None or failures >= _ATTEMPTS or loop.time() + delay >= deadline:
                    raise
                await asyncio.sleep(delay)
            await self._bucket.take()

    async def _answer(self, call: Call, deadline: float) -> JsonObject:
        response = await self._send(call, deadline)
        data = await _read(call, response, deadline)
        try:
            answer = json.loads(data)
        except ValueError as error:
            raise Unavailable(response.status, "NotJson", f"{call}: {error}") from error
        if not isinstance(answer, dict):
            raise Unavailable(response.status, "NotJson", f"{call}: the answer is not an object")
        return answer

    async def _send(self, call: Call, deadline: float) -> aiohttp.ClientResponse:
        """Sends a request once, returns when the headers of a success are here, raises on anything else."""
        sent = self._clock.monotonic()
        code = 0
        try:
            async with asyncio.timeout_at(deadline):
                headers = await self._headers(call)
                response = await self._sender.send(call.method, self._url(call), headers, call.body, _TIMEOUT)
            code = response.status
        except TimeoutError as error:
            raise _deadline_passed(call) from error
        except (aiohttp.ClientError, OSError) as error:
            raise _connection_lost(call, error) from error
        finally:
            received = self._clock.monotonic()
            if self._on_call is not None:
                self._on_call(call.verb, call.resource.plural, code, received - sent)
        self._clock.observe(response.headers.get("Date"), sent, received)
        if 200 <= code < 300:
            return response
        raise _error(response, await _read(call, response, deadline))

    def _url(self, call: Call) -> str:
        url = self._sender.host + quote(call.path)
        return f"{url}?{urlencode(call.query, quote_via=quote)}" if call.query else url

    async def _headers(self, call: Call) -> dict[str, str]:
        # NB: the client turns a PATCH whose content type it chose itself into a strategic merge patch, which custom
        # resources refuse.
        content_type = f"application/{call.patch}-patch+json" if call.method == "PATCH" else "application/json"
        headers = {"Accept": _accept(call), "Content-Type": content_type, "User-Agent": self._user_agent}
        authorization = await self._sender.authorization()
        if authorization:
            headers["Authorization"] = authorization
        return headers


def _accept(call: Call) -> str:
    """What the answer is to be: lists and watches of some resources without the objects' contents."""
    if not call.resource.metadata_only or call.verb not in {"list", "watch"}:
        return "application/json"
    kind = "PartialObjectMetadataList" if call.verb == "list" else "PartialObjectMetadata"
    return f"application/json;as={kind};g=meta.k8s.io;v=v1"


async def _read(call: Call, response: aiohttp.ClientResponse, deadline: float) -> bytes:
    try:
        async with asyncio.timeout_at(deadline):
            return await response.read()
    except TimeoutError as error:
        raise _deadline_passed(call) from error
    except (aiohttp.ClientError, OSError) as error:
        raise _connection_lost(call, error) from error


def _error(response: aiohttp.ClientResponse, data: bytes) -> ApiError:
    try:
        status = json.loads(data)
    except ValueError:
        status = None  # a proxy's page: its text is the message
    text = data[:300].decode(errors="replace")
    return from_status(
        response.status,
        status if isinstance(status, dict) else {},
        text=text,
        retry_after=_retry_after(response.headers.get("Retry-After")),
    )


def _retry_after(header: str | None) -> float | None:
    """Seconds; the API server never sends the other form, a date, and a proxy's date is no better than no header."""
    return float(header) if header and header.isascii() and header.isdigit() else None


def _deadline_passed(call: Call) -> Unavailable:
    return Unavailable(0, "DeadlinePassed", f"{call}: no complete answer in time")


def _connection_lost(call: Call, error: Exception) -> Unavailable:
    return Unavailable(0, "ConnectionLost", f"{call}: {error!r}")
