"""Calls to the API server that block: for commands, which have nothing else to do meanwhile."""

import http.client
import json
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlencode

from rollkeeper.kube.api import JsonObject, ObjectList, WatchEvent
from rollkeeper.kube.errors import ApiError, Gone, Unauthorized, Unavailable, from_status
from rollkeeper.kube.lines import LineSplitter
from rollkeeper.kube.resources import Resource
from rollkeeper.kube.retry import Repeatable, retry_delay
from rollkeeper.kube.user import kubeconfig, transport
from rollkeeper.kube.user.credentials import Headers, Identity, identify
from rollkeeper.kube.user.kubeconfig import Target

FIELD_MANAGER = "kubectl-rollkeeper"

_PAGE = 500
_ATTEMPTS = 4
_READ_SECONDS = 30.0
_WATCH_SECONDS = 240
_READS = Repeatable(if_lost=True)
_WRITES = Repeatable()


@dataclass(frozen=True)
class Call:
    """One request."""

    method: Literal["GET", "POST", "PATCH"]
    path: str
    query: Mapping[str, str]
    body: Mapping[str, Any] | None = None

    @property
    def url(self) -> str:
        """Path and query, escaped."""
        return quote(self.path) + (f"?{urlencode(self.query, quote_via=quote)}" if self.query else "")


