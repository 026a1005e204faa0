"""`rollkeeper` that signals itself right after a chosen call to the API server was answered (I8).

    python -m tests.cluster.killable SIGKILL POINT run …     a crash
    python -m tests.cluster.killable SIGSTOP POINT run …     a machine that stands still until SIGCONT

The package knows nothing of this: its client's writing calls are wrapped before the command starts. So the moment of
the crash is the same each time, without sleeping, and nothing of what the process would have done next happens.
"""

import functools
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rollkeeper.cli import main
from rollkeeper.kube.client import Client
from tests.cluster.audit import Json
from tests.cluster.invariants import FINAL
from tests.cluster.replay import ordinals

VERBS = ("create", "merge_patch", "strategic_patch", "json_patch", "delete", "evict")
_MODULE = ("-m", "tests.cluster.killable")
KILLED = (*_MODULE, "SIGKILL")
"""The arguments of Python that run it; a point follows."""
FROZEN = (*_MODULE, "SIGSTOP")


@dataclass(frozen=True)
class Called:
    """A writing call that was answered."""

    verb: str
    plural: str
    body: Json
    answer: Json

    @property
    def status(self) -> Json:
        """What it changed in a status."""
        return self.body.get("status") or {}

    @property
    def stored_status(self) -> Json:
        """The whole status after it."""
        return self.answer.get("status") or {}

    @property
    def made_by(self) -> str:
        """What a pod was made for, empty for other calls."""
        made = (self.verb, self.plural) == ("create", "pods")
        return str(self.body["metadata"]["annotations"]["rollkeeper.io/made-by"]) if made else ""


Point = Callable[[Called], bool]


def _run_status(called: Called) -> bool:
    return called.plural == "upgraderuns" and bool(called.status)


def _puts_back(called: Called) -> bool:
    return _run_status(called) and bool(ordinals(called.stored_status.get("instances", {}).get("failed")))


CREATION: Mapping[str, Point] = {
    "creation pair written": lambda c: c.plural == "scalesets" and "creationVersion" in c.status,
    "first pod made": lambda c: c.made_by == "FirstCreation",
    "proven": lambda c: c.plural == "scalesets" and "provenImageVersion" in c.status,
}
"""Moments of a first creation, in their order."""

FORWARD: Mapping[str, Point] = {
    "run created": lambda c: (c.verb, c.plural) == ("create", "upgraderuns"),
    "run named by the set": lambda c: c.plural == "scalesets" and bool(c.status.get("activeRunName")),
    "first batch written": lambda c: _run_status(c) and (c.status.get("currentBatch") or {}).get("number") == 1,
    "first pod evicted": lambda c: c.verb == "evict",
    "assignment written": lambda c: (
        c.plural == "scalesets" and bool(c.stored_status.get("activeRunName")) and len(c.status.get("versions", ())) > 1
    ),
    "first pod created": lambda c: c.made_by.endswith("/1/Forward"),
    "second batch written": lambda c: _run_status(c) and (c.status.get("currentBatch") or {}).get("number") == 2,
    "final code written": lambda c: _run_status(c) and c.status.get("runningStatus", {}).get("code") in FINAL,
    "set let go of the run": lambda c: c.plural == "scalesets" and c.status.get("activeRunName", "") is None,
    "finalizer removed": lambda c: (
        c.plural == "upgraderuns" and c.verb == "merge_patch" and c.body["metadata"].get("finalizers") == []
    ),
}
"""Moments of a run that goes well, in their order."""

BACK: Mapping[str, Point] = {
    "failed written": _puts_back,
    "broken pod deleted": lambda c: (c.verb, c.plural) == ("delete", "pods"),
    "pod put back": lambda c: c.made_by.endswith("/Back"),
    "second pod put back": lambda c: c.made_by.endswith("/Back") and c.body["metadata"]["name"] == "web-1",
    "stop written": FORWARD["final code written"],
    "hold written": lambda c: c.plural == "scalesets" and bool(c.status.get("heldVersions")),
}
"""Moments of a run to a broken version, in their order."""

USERS: Mapping[str, Point] = {
    "finalizer added": lambda c: (
        c.plural == "upgraderuns" and c.verb == "merge_patch" and bool(c.body["metadata"].get("finalizers"))
    ),
    "run cancelled": lambda c: _run_status(c) and c.status.get("runningStatus", {}).get("code") == "Cancelled",
}
"""Moments of a user's run that is deleted in the middle."""

MACHINES: Mapping[str, Point] = {
    "machine changed": lambda c: (c.verb, c.plural) == ("json_patch", "virtualmachines"),
    "guest deleted": lambda c: (c.verb, c.plural) == ("delete", "virtualmachineinstances"),
}
"""Moments of the first swap of a virtual machine's OS disk."""

POINTS = {**CREATION, **FORWARD, **BACK, **USERS, **MACHINES}


def arm(number: signal.Signals, point: Point) -> None:
    """From now on the first call at that point is the last one before the signal."""
    reached = Once(point)
    for verb in VERBS:
        setattr(Client, verb, _signalling(verb, getattr(Client, verb), number, reached))


class Once:
    """A point that is passed once: a process that was woken is not to be stopped again."""

    def __init__(self, point: Point) -> None:
        self._point: Point | None = point

    def __call__(self, called: Called) -> bool:
        if self._point is None or not self._point(called):
            return False
        self._point = None
        return True


def _signalling(
    verb: str, call: Callable[..., Awaitable[Any]], number: signal.Signals, reached: Once
) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(call)
    async def wrapped(*args: object, **kwargs: object) -> object:
        answer = await call(*args, **kwargs)
        if not kwargs.get("dry_run") and reached(_called(verb, args, answer)):
            os.kill(os.getpid(), number)
        return answer

    return wrapped


def _called(verb: str, args: tuple[Any, ...], answer: object) -> Called:
    """`args` begin with the client; an eviction names no resource."""
    plural = "pods" if verb == "evict" else args[1].plural
    body = args[-1] if isinstance(args[-1], Mapping) else {}
    return Called(verb, plural, dict(body), answer if isinstance(answer, dict) else {})


if __name__ == "__main__":
    arm(signal.Signals[sys.argv.pop(1)], POINTS[sys.argv.pop(1)])
    main()
