"""Applications that really answer: web servers on this machine, at the addresses of simulated pods."""

import json
import socket
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from tests.cluster.audit import Json
from tests.cluster.fleet import fleet

NET = "127.64"
ANNOTATION = "localcluster/loopback"
"""Gives pod web-3 of version 1.2.0 the address 127.64.2.3; see hack/localcluster/kwok.yaml."""

GUEST_ANNOTATION = "localcluster/guest-loopback"
"""The same for the guest of a virtual machine; see hack/localcluster/kwok-kubevirt.yaml."""

Answer = tuple[int, Json | None]
"""Status and body."""

HEALTHY: Answer = (200, {"ApplicationHealthState": "Healthy"})


class Applications:
    """What is answered at each address: that of the whole version, or of one instance of it.

    Used as a context manager; `port` is one that is free at all addresses.
    """

    def __init__(self, minors: Sequence[int], replicas: int) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: dict[str, int] = {}
        self._addresses = [f"{NET}.{minor}.{ordinal}" for minor in minors for ordinal in range(replicas)]
        self._stack = ExitStack()
        self.port = 0

    def __enter__(self) -> Self:
        for address in self._addresses:
            server = _Server(self, address, self.port)
            self.port = server.server_address[1]
            self._stack.callback(server.server_close)
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            self._stack.callback(server.shutdown)
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def says(self, minor: int, answer: Answer, ordinal: int | None = None) -> None:
        """What a version answers from now on, or one instance of it."""
        self.answers[f"{NET}.{minor}" if ordinal is None else f"{NET}.{minor}.{ordinal}"] = answer

    def answer(self, address: str) -> Answer:
        """What is answered there."""
        self.asked[address] = self.asked.get(address, 0) + 1
        version = address.rpartition(".")[0]
        return self.answers.get(address) or self.answers.get(version) or HEALTHY

    def health(self, **more: object) -> Json:
        """The health source that asks them."""
        asked = {"protocol": "HTTP", "port": self.port, "requestPath": "/health", **more}
        return {"source": "ApplicationHealth", "applicationHealth": asked}

    def fleet(self, replicas: int, percent: int = 40, *, rolling: Json | None = None, **more: object) -> Json:
        """A set whose instances have their addresses; `more` goes into its health source."""
        made = fleet(replicas, percent, rolling=rolling, health=self.health(**more))
        made["spec"]["template"]["metadata"] = {"annotations": {ANNOTATION: NET}}
        return made


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    address_family = socket.AF_INET

    def __init__(self, applications: Applications, address: str, port: int) -> None:
        self.applications = applications
        self.at = address
        super().__init__((address, port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        status, body = self.server.applications.answer(self.server.at)
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Nothing: the tests ask `asked`."""
