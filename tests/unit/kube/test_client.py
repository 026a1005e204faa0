"""The client against an HTTP server that plays an API server's answers: what goes over the wire, both ways."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.client import Client
from rollkeeper.kube.errors import (
    AlreadyExists,
    Conflict,
    Gone,
    NotConfigured,
    Throttled,
    Unauthorized,
    Unavailable,
)
from rollkeeper.kube.resources import LEASES, NODES, PODS, Resource

from .fakes import pod

SETS = Resource("rollkeeper.io", "v1alpha1", "scalesets", "ScaleSet")

Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


def status(code: int, reason: str, **details: object) -> web.Response:
    body = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": "no", "details": details}
    return web.json_response(body, status=code)


class Played:
    """Requests that came, and the replies that go out, in order; the last one again and again."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.bodies: list[Any] = []
        self.replies: list[Reply | web.Response] = []
        self.kubeconfig: Path | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        text = await request.text()
        self.bodies.append(json.loads(text) if text else None)
        reply = self.replies.pop(0)
        return reply if isinstance(reply, web.Response) else await reply(request)

    @property
    def last(self) -> web.Request:
        return self.requests[-1]


@pytest.fixture
async def played(tmp_path: Path) -> AsyncIterator[Played]:
    played = Played()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", played.handle)
    async with TestServer(app) as server:
        played.kubeconfig = tmp_path / "kubeconfig"
        write_kubeconfig(played.kubeconfig, str(server.make_url("/")), "secret")
        yield played


@pytest.fixture
async def client(played: Played) -> AsyncIterator[Client]:
    async with await Client.connect(played.kubeconfig) as client:
        yield client


def write_kubeconfig(path: Path, server: str, token: str) -> None:
    config = {
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
        "clusters": [{"name": "one", "cluster": {"server": server}}],
        "users": [{"name": "one", "user": {"token": token}}],
    }
    path.write_text(yaml.safe_dump(config))


def ok(body: object) -> web.Response:
    return web.json_response(body)


