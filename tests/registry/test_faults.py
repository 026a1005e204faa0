"""What no good registry answers: 429, 500, broken manifests, endless lists, places that steal passwords.

Only here the registry is played.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from rollkeeper.registry import transport
from rollkeeper.registry.client import Registries
from rollkeeper.registry.credentials import Keychain, Login
from rollkeeper.registry.errors import Malformed, RegistryError, Throttled, Unreachable
from rollkeeper.registry.reference import Reference, parse
from tests.registry.asking import asking

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
DIGEST = "sha256:" + "a" * 64
KIND = "application/vnd.oci.image.manifest.v1+json"


class Played:
    """A server that answers as it is told, the last answer again and again."""

    def __init__(self, *answers: web.Response) -> None:
        self._answers = list(answers)
        self.asked: list[web.Request] = []
        self.host = ""

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        answer = self._answers[0] if len(self._answers) == 1 else self._answers.pop(0)
        headers = {name: value.replace("HOST", self.host) for name, value in answer.headers.items()}
        body = answer.body if isinstance(answer.body, bytes) else b""
        return web.Response(status=answer.status, headers=headers, body=body)

    @property
    def image(self) -> Reference:
        return parse(f"{self.host}/os:1.0.0")


@asynccontextmanager
async def playing(*answers: web.Response) -> AsyncIterator[tuple[Registries, Played]]:
    played = Played(*answers)
    runner = web.ServerRunner(web.Server(played))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    played.host = "{}:{}".format(*runner.addresses[0][:2])
    try:
        async with asking() as registries:
            yield registries, played
    finally:
        await runner.cleanup()


def manifest(**headers: str) -> web.Response:
    return web.Response(headers={"Content-Type": KIND, "Docker-Content-Digest": DIGEST, **headers})


async def test_500_is_tried_again() -> None:
    async with playing(web.Response(status=500), web.Response(status=503), manifest()) as (registries, played):
        assert await registries.digest(played.image) == DIGEST
        assert len(played.asked) == 3


async def test_500_again_and_again_is_an_outage() -> None:
    async with playing(web.Response(status=500)) as (registries, played):
        with pytest.raises(Unreachable, match="answers HTTP 500"):
            await registries.digest(played.image)
        assert len(played.asked) == transport.TRIES
        with pytest.raises(Unreachable, match="answers HTTP 500"):
            await registries.digest(played.image)
        assert len(played.asked) == transport.TRIES, "a registry in trouble gets rest"


async def test_429_is_obeyed() -> None:
    busy = web.Response(status=429, headers={"Retry-After": "0"})
    async with playing(busy, manifest()) as (registries, played):
        assert await registries.digest(played.image) == DIGEST


async def test_429_for_long_is_not_waited_for_in_the_call() -> None:
    busy = web.Response(status=429, headers={"Retry-After": "120"})
    async with playing(busy) as (registries, played):
        with pytest.raises(Throttled, match="asks to slow down") as refused:
            await registries.digest(played.image)
        assert refused.value.retry_after == 120
        assert len(played.asked) == 1


BROKEN: dict[str, tuple[list[web.Response], str]] = {
    "a web page": ([web.Response(text="<html>", content_type="text/html")], "no image of a known kind .*text/html"),
    "no type": ([web.Response(headers={"Docker-Content-Digest": DIGEST})], "no image of a known kind"),
    "a digest of nonsense": ([manifest(**{"Docker-Content-Digest": "latest"})], "gives 'latest' as the digest"),
    "another digest": ([manifest()], f"gives {DIGEST} where it was asked for sha256:bbb"),
    "no digest, no JSON": (
        [web.Response(headers={"Content-Type": KIND}), web.Response(headers={"Content-Type": KIND}, body=b"{")],
        "manifest of .* is not readable",
    ),
    "no digest, no manifest": (
        [web.Response(headers={"Content-Type": KIND}), web.Response(headers={"Content-Type": KIND}, body=b"[1]")],
        "manifest of .* is not readable",
    ),
    "a redirection without a place": ([web.Response(status=302)], "answers HTTP 302"),
}


@pytest.mark.parametrize(("answers", "says"), BROKEN.values(), ids=BROKEN)
async def test_broken_manifests(answers: list[web.Response], says: str) -> None:
    async with playing(*answers) as (registries, played):
        tail = "@sha256:" + "b" * 64 if "where it was asked" in says else ":1.0.0"
        with pytest.raises(Malformed, match=says):
            await registries.digest(parse(f"{played.host}/os{tail}"))


async def test_a_registry_that_gives_no_digest() -> None:
    body = json.dumps({"schemaVersion": 2}).encode()
    whole = web.Response(headers={"Content-Type": KIND}, body=body)
    async with playing(web.Response(headers={"Content-Type": KIND}), whole) as (registries, played):
        assert await registries.digest(played.image) == f"sha256:{hashlib.sha256(body).hexdigest()}"


def tags(body: object, link: str = "") -> web.Response:
    headers = {"Link": f'<{link}>; rel="next"'} if link else {}
    return web.Response(body=json.dumps(body).encode(), headers=headers)


LISTS: dict[str, tuple[web.Response, str]] = {
    "no JSON": (web.Response(body=b"tags"), "is no JSON"),
    "no list": (tags({"tags": "1.0.0"}), "not readable"),
    "numbers": (tags({"tags": [1]}), "not readable"),
    "without an end": (tags({"tags": ["1.0.0"]}, "/v2/os/tags/list?n=1000"), "does not end"),
    "that goes on elsewhere": (
        tags({"tags": []}, "http://169.254.169.254/v2/os/tags/list"),
        "goes on at another place",
    ),
    "that goes on in another repository": (tags({"tags": []}, "/v2/private/tags/list"), "goes on at another place"),
}


@pytest.mark.parametrize(("answer", "says"), LISTS.values(), ids=LISTS)
async def test_broken_tag_lists(answer: web.Response, says: str) -> None:
    async with playing(answer) as (registries, played):
        with pytest.raises(Malformed, match=says):
            await registries.tags(played.image.repository)


@pytest.mark.parametrize("body", [{"tags": None}, {"name": "os"}, {"tags": []}])
async def test_a_repository_without_tags(body: dict[str, object]) -> None:
    async with playing(tags(body)) as (registries, played):
        assert await registries.tags(played.image.repository) == ()


async def test_an_answer_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "BODY_LIMIT", 1000)
    async with playing(web.Response(body=b" " * 2000)) as (registries, played):
        with pytest.raises(Malformed, match="larger than 1000 bytes"):
            await registries.tags(played.image.repository)


@pytest.mark.parametrize("realm", ["ftp://HOST/token", "token", "", "file:///etc/passwd"])
async def test_a_realm_that_is_no_place_for_a_password(realm: str) -> None:
    asks = web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{realm}",service="s"'})
    async with playing(asks) as (registries, played):
        with pytest.raises(Malformed, match="no usable token server"):
            await registries.digest(played.image, Keychain({played.host: Login("u", "p")}))
        assert len(played.asked) == 1


@pytest.mark.parametrize("header", ["", "Digest realm=x", "Negotiate"])
async def test_an_authentication_that_is_not_known(header: str) -> None:
    asks = web.Response(status=401, headers={"WWW-Authenticate": header})
    async with playing(asks) as (registries, played):
        with pytest.raises(Malformed, match="authentication that is not known"):
            await registries.digest(played.image)


async def test_a_refresh_token_is_sent_to_the_token_server_alone() -> None:
    asks = web.Response(status=401, headers={"WWW-Authenticate": 'Bearer realm="http://HOST/token",service="s"'})
    token = web.Response(body=b'{"access_token": "t"}')
    async with playing(asks, token, manifest()) as (registries, played):
        logins = Keychain({played.host: Login(identity_token="refresh")})  # noqa: S106 - sent to a server of the test's own
        assert await registries.digest(played.image, logins) == DIGEST
        methods = [(r.method, r.path, r.headers.get("Authorization")) for r in played.asked]
        assert methods == [
            ("HEAD", "/v2/os/manifests/1.0.0", None),
            ("POST", "/token", None),
            ("HEAD", "/v2/os/manifests/1.0.0", "Bearer t"),
        ]


async def test_requests_at_once_are_bounded() -> None:
    running, most = 0, 0

    async def slow(_request: web.BaseRequest) -> web.StreamResponse:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return manifest()

    runner = web.ServerRunner(web.Server(slow))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host = "{}:{}".format(*runner.addresses[0][:2])
    async with asking() as registries:
        asked = (registries.digest(parse(f"{host}/os:{n}")) for n in range(50))
        assert set(await asyncio.gather(*asked)) == {DIGEST}
    await runner.cleanup()
    assert 1 <= most <= 8


async def test_secrets_are_in_no_error() -> None:
    async with playing(web.Response(status=403, body=b'{"errors": [{"code": "DENIED", "message": "no"}]}')) as (
        registries,
        played,
    ):
        login = Login("u", "hush-hush")
        with pytest.raises(RegistryError) as refused:
            await registries.tags(played.image.repository, Keychain({played.host: login}))
        assert "DENIED: no" in str(refused.value)
        assert "hush" not in str(refused.value) + repr(login) + repr(Keychain({"a": login}))
