"""The API server's audit log: who wrote what, and when, told by somebody who does not belong to the controller."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.cluster.release import Right, controllers_of

Json = dict[str, Any]

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True)
class Write:
    """One call that asked for a change. Its body is there for the resources that `hack.localcluster` records."""

    user: str
    verb: str
    resource: str
    """Plural, with its subresource: `pods`, `pods/eviction`, `scalesets/status`."""
    namespace: str
    name: str
    code: int
    received: datetime
    completed: datetime
    body: Json = field(default_factory=dict)
    operations: tuple[Json, ...] = ()
    """Of a JSON patch."""
    dry_run: bool = False

    @property
    def by_controller(self) -> bool:
        """Whether a controller asked for it."""
        return self.user in controllers_of(self.namespace)

    @property
    def took_effect(self) -> bool:
        """The API server agreed, and it was meant."""
        return 200 <= self.code < 300 and not self.dry_run


class AuditLog:
    """The log of one cluster, which only grows."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def mark(self) -> int:
        """Where the log ends now: pass it to `writes` to leave out all that was before."""
        return self._path.stat().st_size

    def writes(self, namespace: str, since: int = 0) -> list[Write]:
        """The writes in a namespace, in the order in which they were answered."""
        found = [read(json.loads(line)) for line in self._lines(since) if namespace in line]
        return sorted(
            (w for w in found if w.namespace == namespace and w.verb in WRITES), key=lambda write: write.completed
        )

    def calls(self, namespace: str, resource: str) -> list[Write]:
        """All calls about a resource in a namespace, reads of service accounts among them, as they were answered."""
        found = [read(json.loads(line)) for line in self._lines(0) if namespace in line]
        named = (call for call in found if (call.namespace, call.resource) == (namespace, resource))
        return sorted(named, key=lambda call: call.completed)

    def asked(self, *accounts: str) -> Iterator["Asked"]:
        """Every call by service accounts of these names, in any namespace."""
        for line in self._lines(0):
            event = json.loads(line) if any(f':{account}"' in line for account in accounts) else {}
            kind, _, name = event.get("user", {}).get("username", "").rpartition(":")
            if name in accounts and kind.startswith("system:serviceaccount:") and event.get("objectRef"):
                yield asked(event)

    def _lines(self, since: int) -> Iterator[str]:
        with self._path.open("rb") as log:
            log.seek(since)
            for line in log:
                if line.endswith(b"\n"):  # the last one may be half written
                    yield line.decode()


@dataclass(frozen=True)
class Asked:
    """A call, and whether its user had the right to it."""

    by: str
    right: Right
    allowed: bool

    @property
    def account(self) -> str:
        """The namespace of the service account."""
        return self.by.split(":")[2]


def asked(event: Json) -> Asked:
    """One line of the log, about an object."""
    target = event["objectRef"]
    resource = "/".join(part for part in (target["resource"], target.get("subresource")) if part)
    right = Right(target.get("apiGroup", ""), resource, event["verb"])
    decision = event.get("annotations", {}).get("authorization.k8s.io/decision")
    return Asked(event["user"]["username"], right, decision == "allow")


def read(event: Json) -> Write:
    """One line of the log."""
    target = event.get("objectRef") or {}
    sent = event.get("requestObject") or {}
    body: Json = {} if isinstance(sent, list) else sent
    parts = [target.get("resource", ""), target.get("subresource", "")]
    return Write(
        user=event["user"]["username"],
        verb=event["verb"],
        resource="/".join(part for part in parts if part),
        namespace=target.get("namespace", ""),
        name=target.get("name") or body.get("metadata", {}).get("name", ""),
        code=(event.get("responseStatus") or {}).get("code", 0),
        received=datetime.fromisoformat(event["requestReceivedTimestamp"]),
        completed=datetime.fromisoformat(event["stageTimestamp"]),
        body=body,
        operations=tuple(sent) if isinstance(sent, list) else (),
        dry_run="dryRun=" in event["requestURI"] or bool(body.get("dryRun")),
    )
