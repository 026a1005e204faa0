"""A network that loses calls and answers, and a process that dies between any two of them."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

from rollkeeper.kube import errors
from rollkeeper.kube.api import JsonObject, KubeApi, ObjectList, WatchEvent
from rollkeeper.kube.resources import PODS, Resource

T = TypeVar("T")

Verb = Literal["list", "watch", "get", "create", "patch", "delete", "evict"]
READS = frozenset({"list", "watch", "get"})


class Killed(BaseException):
    """The process was killed here. Not an Exception, so that nothing in the controller can catch and survive it."""


@dataclass(frozen=True)
class Call:
    """One call as it reached the API server, or would have."""

    number: int
    """Counts the calls of one FaultyApi, from 0."""
    verb: Verb
    resource: Resource
    namespace: str | None
    name: str
    subresource: str = ""
    dry_run: bool = False

    @property
    def is_write(self) -> bool:
        return self.verb not in READS and not self.dry_run

    @property
    def kind(self) -> str:
        """`patch scalesets/status`, to be counted."""
        path = "/".join(part for part in (self.resource.plural, self.subresource) if part)
        return f"{self.verb} {path}{' (dry run)' if self.dry_run else ''}"

    def __str__(self) -> str:
        """`patch scalesets/web/status`, for logs of a rollout."""
        path = "/".join(part for part in (self.resource.plural, self.name, self.subresource) if part)
        return f"{self.verb} {path}{' (dry run)' if self.dry_run else ''}"


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a call: before it had an effect, or after it with the answer lost."""

    when: Literal["before", "after"]
    error: Callable[[], BaseException]


def lost(when: Literal["before", "after"]) -> Fault:
    """No answer: with `after` the call has taken effect, and nobody knows."""
    return Fault(when, lambda: errors.Unavailable(0, "ConnectionLost", "simulated: the connection was lost"))


def killed(when: Literal["before", "after"]) -> Fault:
    """SIGKILL just before or after a call."""
    return Fault(when, Killed)


CONFLICT = Fault("before", lambda: errors.Conflict(409, "Conflict", "simulated: the object has been modified"))
THROTTLED = Fault("before", lambda: errors.Throttled(429, "TooManyRequests", "simulated: slow down"))

Plan = Callable[[Call], Fault | None]
"""Asked for each call, in order."""


def no_faults(_call: Call) -> Fault | None:
    return None


def at_call(number: int, fault: Fault) -> Plan:
    """The fault for that one call."""
    return lambda call: fault if call.number == number else None


def at_write(number: int, fault: Fault) -> Plan:
    """The fault for the write of that number, counted from 0; dry runs don't count."""
    return Nth(number, fault, lambda call: call.is_write)


@dataclass
class Nth:
    """The fault for the call of that number (from 0) among those that match."""

    number: int
    fault: Fault
    matches: Callable[[Call], bool]
    _seen: int = 0

    def __call__(self, call: Call) -> Fault | None:
        if not self.matches(call):
            return None
        self._seen += 1
        return self.fault if self._seen == self.number + 1 else None


@dataclass
class Sometimes:
    """Each call has one of the faults with that probability; the same seed, the same faults."""

    source: random.Random
    probability: float
    faults: Sequence[Fault] = (lost("before"), lost("after"), CONFLICT)

    def __call__(self, _call: Call) -> Fault | None:
        return self.source.choice(self.faults) if self.source.random() < self.probability else None


