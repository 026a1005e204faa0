"""Leader election by a Lease: at most one process acts, and one that can't be sure any more stops at once.

Our own, because the client's elector keeps working after its lease is lost while a call hangs. The rules are
client-go's: every holder renews often, gives up well before others may take over, and nobody compares clocks of two
machines: how long a lease has not been renewed is measured here, from when we first saw its present state.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rollkeeper.kube.api import JsonObject, KubeApi
from rollkeeper.kube.backoff import jitter
from rollkeeper.kube.errors import AlreadyExists, ApiError, Conflict, NotFound
from rollkeeper.kube.resources import LEASES

logger = logging.getLogger(__name__)


class LeadershipLost(Exception):  # noqa: N818 - says what happened
    """The lease is somebody else's, or could not be renewed in time. The process must exit without acting again."""


@dataclass(frozen=True)
class LeaseTiming:
    """Seconds. `renew` must be well below `lease`: the difference is for a holder's last calls to end."""

    lease: float = 15.0
    """Others may take over after so long without a renewal."""
    renew: float = 10.0
    """The holder gives up after so long without a renewal."""
    retry: float = 2.0
    """Between two renewals."""
    ask: float = 1.0
    """Between two looks of who stands by: what a clean stop costs at most, beside the calls themselves."""
    call: float = 4.0
    """Deadline of one attempt: a hanging call leaves time for another."""


class Elector:
    """One candidate for one Lease.

    `identity` must be of this process alone (pod name and a random part): a restarted process with its predecessor's
    name would take over while the predecessor's last calls are under way.
    """

    def __init__(
        self,
        api: KubeApi,
        namespace: str,
        name: str,
        identity: str,
        *,
        timing: LeaseTiming | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`now` is only for the timestamps that people read in the Lease."""
        self._api = api
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._timing = timing if timing is not None else LeaseTiming()
        self._now = now
        self._seen: str | None = None
        self._seen_at = 0.0
        self._version = ""
        self._held_until: float | None = None
        self._complained = False

    @property
    def leading(self) -> bool:
        """Whether the lease is ours for now; cheap, to be asked right before acting."""
        return self._held_until is not None and _time() < self._held_until

    async def run(self, on_started: Callable[[], None], stop: asyncio.Event) -> None:
        """Waits for the lease, calls `on_started`, keeps the lease until `stop` is set, and gives it back.

        Set `stop` after the work has ended: another process may begin at once. Raises LeadershipLost: then exit. When
        cancelled, the lease is left to expire.
        """
        if not await self._acquire(stop):
            return
        logger.info("%s leads", self._identity)
        on_started()
        await self._keep(stop)
        await self._release()

    async def _acquire(self, stop: asyncio.Event) -> bool:
        while not stop.is_set():
            try:
                async with asyncio.timeout(self._timing.call):
                    if await self._try_to_take():
                        return True
            except (ApiError, TimeoutError) as error:
                if not self._complained:  # once, not every second of an outage
                    self._complained = True
                    logger.warning("cannot read or take the lease %s, trying again: %r", self._name, error)
            else:
                self._complained = False
            await _pause(stop, jitter(self._timing.ask, 0.2))
        return False

    async def _try_to_take(self) -> bool:
        """One attempt. False: somebody holds it, or was faster."""
        asked = _time()
        try:
            lease = await self._api.get(LEASES, self._namespace, self._name)
        except NotFound:
            with suppress(AlreadyExists):
                self._holds(await self._api.create(LEASES, self._namespace, self._new()), asked)
            return self.leading
        self._observe(lease)
        if not self._is_free(lease):
            return False
        spec = lease.get("spec") or {}
        changes = self._claim(int(spec.get("leaseTransitions") or 0) + 1)
        asked = _time()
        with suppress(Conflict):
            self._holds(await self._patch(lease["metadata"]["resourceVersion"], changes), asked)
        return self.leading

    def _observe(self, lease: JsonObject) -> None:
        # Any write counts as a renewal, not only a new renewTime: a holder whose clock stands still is alive.
        version = lease["metadata"]["resourceVersion"]
        if version != self._seen:
            self._seen, self._seen_at = version, _time()

    def _is_free(self, lease: JsonObject) -> bool:
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity") in {None, "", self._identity}:
            return True
        # The holder may run with a longer lease than ours, in the middle of an upgrade of the controller.
        patience = max(self._timing.lease, float(spec.get("leaseDurationSeconds") or 0))
        return _time() - self._seen_at > patience

    async def _keep(self, stop: asyncio.Event) -> None:
        """Renews until `stop` is set. Raises LeadershipLost."""
        failure: Exception | None = None
        while self._held_until is not None:
            left = self._held_until - _time()
            if left <= 0:
                self._held_until = None
                raise LeadershipLost(f"not renewed for {self._timing.renew:.0f} s: {failure!r}") from failure
            await _pause(stop, min(self._timing.retry, left))
            if stop.is_set():
                return
            try:
                async with asyncio.timeout_at(min(self._held_until, _time() + self._timing.call)):
                    await self._renew()
                failure = None
            except (ApiError, TimeoutError) as error:
                failure = error
                logger.warning("cannot renew the lease %s, trying again: %r", self._name, error)

    async def _renew(self) -> None:
        asked = _time()
        changes = {"renewTime": _micro_time(self._now())}
        try:
            self._holds(await self._patch(self._version, changes), asked)
        except NotFound as error:
            self._held_until = None
            raise LeadershipLost(f"the lease {self._name} was deleted") from error
        except Conflict as error:
            # Either it was taken, or somebody labelled it, or our last renewal worked and its answer was lost.
            lease = await self._api.get(LEASES, self._namespace, self._name)
            holder = (lease.get("spec") or {}).get("holderIdentity")
            if holder != self._identity:
                self._held_until = None
                raise LeadershipLost(f"the lease {self._name} is held by {holder or 'nobody'}") from error
            self._holds(await self._patch(lease["metadata"]["resourceVersion"], changes), asked)

    async def _release(self) -> None:
        self._held_until = None
        try:
            async with asyncio.timeout(self._timing.call):
                await self._patch(self._version, {"holderIdentity": "", "renewTime": _micro_time(self._now())})
        except (ApiError, TimeoutError) as error:
            # Nothing is wrong with this process' work: the next leader only waits until the lease has run out.
            logger.warning("cannot release the lease %s, it will expire: %r", self._name, error)

    def _holds(self, lease: JsonObject, asked: float) -> None:
        """Notes that the lease is ours, counted from before the request was sent: others count from later."""
        self._version = lease["metadata"]["resourceVersion"]
        self._held_until = asked + self._timing.renew

    def _claim(self, transitions: int) -> dict[str, Any]:
        now = _micro_time(self._now())
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": round(self._timing.lease),
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": transitions,
        }

    def _new(self) -> JsonObject:
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": self._claim(0),
        }

    async def _patch(self, version: str, spec: Mapping[str, Any]) -> JsonObject:
        """Changes the lease if it is still at that version, else raises Conflict: compare and swap."""
        body = {"metadata": {"resourceVersion": version}, "spec": spec}
        return await self._api.merge_patch(LEASES, self._namespace, self._name, body)


def _time() -> float:
    return asyncio.get_running_loop().time()


def _micro_time(moment: datetime) -> str:
    """Kubernetes' MicroTime; it refuses other numbers of digits."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    """Sleeps, but not past `stop`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
