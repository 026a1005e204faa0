"""Asks one application once: a GET over HTTP or HTTPS, or a TCP connection (H4)."""

import asyncio
import json
import os
import ssl
from typing import Protocol

import aiohttp

from rollkeeper.api.v1alpha1.health import ApplicationHealth
from rollkeeper.engine.application import Answer, silence

LONGEST = 10.0
"""Seconds that an application may take to answer, or one interval if that is less."""

MOST_BYTES = 16_384
"""Of a body are read; a longer one is not what mode Rich asks for."""

_HEADERS = {"User-Agent": "rollkeeper", "Accept": "application/json, */*", "Connection": "close"}


class Endpoint(Protocol):
    """Where applications are asked."""

    async def ask(self, address: str, asked: ApplicationHealth) -> Answer:
        """The answer of the application at an IP address. What goes wrong is an answer too."""
        ...

    async def close(self) -> None:
        """Lets go of what it holds."""
        ...


class NetworkEndpoint:
    """Asks over the network. Each question has a connection of its own, closed as soon as it is answered.

    Nothing but what the set says is asked: redirects are not followed, cookies not kept, proxies of the environment not
    used. Certificates are not verified, as in the probes of a kubelet: they rarely name the address of a pod.
    """

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, address: str, asked: ApplicationHealth) -> Answer:
        """The answer, within the time-out."""
        where = place(address, asked)
        if not address:
            return silence(asked, "the pod has no address")
        seconds = min(float(asked.interval_seconds), LONGEST)
        try:
            async with asyncio.timeout(seconds):
                if asked.protocol == "TCP":
                    return await _connect(address, asked, where)
                return await self._get(where, asked)
        except TimeoutError:
            return silence(asked, f"no answer within {seconds:g}s from {where}")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return silence(asked, f"no answer from {where}: {_reason(error)}")

    async def close(self) -> None:
        """Closes the session; a later question opens another one."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _get(self, url: str, asked: ApplicationHealth) -> Answer:
        if self._session is None:
            self._session = _session()
        async with self._session.get(url, allow_redirects=False) as response:
            body = await _head(response) if asked.mode == "Rich" and 200 <= response.status < 300 else b""
            response.close()  # what is left of the body is not waited for
        return answer_to(asked, response.status, body, url)


def place(address: str, asked: ApplicationHealth) -> str:
    """Where an application is asked, as it stands in messages: a URL, `tcp://…` for TCP."""
    host = f"[{address}]" if ":" in address else address
    return f"{asked.protocol.lower()}://{host}:{asked.port}{asked.request_path or ''}"


def _session() -> aiohttp.ClientSession:
    # Bounds are the prober's, which counts TCP connections too; the connector must not queue what has begun its
    # time-out.
    connector = aiohttp.TCPConnector(limit=0, force_close=True, ssl=False)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=_HEADERS,
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        trust_env=False,
    )


async def _connect(address: str, asked: ApplicationHealth, where: str) -> Answer:
    _, writer = await asyncio.open_connection(address, asked.port)
    writer.transport.abort()  # not lingering in TIME_WAIT: there are hundreds a second
    return Answer("Healthy", f"connected to {where}")


async def _head(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MOST_BYTES:
            break
    return body


def answer_to(asked: ApplicationHealth, status: int, body: bytes, url: str) -> Answer:
    """What an HTTP answer means: in mode Binary 200 is healthy, in mode Rich the body tells."""
    said = f"HTTP {status} from {url}"
    if asked.mode == "Binary":
        return Answer("Healthy" if status == 200 else "Unhealthy", said)
    if not 200 <= status < 300:
        return Answer("Unknown", said)
    match _state(body):
        case "Healthy":
            return Answer("Healthy", f"{said}: Healthy")
        case "Unhealthy":
            return Answer("Unhealthy", f"{said}: Unhealthy")
    return Answer("Unknown", f'{said}, without "ApplicationHealthState": "Healthy" or "Unhealthy" in a JSON body')


def _state(body: bytes) -> object:
    if len(body) > MOST_BYTES:
        return None
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found.get("ApplicationHealthState") if isinstance(found, dict) else None


def _reason(error: Exception) -> str:
    """What the system calls it, such as `Connection refused`: the texts around that repeat the address."""
    system = getattr(error, "os_error", error)
    if isinstance(system, OSError) and system.errno and not isinstance(system, ssl.SSLError):
        return os.strerror(system.errno)
    return str(system) or type(system).__name__
