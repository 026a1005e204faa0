"""The calls on the instances of one set: side by side, each refusal remembered (B12, H5)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from rollkeeper.api.v1alpha1 import ScaleSet
from rollkeeper.controllers.acts import log_instance
from rollkeeper.controllers.caches import Caches
from rollkeeper.controllers.memory import SetMemory
from rollkeeper.engine import actions as do
from rollkeeper.engine.reasons import Failure
from rollkeeper.instances import budgets, pod_spec
from rollkeeper.instances.dry_runs import QUOTA
from rollkeeper.instances.errors import ObstacleError
from rollkeeper.instances.provider import Provider
from rollkeeper.instances.room import Room
from rollkeeper.kube.api import KubeApi
from rollkeeper.kube.errors import ApiError, Forbidden, Invalid, Throttled, Unavailable


@dataclass(frozen=True)
class InstanceCalls:
    """Creates, evicts, changes and deletes the instances of one set in one reconcile. Raises ApiError."""

    api: KubeApi
    provider: Provider
    caches: Caches
    scale_set: ScaleSet
    memory: SetMemory
    now: datetime
    parallelism: int
    """Calls at once."""

    async def carry_out(self, todo: Sequence[do.InstanceAction]) -> None:
        """Side by side, but beginning slowly: where the first creates are refused, the others are not tried now."""
        rest, width, room = list(todo), 1, await self._room(todo)
        while rest:
            now, rest = rest[:width], rest[width:]
            agreed = await asyncio.gather(*(self._one(action, room) for action in now))
            if not all(agreed):
                self._put_off(rest, [action for action, said_yes in zip(now, agreed, strict=True) if not said_yes])
                return
            width = min(2 * width, self.parallelism)

    def _put_off(self, rest: Sequence[do.InstanceAction], refused: Sequence[do.InstanceAction]) -> None:
        """A quota that refused one create refuses the next: it waits too, instead of asking for each a moment later.

        Other refusals may be of that one instance alone, such as a name that is taken.
        """
        reasons = {
            action.pair: self.memory.refusals[action.ordinal]
            for action in refused
            if isinstance(action, do.CreateInstance) and self._is_full(action.ordinal)
        }
        for action in rest:
            if isinstance(action, do.CreateInstance) and action.pair in reasons:
                why = reasons[action.pair]
                self.memory.refused(action.ordinal, why.reason, why.message, action.made_by, self.now)

    def _is_full(self, ordinal: int) -> bool:
        refusal = self.memory.refusals.get(ordinal)
        return refusal is not None and refusal.reason == Failure.QUOTA_EXCEEDED

    async def _room(self, todo: Sequence[do.InstanceAction]) -> Room:
        """B12: what budgets leave for changes in place, looked at once for all of them."""
        if any(isinstance(action, do.SwapImage) and action.held_to_budgets for action in todo):
            return await self.provider.room(self.scale_set.metadata.namespace)
        return Room((), {})

    async def _one(self, action: do.InstanceAction, room: Room) -> bool:
        """One instance. False: the API server refused; the memory knows why."""
        name = pod_spec.instance_name(self.scale_set, action.ordinal)
        log_instance(self.scale_set, action)
        if isinstance(action, do.CreateInstance):
            return await self._create(action)
        if isinstance(action, do.EvictInstance):
            return await self._evict(action, name)
        if isinstance(action, do.SwapImage):
            return await self._may_swap(action, name, room) and await self._swap(action)
        if isinstance(action, do.FinishSwap):
            await self.provider.finish(self.scale_set, action.ordinal, action.uid)
            return True
        await self.provider.delete(self.scale_set.metadata.namespace, name, action.uid)
        self.memory.accepted(action.ordinal)
        return True

    async def _create(self, action: do.CreateInstance) -> bool:
        model = self.caches.model(self.scale_set, action.pair.revision)
        return await self._written(action, self.provider.create(self.scale_set, model, action), _refusal)

    async def _swap(self, action: do.SwapImage) -> bool:
        model = self.caches.model(self.scale_set, action.pair.revision)
        call = self.provider.swap(self.scale_set, model, action, self.now)
        return await self._written(action, call, lambda _error: Failure.SWAP_REFUSED)

    async def _written(
        self, action: do.CreateInstance | do.SwapImage, call: Awaitable[None], reason_of: Callable[[ApiError], str]
    ) -> bool:
        """Whether the API server took a pod as it was written; a refusal is remembered, whatever it is about (H5)."""
        try:
            await call
        except (Forbidden, Invalid) as error:
            self.memory.refused(action.ordinal, reason_of(error), error.message, action.made_by, self.now)
            return False
        except ObstacleError as error:
            self.memory.refused(action.ordinal, error.reason, str(error), action.made_by, self.now)
            return False
        self.memory.accepted(action.ordinal)
        return True

    async def _evict(self, action: do.EvictInstance, name: str) -> bool:
        gone = await self._granted(action, name, self.provider.evict)
        if gone is None:
            return False
        if gone:
            self.memory.taken_down.add(action.uid)
        self.memory.accepted(action.ordinal)
        return True

    async def _may_swap(self, action: do.SwapImage, name: str, room: Room) -> bool:
        """Whether its budgets let an image be changed in place now. Most sets have none: then nobody is asked (B12)."""
        counted = self.provider.counted(self.scale_set.metadata.namespace, name)
        if not action.held_to_budgets or not room.covering(counted):
            return True
        if await self._granted(action, name, self.provider.may_evict) is None:
            return False
        refusal = room.take(counted)
        if refusal:
            self.memory.refused(action.ordinal, Failure.EVICTION_REFUSED, refusal, "", self.now)
        return not refusal

    async def _granted(
        self,
        action: do.EvictInstance | do.SwapImage,
        name: str,
        ask: Callable[[str, str, str], Awaitable[bool]],
    ) -> bool | None:
        """The answer to an eviction, or to the question about one; None: refused, and the memory knows why."""
        namespace = self.scale_set.metadata.namespace
        try:
            return await ask(namespace, name, action.uid)
        except Throttled as error:
            said = "; ".join(error.causes) or error.message
        except Forbidden as error:
            said = error.message
        except Unavailable as error:
            if not budgets.is_two_budgets(error):
                raise
            said = await budgets.explain_two(self.api, namespace, name, error)
        self.memory.refused(action.ordinal, Failure.EVICTION_REFUSED, said, "", self.now)
        return None


def _refusal(error: ApiError) -> str:
    if isinstance(error, Invalid):
        return Failure.INVALID
    return Failure.QUOTA_EXCEEDED if QUOTA in error.message else Failure.FORBIDDEN