class FaultyApi:
    """Any `KubeApi`, seen by one process: with faults by plan, and a log of its calls.

    After `Killed` the process is dead: whatever of it still runs gets `Killed` from every call, and can't write any
    more. The process that is started after it gets a FaultyApi of its own. With `breathe` each call lets other tasks
    run first, so that two controllers can interleave between any two calls.
    """

    def __init__(self, api: KubeApi, plan: Plan = no_faults, *, breathe: bool = False) -> None:
        self.log: list[Call] = []
        self.plan = plan
        self.dead = False
        self._api = api
        self.breathe = breathe
        self._calls = 0

    @property
    def writes(self) -> list[Call]:
        """The calls of the log that write; a call that was lost before its effect is among them."""
        return [call for call in self.log if call.is_write]

    def kill(self) -> None:
        """From now on the process is dead."""
        self.dead = True

    async def list(
        self, resource: Resource, namespace: str | None = None, *, label_selector: str | None = None
    ) -> ObjectList:
        call = self._call("list", resource, namespace, "")
        return await self._make(call, lambda: self._api.list(resource, namespace, label_selector=label_selector))

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str | None = None,
    ) -> AsyncIterator[WatchEvent]:
        """A fault ends the stream before its first event; `dead` ends it at the next one."""
        fault = await self._begin(self._call("watch", resource, namespace, ""))
        if fault is not None:
            raise self._failed(fault)
        stream = self._api.watch(resource, namespace, resource_version=resource_version, label_selector=label_selector)
        async with aclosing(cast("AsyncGenerator[WatchEvent]", stream)):
            async for event in stream:
                if self.dead:
                    raise Killed
                yield event

    async def get(self, resource: Resource, namespace: str | None, name: str) -> JsonObject:
        call = self._call("get", resource, namespace, name)
        return await self._make(call, lambda: self._api.get(resource, namespace, name))

    async def create(
        self, resource: Resource, namespace: str | None, body: Mapping[str, Any], *, dry_run: bool = False
    ) -> JsonObject:
        meta = body.get("metadata", {})
        name = str(meta.get("name") or meta.get("generateName", ""))
        call = self._call("create", resource, namespace, name, dry_run=dry_run)
        return await self._make(call, lambda: self._api.create(resource, namespace, body, dry_run=dry_run))

    async def merge_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Mapping[str, Any],
        *,
        subresource: Literal["status"] | None = None,
    ) -> JsonObject:
        call = self._call("patch", resource, namespace, name, subresource or "")
        return await self._make(
            call, lambda: self._api.merge_patch(resource, namespace, name, body, subresource=subresource)
        )

    async def strategic_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Mapping[str, Any],
        *,
        subresource: Literal["status"] | None = None,
    ) -> JsonObject:
        call = self._call("patch", resource, namespace, name, subresource or "")
        return await self._make(
            call, lambda: self._api.strategic_patch(resource, namespace, name, body, subresource=subresource)
        )

    async def json_patch(
        self, resource: Resource, namespace: str | None, name: str, operations: Sequence[Mapping[str, Any]]
    ) -> JsonObject:
        call = self._call("patch", resource, namespace, name)
        return await self._make(call, lambda: self._api.json_patch(resource, namespace, name, operations))

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> JsonObject | None:
        call = self._call("delete", resource, namespace, name)
        return await self._make(
            call, lambda: self._api.delete(resource, namespace, name, uid=uid, resource_version=resource_version)
        )

    async def evict(self, namespace: str, name: str, *, uid: str, dry_run: bool = False) -> None:
        call = self._call("evict", PODS, namespace, name, "eviction", dry_run=dry_run)
        await self._make(call, lambda: self._api.evict(namespace, name, uid=uid, dry_run=dry_run))

    def _call(
        self,
        verb: Verb,
        resource: Resource,
        namespace: str | None,
        name: str,
        subresource: str = "",
        *,
        dry_run: bool = False,
    ) -> Call:
        self._calls += 1
        return Call(self._calls - 1, verb, resource, namespace, name, subresource, dry_run)

    async def _make(self, call: Call, act: Callable[[], Awaitable[T]]) -> T:
        fault = await self._begin(call)
        if fault is not None and fault.when == "before":
            raise self._failed(fault)
        answer = await act()
        if fault is not None:
            raise self._failed(fault)
        if self.dead:  # killed while it waited for the answer
            raise Killed
        return answer

    async def _begin(self, call: Call) -> Fault | None:
        if self.breathe:
            await asyncio.sleep(0)
        if self.dead:
            raise Killed
        self.log.append(call)
        return self.plan(call)

    def _failed(self, fault: Fault) -> BaseException:
        error = fault.error()
        if isinstance(error, Killed):
            self.dead = True
        return error
