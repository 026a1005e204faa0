"""A real registry in trouble: a front before it that spoils some answers and hands on all others."""

import threading
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CALL_SECONDS = 20.0
HANDED_ON = ("Accept", "Authorization", "User-Agent")
HANDED_BACK = ("Content-Type", "Docker-Content-Digest", "Link", "WWW-Authenticate")

Spoil = Callable[["_Handler"], None]
"""Answers in the place of the registry."""


def code(status: int, **headers: str) -> Spoil:
    """Answers with a status code; `Retry_After` is the header Retry-After."""
    return lambda handler: handler.answer(status, {name.replace("_", "-"): text for name, text in headers.items()}, b"")


def hung_up(handler: "_Handler") -> None:
    """Ends the connection before it answers."""
    handler.close_connection = True


def torn(handler: "_Handler") -> None:
    """Hands on half of what the registry answers."""
    status, headers, body = handler.ask()
    handler.answer(status, headers, body[: len(body) // 2], promised=len(body))


class Front(ThreadingHTTPServer):
    """Stands before a registry; `spoils` are for the next requests, `always` for all after them."""

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = behind
        self.spoils: deque[Spoil] = deque()
        self.always: Spoil | None = None
        self.asked: list[str] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def mend(self) -> None:
        """All that is asked from now on is handed on."""
        self.spoils.clear()
        self.always = None


@contextmanager
def front_of(behind: str) -> Iterator[Front]:
    """A front for the time of the `with` block."""
    front = Front(behind)
    thread = threading.Thread(target=front.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield front
    finally:
        front.shutdown()
        front.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Front

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        spoil = self.server.spoils.popleft() if self.server.spoils else self.server.always
        if spoil is not None:
            spoil(self)
            return
        self.answer(*self.ask())

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def ask(self) -> tuple[int, dict[str, str], bytes]:
        """What the registry answers."""
        headers = {name: self.headers[name] for name in HANDED_ON if name in self.headers}
        request = urllib.request.Request(f"http://{self.server.behind}{self.path}", None, headers, method=self.command)
        try:
            with urllib.request.urlopen(request, timeout=CALL_SECONDS) as answer:  # noqa: S310 - our own server
                return answer.status, _kept(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, _kept(error.headers), error.read()

    def answer(self, status: int, headers: dict[str, str], body: bytes, *, promised: int | None = None) -> None:
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body) if promised is None else promised))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Says nothing."""


def _kept(headers: Message) -> dict[str, str]:
    return {name: text for name in HANDED_BACK if (text := headers.get(name)) is not None}
