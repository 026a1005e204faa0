"""The blocking client against a server that answers what it is told to."""

import json
from collections.abc import Iterator

import pytest

from rollkeeper.kube.errors import Conflict, Forbidden, Gone, Unauthorized, Unavailable
from rollkeeper.kube.resources import PODS
from rollkeeper.kube.user.client import UserClient
from rollkeeper.kube.user.kubeconfig import Target
from tests.unit.http_server import Asked, HttpServer, Json


class Server(HttpServer):
    """Answers in order: (code, body); a body of bytes is sent as it is."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Json | bytes]] = []
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        super().__init__()

    def reply(self, asked: Asked) -> tuple[int, Json | bytes]:
        self.requests.append((asked.method, asked.path, asked.headers, asked.body))
        return self.answers.pop(0)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    made = Server()
    yield made
    made.close()


@pytest.fixture
def client(server: Server) -> Iterator[UserClient]:
    made = UserClient(Target("x", "default", server.url, {}, {"token": "secret"}), None)
    yield made
    made.close()


def status(reason: str, message: str = "") -> Json:
    return {"kind": "Status", "reason": reason, "message": message}


def pods(*names: str, more: str = "") -> Json:
    meta = {"resourceVersion": "7", **({"continue": more} if more else {})}
    return {"metadata": meta, "items": [{"metadata": {"name": name}} for name in names]}


def test_lists_page_by_page(server: Server, client: UserClient) -> None:
    server.answers = [(200, pods("a", more="next")), (200, pods("b"))]
    found = client.list(PODS, "shop", label_selector="a=b")
    assert [(i["metadata"]["name"], i["kind"]) for i in found.items] == [("a", "Pod"), ("b", "Pod")]
    assert [path for _, path, _, _ in server.requests] == [
        "/api/v1/namespaces/shop/pods?labelSelector=a%3Db&limit=500",
        "/api/v1/namespaces/shop/pods?labelSelector=a%3Db&limit=500&continue=next",
    ]
    assert server.requests[0][2]["Authorization"] == "Bearer secret"


def test_a_patch_says_that_it_is_a_merge_patch(server: Server, client: UserClient) -> None:
    server.answers = [(200, {"metadata": {}})]
    client.merge_patch(PODS, "shop", "a", {"x": 1})
    method, path, headers, body = server.requests[0]
    assert (method, path) == ("PATCH", "/api/v1/namespaces/shop/pods/a?fieldManager=kubectl-rollkeeper")
    assert (headers["Content-Type"], json.loads(body)) == ("application/merge-patch+json", {"x": 1})


@pytest.mark.parametrize(
    ("code", "reason", "error"), [(403, "Forbidden", Forbidden), (409, "Conflict", Conflict), (410, "Expired", Gone)]
)
def test_refusals_are_typed(server: Server, client: UserClient, code: int, reason: str, error: type[Exception]) -> None:
    server.answers = [(code, status(reason, "no"))]
    with pytest.raises(error, match="no"):
        client.get(PODS, "shop", "a")


def test_a_read_is_repeated_when_nobody_answered(server: Server, client: UserClient) -> None:
    server.answers = [(503, b"starting"), (200, {"metadata": {"name": "a"}})]
    assert client.get(PODS, "shop", "a") == {"metadata": {"name": "a"}}


def test_a_create_is_not_repeated(server: Server, client: UserClient) -> None:
    server.answers = [(503, b"lost"), (200, {})]
    with pytest.raises(Unavailable):
        client.create(PODS, "shop", {"metadata": {"name": "a"}})
    assert len(server.requests) == 1


def test_refused_credentials_are_read_again_once(server: Server, client: UserClient) -> None:
    server.answers = [(401, status("Unauthorized")), (200, {"metadata": {}})]
    client.get(PODS, "shop", "a")
    server.answers = [(401, status("Unauthorized")), (401, status("Unauthorized"))]
    with pytest.raises(Unauthorized):
        client.get(PODS, "shop", "a")


def test_a_watch_gives_events_and_ends_with_its_error(server: Server, client: UserClient) -> None:
    lines = [
        {"type": "ADDED", "object": {"metadata": {"name": "a", "resourceVersion": "8"}}},
        {"type": "ERROR", "object": {"code": 410, "message": "too old"}},
    ]
    server.answers = [(200, b"".join(json.dumps(line).encode() + b"\n" for line in lines))]
    stream = client.watch(PODS, "shop", resource_version="7")
    assert next(stream).type == "ADDED"
    with pytest.raises(Gone, match="too old"):
        next(stream)


def test_nobody_there_is_said_with_the_address() -> None:
    client = UserClient(Target("x", "default", "http://127.0.0.1:9", {}, {}), None)
    with pytest.raises(Unavailable, match=r"no answer from http://127\.0\.0\.1:9"):
        client.create(PODS, "shop", {})
