"""One request to a registry: a deadline, a few retries, errors as types, and rest for a host that does not answer."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from rollkeeper.kube.backoff import Backoff
from rollkeeper.registry.decoding import read_json
from rollkeeper.registry.errors import Ailing, Denied, Hung, Malformed, NotThere, RegistryError, Throttled, Unreachable
from rollkeeper.registry.rest import Rest

TRIES = 3
REDIRECTS = 5
BODY_LIMIT = 8 * 1024 * 1024
"""Bytes of an answer, at most: tag lists and manifests are far smaller, and a server can't fill our memory."""
_CONNECT_SECONDS = 5.0
_SHORT = Backoff(first=0.2, maximum=2.0)
_LONGEST_WAIT = 3.0
"""A longer Retry-After is not waited for in the call: the work queue comes back."""


@dataclass(frozen=True)
class Answer:
    """An answer that was read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    links: Mapping[str, str]
    """Link headers: relation -> absolute URL."""

    def json(self) -> Any:  # noqa: ANN401 - JSON is Any
        """The body. Raises Malformed."""
        try:
            return read_json(self.body)
        except ValueError as error:
            raise Malformed(f"the answer is no JSON: {self.body[:80]!r}") from error


@dataclass
class Transport:
    """Requests to registries, a bounded number at once. Made inside the event loop; closed by `close`."""

    at_once: int = 8
    tls: ssl.SSLContext | None = None
    seconds: float = 15.0
    """For one request, at most."""

    def __post_init__(self) -> None:
        """Opens nothing yet."""
        self._rest = Rest(self.seconds)
        self._places = asyncio.Semaphore(self.at_once)
        limits = aiohttp.ClientTimeout(total=self.seconds, connect=_CONNECT_SECONDS)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self.at_once, ssl=self.tls if self.tls is not None else True),
            timeout=limits,
            headers={"User-Agent": "rollkeeper"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """Closes all connections."""
        await self._session.close()

    def wake(self, host: str) -> None:
        """A person asks: try a host again that is at rest."""
        self._rest.wake(host)

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None
    ) -> Answer:
        """Sends a request until it is answered by something else than 429 or 5xx. Raises Unreachable, Throttled."""
        self._rest.check(url)
        try:
            answer = await self._try(method, url, headers, form)
        except (Unreachable, Throttled) as error:
            self._rest.failed(url, error)
            raise
        self._rest.went_well(url)
        return answer

    async def _try(self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None) -> Answer:
        attempt = 1
        while True:
            try:
                return await self._once(method, url, headers, form)
            except Hung:
                raise  # it has had its time
            except (Unreachable, Throttled) as error:
                wait = error.retry_after if error.retry_after is not None else _SHORT.delay(attempt)
                if attempt == TRIES or wait > _LONGEST_WAIT:
                    raise
            await asyncio.sleep(wait)
            attempt += 1

    async def _once(self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None) -> Answer:
        try:
            async with self._places:
                answer = await self._send(method, url, headers, form)
        except TimeoutError as late:
            raise Hung(f"{urlsplit(url).netloc} does not answer within {self.seconds:g} s") from late
        except (aiohttp.ClientError, OSError) as lost:
            raise Unreachable(f"{urlsplit(url).netloc} does not answer: {_words(lost)}") from lost
        error = _busy(answer, url)
        if error is not None:
            raise error
        return answer

    async def _send(self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None) -> Answer:
        # Redirects are followed, some registries answer with them; to another host they take no credentials along.
        async with self._session.request(
            method, url, headers=headers, data=form, proxy=_proxy(url), max_redirects=REDIRECTS
        ) as response:
            if url.startswith("https:") and response.url.scheme != "https":
                raise Malformed(f"{urlsplit(url).netloc} redirects to {response.url.host} without TLS")
            body = b""
            while method != "HEAD" and len(body) <= BODY_LIMIT and not response.content.at_eof():
                body += await response.content.read(BODY_LIMIT + 1 - len(body))
            if len(body) > BODY_LIMIT:
                raise Malformed(f"the answer of {urlsplit(url).netloc} is larger than {BODY_LIMIT} bytes")
            links = {str(rel): str(link["url"]) for rel, link in response.links.items()}
            return Answer(response.status, response.headers.copy(), body, links)


def refusal(answer: Answer, what: str) -> RegistryError | None:
    """The error for an answer that is no success; `what` was asked for."""
    if answer.status < 300:
        return None
    words = _message(answer)
    said = f": {words}" if words else ""
    if answer.status in {401, 403}:
        return Denied(f"the registry refuses access to {what} (HTTP {answer.status}{said})")
    if answer.status == 404:
        return NotThere(f"the registry has no {what} (HTTP 404{said})")
    return Malformed(f"the registry answers HTTP {answer.status} when asked for {what}{said}")


def _busy(answer: Answer, url: str) -> RegistryError | None:
    host = urlsplit(url).netloc
    if answer.status == 429:
        return Throttled(f"{host} asks to slow down (HTTP 429)", retry_after=_retry_after(answer))
    if answer.status >= 500:
        return Ailing(f"{host} answers HTTP {answer.status}", retry_after=_retry_after(answer))
    return None


def _retry_after(answer: Answer) -> float | None:
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
        return max((date - parsedate_to_datetime(answer.headers["Date"])).total_seconds(), 0.0)
    except (ValueError, TypeError, KeyError):
        return None


def _message(answer: Answer) -> str:
    """The registry's own words, by the specification's `errors[]`."""
    try:
        first = read_json(answer.body)["errors"][0]
        return f"{first.get('code', '')}: {first.get('message', '')}"[:300]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return ""


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for a server, unless NO_PROXY leaves it out."""
    address = urlsplit(url)
    return None if proxy_bypass(address.netloc) else getproxies().get(address.scheme)
