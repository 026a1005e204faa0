"""What the environment says of proxies and passwords, and what the client makes of it."""

from pathlib import Path

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from rollkeeper.kube.client import Client
from rollkeeper.kube.resources import PODS

SERVER = "http://cluster.invalid"


class Seen:
    """The requests that reached a server."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        return web.json_response({"kind": "Pod", "metadata": {"name": "a", "namespace": "b"}})


def kubeconfig(folder: Path, server: str) -> Path:
    path = folder / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "secret"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture
async def served() -> tuple[Seen, TestServer]:
    seen = Seen()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", seen.handle)
    return seen, TestServer(app)


async def test_netrc_does_not_speak_for_us(
    served: tuple[Seen, TestServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry for the API server's host would take the place of our token."""
    seen, server = served
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with server, await Client.connect(kubeconfig(tmp_path, str(server.make_url("/")))) as client:
        await client.get(PODS, "b", "a")
    assert seen.requests[0].headers["Authorization"] == "Bearer secret"


async def test_the_environments_proxy_is_used(
    served: tuple[Seen, TestServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP_PROXY for a host that nobody can reach directly."""
    seen, proxy = served
    async with proxy:
        monkeypatch.setenv("http_proxy", str(proxy.make_url("/")))
        monkeypatch.setenv("no_proxy", "")
        async with await Client.connect(kubeconfig(tmp_path, SERVER)) as client:
            await client.get(PODS, "b", "a")
    assert seen.requests[0].headers["Host"] == "cluster.invalid"


async def test_no_proxy_is_kept(
    served: tuple[Seen, TestServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_PROXY leaves the API server out: the proxy, where nobody listens, is not asked."""
    seen, server = served
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    async with server, await Client.connect(kubeconfig(tmp_path, str(server.make_url("/")))) as client:
        await client.get(PODS, "b", "a")
    assert len(seen.requests) == 1