class UserClient:
    """One person's calls to one API server. Every call raises an `ApiError`; nothing is sent before the first.

    Not for several threads: `again` gives each its own.
    """

    def __init__(self, target: Target, path: Path | None, acting_as: str | None = None) -> None:
        self.target = target
        self._path = path
        self._acting_as = acting_as
        self._identity: Identity | None = None
        self._tls: ssl.SSLContext | None = None
        self._connection: http.client.HTTPConnection | None = None

    @classmethod
    def open(cls, path: Path | None, context: str | None, acting_as: str | None = None) -> "UserClient":
        """For a kubeconfig's context, as kubectl finds them. Raises NotConfigured."""
        return cls(kubeconfig.load(path, context), path, acting_as)

    def again(self) -> "UserClient":
        """A second one with a connection of its own and the same credentials, so that no plugin runs twice."""
        other = UserClient(self.target, self._path, self._acting_as)
        other._identity, other._tls = self._identity, self._tls
        return other

    def close(self) -> None:
        """Closes the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> ObjectList:
        """All objects of a resource in a namespace, or (None) in all, read page by page."""
        query = _selectors(label_selector, field_selector)
        try:
            return self._pages(resource, namespace, {**query, "limit": str(_PAGE)})
        except Gone:  # the first page was compacted away before the last was read
            return self._pages(resource, namespace, query)

    def get(self, resource: Resource, namespace: str | None, name: str) -> JsonObject:
        """One object. Raises NotFound."""
        return self._json(Call("GET", resource.path(namespace, name), {}), _READS)

    def read(self, path: str) -> JsonObject:
        """The JSON behind a path, such as `/version`."""
        return self._json(Call("GET", path, {}), _READS)

    def create(
        self, resource: Resource, namespace: str | None, body: Mapping[str, Any], *, dry_run: bool = False
    ) -> JsonObject:
        """Creates an object. Raises AlreadyExists, Invalid, Forbidden. Never sent twice."""
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict", **({"dryRun": "All"} if dry_run else {})}
        return self._json(Call("POST", resource.path(namespace), query, body), _READS if dry_run else _WRITES)

    def merge_patch(self, resource: Resource, namespace: str | None, name: str, body: Mapping[str, Any]) -> JsonObject:
        """A JSON merge patch, sent again when the answer was lost: the same patch twice changes nothing more."""
        query = {"fieldManager": FIELD_MANAGER}
        return self._json(Call("PATCH", resource.path(namespace, name), query, body), _READS)

    def watch(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        resource_version: str,
        label_selector: str | None = None,
        field_selector: str | None = None,
        seconds: float = _WATCH_SECONDS,
    ) -> Iterator[WatchEvent]:
        """Changes since `resource_version`, at most for so many seconds.

        Raises Gone when that version is too old, Unavailable when the connection is lost.
        """
        query = _selectors(label_selector, field_selector) | {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(max(1, int(seconds))),
        }
        call = Call("GET", resource.path(namespace), query)
        response = self._insist(call, _READS)
        transport.without_limit(self._connected(), seconds + _READ_SECONDS)
        splitter = LineSplitter()
        try:
            while chunk := response.read1(65536):
                for line in splitter.feed(chunk):
                    yield _event(line)
        except (http.client.HTTPException, OSError) as error:
            raise Unavailable(0, "ConnectionLost", f"watch {resource.plural}: {error!r}") from error
        finally:
            self.close()  # half a stream may be left in it

    def _pages(self, resource: Resource, namespace: str | None, query: dict[str, str]) -> ObjectList:
        items: list[JsonObject] = []
        while True:
            page = self._json(Call("GET", resource.path(namespace), query), _READS)
            items += ({"apiVersion": resource.api_version, "kind": resource.kind, **i} for i in page.get("items") or ())
            position = page["metadata"].get("continue")
            if not position:
                return ObjectList(tuple(items), page["metadata"]["resourceVersion"])
            query = {**query, "continue": position}

    def _json(self, call: Call, repeatable: Repeatable) -> JsonObject:
        response = self._insist(call, repeatable)
        try:
            answer = json.loads(response.read())
        except (http.client.HTTPException, OSError) as error:
            self.close()
            raise Unavailable(0, "ConnectionLost", f"{call.method} {call.path}: {error!r}") from error
        except ValueError as error:
            raise Unavailable(response.status, "NotJson", f"{call.method} {call.path}: {error}") from error
        if not isinstance(answer, dict):
            raise Unavailable(response.status, "NotJson", f"{call.method} {call.path}: the answer is not an object")
        return answer

    def _insist(self, call: Call, repeatable: Repeatable) -> http.client.HTTPResponse:
        """Sends a call until it succeeds or may not be repeated; renews credentials that were refused, once."""
        renewed = False
        failures = 0
        while True:
            try:
                return self._send(call)
            except Unauthorized:
                if renewed or self._identity is None:
                    raise
                renewed, self._identity = True, None
                self.close()
            except ApiError as error:
                failures += 1
                delay = retry_delay(error, repeatable, failures)
                if delay is None or failures >= _ATTEMPTS:
                    raise
                time.sleep(delay)

    def _send(self, call: Call) -> http.client.HTTPResponse:
        connection = self._connected()
        data = None if call.body is None else json.dumps(call.body).encode()
        try:
            connection.putrequest(call.method, call.url)
            for name, value in self._headers(call, data):
                connection.putheader(name, value)
            connection.endheaders(data)
            transport.without_limit(connection, _READ_SECONDS)
            response = connection.getresponse()
            if 200 <= response.status < 300:
                return response
            raise _error(response)
        except (http.client.HTTPException, OSError) as error:
            self.close()
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise Unavailable(0, "ConnectionLost", f"no answer from {self.target.server} ({reason})") from error

    def _headers(self, call: Call, data: bytes | None) -> Headers:
        sent = [("Accept", "application/json"), ("User-Agent", _user_agent()), *self._who().headers]
        if self._acting_as:
            sent = [header for header in sent if header[0] != "Impersonate-User"]
            sent.append(("Impersonate-User", self._acting_as))
        if data is not None:
            patch = call.method == "PATCH"
            sent.append(("Content-Type", "application/merge-patch+json" if patch else "application/json"))
            sent.append(("Content-Length", str(len(data))))
        return tuple(sent)

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            identity = self._who()
            if self._tls is None:
                self._tls = transport.tls_context(self.target, identity)
            self._connection = transport.open_connection(self.target, self._tls)
        return self._connection

    def _who(self) -> Identity:
        if self._identity is None:
            self._identity = identify(self.target, self._path)
            self._tls = None  # it shows the identity's certificate
        return self._identity


def _selectors(label: str | None, field: str | None) -> dict[str, str]:
    given = {"labelSelector": label, "fieldSelector": field}
    return {name: value for name, value in given.items() if value}


def _error(response: http.client.HTTPResponse) -> ApiError:
    data = response.read()
    try:
        status = json.loads(data)
    except ValueError:
        status = None  # a proxy's page: its text is the message
    after = response.headers.get("Retry-After") or ""
    return from_status(
        response.status,
        status if isinstance(status, dict) else {},
        text=data[:300].decode(errors="replace"),
        retry_after=float(after) if after.isascii() and after.isdigit() else None,
    )


def _event(line: bytes) -> WatchEvent:
    """Raises the error that an ERROR event carries: with code 410 it is Gone."""
    event = json.loads(line)
    if event["type"] == "ERROR":
        raise from_status(int(event["object"].get("code") or 500), event["object"])
    return WatchEvent(event["type"], event["object"])


def _user_agent() -> str:
    from importlib import metadata  # noqa: PLC0415 - not before a call is made

    try:
        return f"{FIELD_MANAGER}/{metadata.version('rollkeeper')}"
    except metadata.PackageNotFoundError:
        return FIELD_MANAGER  # a source tree that was never installed