async def drop(request: web.Request) -> web.StreamResponse:
    """Ends the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    return web.Response()


def stream(*chunks: bytes, lost: bool = False) -> Reply:
    async def reply(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
        if lost:
            await drop(request)
        return response

    return reply


def line(kind: str, raw: object) -> bytes:
    return json.dumps({"type": kind, "object": raw}).encode() + b"\n"


async def test_get_sends_who_we_are(played: Played, client: Client) -> None:
    played.replies = [ok(pod("web-0"))]
    assert (await client.get(PODS, "ns", "web-0"))["metadata"]["name"] == "web-0"
    assert (played.last.method, played.last.path) == ("GET", "/api/v1/namespaces/ns/pods/web-0")
    assert played.last.headers["Authorization"] == "Bearer secret"
    assert played.last.headers["User-Agent"].startswith("rollkeeper/")
    assert client.clock.synced


async def test_a_list_is_read_page_by_page_and_says_its_kinds(played: Played, client: Client) -> None:
    first = {"metadata": {"resourceVersion": "7", "continue": "a+b/=="}, "items": [{"metadata": {"name": "n1"}}]}
    last = {"metadata": {"resourceVersion": "7"}, "items": [{"kind": "Odd", "metadata": {"name": "n2"}}]}
    played.replies = [ok(first), ok(last)]
    nodes = await client.list(NODES, label_selector="a!=b,c in (d, e)")
    assert nodes.resource_version == "7"
    assert [item["kind"] for item in nodes.items] == ["Node", "Odd"]
    assert nodes.items[0]["apiVersion"] == "v1"
    assert dict(played.requests[0].query) == {"limit": "500", "labelSelector": "a!=b,c in (d, e)"}
    assert played.last.query["continue"] == "a+b/=="


async def test_a_list_that_expires_halfway_is_read_again_in_one_piece(played: Played, client: Client) -> None:
    first = {"metadata": {"resourceVersion": "7", "continue": "x"}, "items": [pod("old")]}
    whole = {"metadata": {"resourceVersion": "9"}, "items": [pod("new")]}
    played.replies = [ok(first), status(410, "Expired"), ok(whole)]
    pods = await client.list(PODS, "ns")
    assert [item["metadata"]["name"] for item in pods.items] == ["new"]
    assert pods.resource_version == "9"
    assert dict(played.last.query) == {}


async def test_an_empty_list(played: Played, client: Client) -> None:
    played.replies = [ok({"metadata": {"resourceVersion": "7"}, "items": None})]
    assert (await client.list(PODS)).items == ()
    assert played.last.path == "/api/v1/pods"


async def test_create_names_its_fields_owner(played: Played, client: Client) -> None:
    played.replies = [ok(pod("web-0")), ok(pod("web-0")), status(409, "AlreadyExists")]
    await client.create(PODS, "ns", {"metadata": {"name": "web-0"}})
    assert played.last.method == "POST"
    assert dict(played.last.query) == {"fieldManager": "rollkeeper"}
    assert played.bodies[-1] == {"metadata": {"name": "web-0"}}
    await client.create(PODS, "ns", {"metadata": {"name": "web-0"}}, dry_run=True)
    assert dict(played.last.query) == {"fieldManager": "rollkeeper", "dryRun": "All", "fieldValidation": "Strict"}
    with pytest.raises(AlreadyExists):
        await client.create(PODS, "ns", {"metadata": {"name": "web-0"}})


async def test_a_create_whose_answer_was_lost_says_already_exists(played: Played, client: Client) -> None:
    played.replies = [drop, status(409, "AlreadyExists")]
    with pytest.raises(AlreadyExists):
        await client.create(PODS, "ns", {"metadata": {"name": "web-0"}})
    played.replies = [drop]
    with pytest.raises(Unavailable):
        await client.create(PODS, "ns", {"metadata": {"generateName": "web-"}})


async def test_a_patch_is_a_merge_patch_and_is_not_sent_twice(played: Played, client: Client) -> None:
    played.replies = [ok(pod("web-0")), status(409, "Conflict"), drop]
    await client.merge_patch(SETS, "ns", "web", {"status": {"a": None}}, subresource="status")
    assert (played.last.method, played.last.path) == (
        "PATCH",
        "/apis/rollkeeper.io/v1alpha1/namespaces/ns/scalesets/web/status",
    )
    assert played.last.headers["Content-Type"] == "application/merge-patch+json"
    assert dict(played.last.query) == {"fieldManager": "rollkeeper"}
    assert played.bodies[-1] == {"status": {"a": None}}
    with pytest.raises(Conflict):
        await client.merge_patch(LEASES, "ns", "l", {})
    with pytest.raises(Unavailable):
        await client.merge_patch(LEASES, "ns", "l", {})
    assert len(played.requests) == 3


async def test_a_strategic_patch_says_so(played: Played, client: Client) -> None:
    played.replies = [ok(pod("web-0"))]
    await client.strategic_patch(PODS, "ns", "web-0", {"status": {"conditions": []}}, subresource="status")
    assert (played.last.method, played.last.path) == ("PATCH", "/api/v1/namespaces/ns/pods/web-0/status")
    assert played.last.headers["Content-Type"] == "application/strategic-merge-patch+json"
    assert played.bodies[-1] == {"status": {"conditions": []}}


GRACE = {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 30}
AT_ONCE = {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0}


@pytest.mark.parametrize(
    ("answer", "there"),
    [
        ({"kind": "Status", "metadata": {}, "status": "Success"}, False),
        ({"kind": "Pod", "metadata": GRACE}, True),
        ({"kind": "Pod", "metadata": AT_ONCE}, False),
        ({"kind": "Pod", "metadata": AT_ONCE | {"finalizers": ["x"]}}, True),
        ({"kind": "Pod", "metadata": {"name": "last state"}}, False),
    ],
)
async def test_delete_tells_what_is_left(played: Played, client: Client, answer: JsonObject, *, there: bool) -> None:
    played.replies = [ok(answer)]
    assert await client.delete(PODS, "ns", "web-0") == (answer if there else None)


async def test_delete_sends_its_preconditions(played: Played, client: Client) -> None:
    gone = {"kind": "Status", "metadata": {}, "status": "Success"}
    played.replies = [drop, ok(gone), ok(gone)]
    await client.delete(PODS, "ns", "web-0", uid="u", resource_version="8")
    assert played.last.method == "DELETE"
    assert played.bodies[-1]["preconditions"] == {"uid": "u", "resourceVersion": "8"}
    await client.delete(PODS, "ns", "web-0")
    assert played.bodies[-1] == {"apiVersion": "v1", "kind": "DeleteOptions"}


async def test_evict(played: Played, client: Client) -> None:
    budget = {"reason": "DisruptionBudget", "message": "The disruption budget b needs 2 healthy pods and has 2"}
    played.replies = [ok({}), status(429, "TooManyRequests", causes=[budget]), status(500, "")]
    await client.evict("ns", "web-0", uid="u")
    assert (played.last.method, played.last.path) == ("POST", "/api/v1/namespaces/ns/pods/web-0/eviction")
    assert played.bodies[-1] == {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": "web-0", "namespace": "ns"},
        "deleteOptions": {"preconditions": {"uid": "u"}},
    }
    with pytest.raises(Throttled) as caught:
        await client.evict("ns", "web-0", uid="u")
    assert caught.value.causes == (budget["message"],)
    with pytest.raises(Unavailable) as two:
        await client.evict("ns", "web-0", uid="u")
    assert two.value.code == 500
    assert len(played.requests) == 3


async def test_a_silent_server_is_given_up(played: Played) -> None:
    played.replies = [hang]
    async with await Client.connect(played.kubeconfig, deadline=0.05) as client:
        with pytest.raises(Unavailable, match="in time"):
            await client.get(PODS, "ns", "web-0")


async def test_no_server_at_all_is_unavailable(tmp_path: Path) -> None:
    write_kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:1", "x")
    async with await Client.connect(tmp_path / "kubeconfig", deadline=0.05) as client:
        with pytest.raises(Unavailable):
            await client.get(PODS, "ns", "web-0")


async def test_watch_asks_for_bookmarks_and_an_end(played: Played, client: Client) -> None:
    played.replies = [stream(line("ADDED", pod("web-0")), line("BOOKMARK", pod("", 9)))]
    events = [event async for event in client.watch(PODS, "ns", resource_version="5", label_selector="a=b")]
    assert [event.type for event in events] == ["ADDED", "BOOKMARK"]
    query = dict(played.last.query)
    assert 240 <= int(query.pop("timeoutSeconds")) <= 290
    assert query == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": "5",
        "labelSelector": "a=b",
    }


async def test_watch_reads_lines_of_any_length_in_any_pieces(played: Played, client: Client) -> None:
    huge = pod("web-0") | {"data": "x" * 9_000_000}
    text = line("ADDED", huge) + line("DELETED", huge)
    cut = [text[at : at + 777_777] for at in range(0, len(text), 777_777)]
    played.replies = [stream(*cut, b"\n", line("MODIFIED", pod("web-1")))]
    events = [event async for event in client.watch(PODS, resource_version="5")]
    assert [event.type for event in events] == ["ADDED", "DELETED", "MODIFIED"]
    assert events[1].object == huge


@pytest.mark.parametrize("late", [False, True])
async def test_a_version_that_is_too_old_is_gone(played: Played, client: Client, *, late: bool) -> None:
    error = line("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"})
    played.replies = [stream(error) if late else status(410, "Expired")]
    with pytest.raises(Gone):
        _ = [event async for event in client.watch(PODS, resource_version="1")]


@pytest.mark.parametrize("broken", [b'{"type": "ADDED"}\n', b"nonsense\n", b"[]\n"])
async def test_a_stream_of_something_else_is_unavailable(played: Played, client: Client, broken: bytes) -> None:
    played.replies = [stream(broken)]
    with pytest.raises(Unavailable):
        _ = [event async for event in client.watch(PODS, resource_version="1")]


async def test_a_watch_whose_connection_is_lost_says_so(played: Played, client: Client) -> None:
    played.replies = [stream(line("ADDED", pod("web-0")), lost=True)]
    events = client.watch(PODS, resource_version="1")
    assert (await anext(events)).type == "ADDED"
    with pytest.raises(Unavailable):
        await anext(events)


async def test_new_credentials_are_read_when_the_old_ones_are_refused(played: Played, client: Client) -> None:
    assert played.kubeconfig is not None

    async def refuse(request: web.Request) -> web.StreamResponse:
        assert played.kubeconfig is not None
        write_kubeconfig(played.kubeconfig, "http://ignored", "rotated")
        played.kubeconfig.write_text(played.kubeconfig.read_text().replace("http://ignored", str(request.url.origin())))
        return status(401, "Unauthorized")

    played.replies = [refuse, ok(pod("web-0"))]
    await client.get(PODS, "ns", "web-0")
    assert played.last.headers["Authorization"] == "Bearer rotated"
    played.replies = [status(401, "Unauthorized"), status(401, "Unauthorized")]
    with pytest.raises(Unauthorized):
        await client.get(PODS, "ns", "web-0")


@pytest.mark.parametrize("text", ["", "{}", "current-context: x", "nonsense: [", "a string"])
async def test_a_broken_kubeconfig_is_one_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "kubeconfig").write_text(text)
    with pytest.raises(NotConfigured):
        await Client.connect(tmp_path / "kubeconfig")


async def test_no_kubeconfig_is_the_same_error(tmp_path: Path, played: Played) -> None:
    with pytest.raises(NotConfigured):
        await Client.connect(tmp_path / "missing")
    with pytest.raises(NotConfigured):
        await Client.connect(played.kubeconfig, context="missing")


async def test_inside_a_cluster_it_is_the_service_account_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(NotConfigured, match="token"):
        await Client.connect()
