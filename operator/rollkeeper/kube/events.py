"""Writes Kubernetes Events: what happened to an object, for `kubectl describe` and `kubectl events`.

Whatever a person must act on is also in the object's status; Events are the story around it and are gone after an
hour. So they are written beside the work, never in its way.
"""

import asyncio
import logging
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from rollkeeper.kube.api import JsonObject, KubeApi
from rollkeeper.kube.errors import AlreadyExists, ApiError, NotFound
from rollkeeper.kube.resources import EVENTS

CONTROLLER = "rollkeeper.io/controller"

_NOTE = 1024
"""Bytes of UTF-8: the API server, which says "characters", refuses longer ones."""
_SERIES_SECONDS = 360.0
"""A repeat within so long of the last one belongs to the same series."""
_PATCH_SECONDS = 60.0
"""A series is written at most this often: repeats in between are only counted."""
_REMEMBERED = 2_000
_PENDING = 500

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ObjectReference:
    """The object that an Event is about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str

    @classmethod
    def of(cls, raw: JsonObject) -> "ObjectReference":
        """The reference to an object."""
        meta = raw["metadata"]
        return cls(raw["apiVersion"], raw["kind"], meta.get("namespace") or "", meta["name"], meta["uid"])


@dataclass(frozen=True)
class _Notice:
    regarding: ObjectReference
    type: Literal["Normal", "Warning"]
    reason: str
    action: str
    note: str


@dataclass
class _Series:
    """What is remembered of an Event that was written."""

    name: str
    count: int
    last_at: float
    written_at: float


class EventRecorder:
    """Takes notices at once and writes them in the background, in order, equal ones as one series.

    `instance` names this process (the pod's name). A notice that finds 500 others waiting is dropped: an API server
    that is that slow has better things to do.
    """

    def __init__(self, api: KubeApi, instance: str, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._api = api
        self._instance = instance[:128]
        self._now = now
        self._pending: deque[_Notice] = deque()
        self._wakeup = asyncio.Event()
        self._series: OrderedDict[_Notice, _Series] = OrderedDict()
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Notices that were never written: too many at once, or the API server refused them."""
        return self._dropped

    def record(self, regarding: ObjectReference, reason: str, note: str, *, action: str, warning: bool = False) -> None:
        """Notes an Event. `reason` and `action` are CamelCase words of a small set; `note` is for people.

        A note is cut to 1024 bytes. Nothing is raised and nothing is waited for.
        """
        if len(self._pending) >= _PENDING:
            self._dropped += 1
            return
        self._pending.append(_Notice(regarding, "Warning" if warning else "Normal", reason, action, _shortened(note)))
        self._wakeup.set()

    async def run(self) -> None:
        """Writes notices until it is cancelled."""
        while True:
            await self.drain()
            self._wakeup.clear()
            await self._wakeup.wait()

    async def drain(self) -> None:
        """Writes what is waiting now. For a clean stop, under a deadline of the caller's."""
        while self._pending:
            notice = self._pending.popleft()
            try:
                await self._write(notice)
            except ApiError as error:
                # The one place where an error of the API is dropped: an Event tells of work that is done and shown in
                # the status. To fail or repeat the work for it would be worse than a missing line in `describe`.
                self._dropped += 1
                logger.warning("an event was not written (%s on %s): %s", notice.reason, notice.regarding.name, error)

    async def _write(self, notice: _Notice) -> None:
        time = asyncio.get_running_loop().time()
        series = self._series.get(notice)
        if series is None or time - series.last_at > _SERIES_SECONDS:
            await self._create(notice, time)
            return
        series.count += 1
        series.last_at = time
        if series.count > 2 and time - series.written_at < _PATCH_SECONDS:
            return
        try:
            await self._continue(notice, series)
            series.written_at = time
        except NotFound:
            await self._create(notice, time)  # its hour was over

    async def _create(self, notice: _Notice, time: float) -> None:
        name = f"{notice.regarding.name[:200].rstrip('.-')}.{uuid.uuid4().hex[:16]}"
        with suppress(AlreadyExists):  # nobody else has that name: our first try worked, its answer was lost
            await self._api.create(EVENTS, self._namespace(notice), self._body(notice, name))
        self._series[notice] = _Series(name, 1, time, time)
        self._series.move_to_end(notice)
        if len(self._series) > _REMEMBERED:
            self._series.popitem(last=False)

    async def _continue(self, notice: _Notice, series: _Series) -> None:
        body = {"series": {"count": series.count, "lastObservedTime": self._timestamp()}}
        await self._api.merge_patch(EVENTS, self._namespace(notice), series.name, body)

    def _body(self, notice: _Notice, name: str) -> dict[str, Any]:
        about = notice.regarding
        return {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": name, "namespace": self._namespace(notice)},
            "eventTime": self._timestamp(),
            "type": notice.type,
            "reason": notice.reason,
            "action": notice.action,
            "note": notice.note,
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
            "regarding": {
                "apiVersion": about.api_version,
                "kind": about.kind,
                "name": about.name,
                "uid": about.uid,
                **({"namespace": about.namespace} if about.namespace else {}),
            },
        }

    @staticmethod
    def _namespace(notice: _Notice) -> str:
        return notice.regarding.namespace or "default"  # where Kubernetes wants Events about cluster-wide objects

    def _timestamp(self) -> str:
        return self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _shortened(note: str) -> str:
    data = note.encode()
    if len(data) <= _NOTE:
        return note
    mark = "…"
    return data[: _NOTE - len(mark.encode())].decode(errors="ignore") + mark
