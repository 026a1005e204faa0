"""H4: what real servers on this machine answer, and what it is taken for."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from rollkeeper.api.v1alpha1.health import ApplicationHealth
from rollkeeper.engine.application import Answer
from rollkeeper.health.endpoint import MOST_BYTES, NetworkEndpoint, place

HOST = "127.0.0.1"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def asked(port: int, **fields: Any) -> ApplicationHealth:
    how = {"protocol": "HTTP", "port": port, "requestPath": "/health", **fields}
    return ApplicationHealth.model_validate({key: value for key, value in how.items() if value is not None})


@pytest.fixture
async def endpoint() -> AsyncIterator[NetworkEndpoint]:
    made = NetworkEndpoint()
    yield made
    await made.close()


@contextlib.asynccontextmanager
async def serving(
    status: int, body: bytes = b"", *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, list[Any]]]:
    """A web server on a free port, and the requests that it got."""
    requests: list[web.Request] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        requests.append(request)
        return web.Response(status=status, body=body, headers={"Location": "/other"})

    app = web.Application()
    app.router.add_get("/{tail:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, 0, ssl_context=tls)
        await site.start()
        yield runner.addresses[0][1], requests
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[int]:
    """A server that speaks what it likes."""
    server = await asyncio.start_server(talk, HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def rich(state: object) -> str:
    return json.dumps({"ApplicationHealthState": state})


# Mode, status and body, and what it is taken for.
ANSWERS: dict[str, tuple[str, int, str, str]] = {
    "200": ("Binary", 200, "anything", "Healthy"),
    "204 is not 200": ("Binary", 204, "", "Unhealthy"),
    "a redirect is not followed": ("Binary", 302, "", "Unhealthy"),
    "404": ("Binary", 404, "", "Unhealthy"),
    "503": ("Binary", 503, "", "Unhealthy"),
    "rich, healthy": ("Rich", 200, rich("Healthy"), "Healthy"),
    "rich, any 2xx": ("Rich", 299, rich("Healthy"), "Healthy"),
    "rich, more in the body": ("Rich", 200, json.dumps({"a": [1], "ApplicationHealthState": "Healthy"}), "Healthy"),
    "rich, unhealthy": ("Rich", 200, rich("Unhealthy"), "Unhealthy"),
    "rich, healthy with 500": ("Rich", 500, rich("Healthy"), "Unknown"),
    "rich, another word": ("Rich", 200, rich("healthy"), "Unknown"),
    "rich, no word": ("Rich", 200, rich(None), "Unknown"),
    "rich, a list": ("Rich", 200, "[]", "Unknown"),
    "rich, no JSON": ("Rich", 200, "ok", "Unknown"),
    "rich, not text": ("Rich", 200, "\udcff", "Unknown"),
    "rich, nothing": ("Rich", 200, "", "Unknown"),
    "rich, deep": ("Rich", 200, "[" * 10_000, "Unknown"),
    "rich, too long": ("Rich", 200, rich("Healthy") + " " * MOST_BYTES, "Unknown"),
}


@pytest.mark.parametrize(("mode", "status", "body", "word"), ANSWERS.values(), ids=ANSWERS)
async def test_h4_http(endpoint: NetworkEndpoint, mode: str, status: int, body: str, word: str) -> None:
    async with serving(status, body.encode(errors="surrogateescape")) as (port, requests):
        found = await endpoint.ask(HOST, asked(port, mode=mode, requestPath="/health?deep=1"))
    assert (found.word, found.silent) == (word, False)
    assert found.message.startswith(f"HTTP {status} from http://{HOST}:{port}/health?deep=1")
    assert [request.path_qs for request in requests] == ["/health?deep=1"]


async def test_h4_no_connection_is_kept(endpoint: NetworkEndpoint) -> None:
    async with serving(200) as (port, requests):
        for _ in range(2):
            await endpoint.ask(HOST, asked(port))
        assert [request.headers["Connection"] for request in requests] == ["close", "close"]
    assert len({request._transport_peername for request in requests}) == 2


def certificate(folder: Path) -> Path:
    """Signed by itself, for another host, and expired: with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somebody.else.test")])
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    unsigned = x509.CertificateBuilder(name, name, key.public_key(), 1, long_ago, long_ago + timedelta(days=1))
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "certificate.pem"
    file.write_bytes(key.private_bytes(pem, *plain) + unsigned.sign(key, hashes.SHA256()).public_bytes(pem))
    return file


async def test_h4_https_takes_any_certificate(endpoint: NetworkEndpoint, tmp_path: Path) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate(tmp_path))
    async with serving(503, tls=tls) as (port, _):
        found = await endpoint.ask(HOST, asked(port, protocol="HTTPS"))
    assert found == Answer("Unhealthy", f"HTTP 503 from https://{HOST}:{port}/health")


async def test_h4_tcp_asks_for_a_connection_and_no_more(endpoint: NetworkEndpoint) -> None:
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionResetError):
            heard.set_result(await reader.read())
        if not heard.done():
            heard.set_result(b"")
        writer.close()

    async with talking(hear) as port:
        found = await endpoint.ask(HOST, asked(port, protocol="TCP", requestPath=None))
        assert await heard == b""
    assert found == Answer("Healthy", f"connected to tcp://{HOST}:{port}")


@pytest.mark.parametrize(("protocol", "path"), [("HTTP", "/health"), ("HTTPS", "/health"), ("TCP", None)])
async def test_h4_nobody_there(endpoint: NetworkEndpoint, protocol: str, path: str | None) -> None:
    async with talking(_hang_up) as port:
        pass  # the port is free again
    found = await endpoint.ask(HOST, asked(port, protocol=protocol, requestPath=path))
    where = place(HOST, asked(port, protocol=protocol, requestPath=path))
    assert found == Answer("Unhealthy", f"no answer from {where}: Connection refused", silent=True)


async def _hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _nonsense(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\xff not HTTP\r\n\r\n")
    writer.close()


@pytest.mark.parametrize("talk", [_hang_up, _nonsense])
@pytest.mark.parametrize("protocol", ["HTTP", "HTTPS"])
async def test_h4_what_is_no_answer(endpoint: NetworkEndpoint, talk: Talk, protocol: str) -> None:
    async with talking(talk) as port:
        found = await endpoint.ask(HOST, asked(port, protocol=protocol, mode="Rich"))
    assert (found.word, found.silent) == ("Unknown", True)
    assert found.message.startswith(f"no answer from {protocol.lower()}://{HOST}:{port}/health: ")


async def test_h4_a_hung_application_costs_one_time_out(
    endpoint: NetworkEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it hangs before its answer or in the middle of it."""
    monkeypatch.setattr("rollkeeper.health.endpoint.LONGEST", 0.05)
    over = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if b"/body" in request:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        await over.wait()
        writer.close()

    async with talking(hang) as port:
        for path in ("/health", "/body"):
            found = await endpoint.ask(HOST, asked(port, mode="Rich", requestPath=path))
            assert (found.word, found.silent) == ("Unknown", True)
            assert found.message == f"no answer within 0.05s from http://{HOST}:{port}{path}"
        over.set()


async def test_h4_a_pod_without_an_address(endpoint: NetworkEndpoint) -> None:
    assert await endpoint.ask("", asked(80)) == Answer("Unhealthy", "the pod has no address", silent=True)


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert place("fd00::7", asked(8080)) == "http://[fd00::7]:8080/health"
    assert place("10.0.0.7", asked(22, protocol="TCP", requestPath=None)) == "tcp://10.0.0.7:22"
