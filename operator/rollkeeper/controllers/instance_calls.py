"""The calls on the instances of one set: side by side, each refusal remembered (B12, H5)."""

import asyncio
from collections.abc import Sequence
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
from rollkeeper.instances.pods import NameTakenError, Pods
from rollkeeper.kube.errors import ApiError, Forbidden, Invalid, Throttled, Unavailable


@dataclass(frozen=True)
class InstanceCalls:
    """Creates, evicts and deletes the pods of one set in one reconcile. Raises ApiError."""

    pods: Pods
    caches: Caches
    scale_set: ScaleSet
    memory: SetMemory
    now: datetime
    parallelism: int
    """Calls at once."""

    async def carry_out(self, todo: Sequence[do.InstanceAction]) -> None:
        """Side by side, but beginning slowly: where the first creates are refused, the others are not tried now."""
        rest, width = list(todo), 1
        while rest:
            now, rest = rest[:width], rest[width:]
            agreed = await asyncio.gather(*(self._one(action) for action in now))
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

    async def _one(self, action: do.InstanceAction) -> bool:
        """One instance. False: the API server refused; the memory knows why."""
        name = pod_spec.instance_name(self.scale_set, action.ordinal)
        log_instance(self.scale_set, action)
        if isinstance(action, do.CreateInstance):
            return await self._create(action)
        if isinstance(action, do.EvictInstance):
            return await self._evict(action, name)
        await self.pods.delete(self.scale_set.metadata.namespace, name, action.uid)
        self.memory.accepted(action.ordinal)
        return True

    async def _create(self, action: do.CreateInstance) -> bool:
        try:
            model = self.caches.model(self.scale_set, action.pair.revision)
            await self.pods.create(self.scale_set, model, action)
        except (Forbidden, Invalid) as error:
            self.memory.refused(action.ordinal, _refusal(error), error.message, action.made_by, self.now)
            return False
        except NameTakenError as error:
            self.memory.refused(action.ordinal, Failure.NAME_TAKEN, str(error), action.made_by, self.now)
            return False
        self.memory.accepted(action.ordinal)
        return True

    async def _evict(self, action: do.EvictInstance, name: str) -> bool:
        try:
            gone = await self.pods.evict(self.scale_set.metadata.namespace, name, action.uid)
        except Throttled as error:
            said = "; ".join(error.causes) or error.message
            self.memory.refused(action.ordinal, Failure.EVICTION_REFUSED, said, "", self.now)
            return False
        except Forbidden as error:
            self.memory.refused(action.ordinal, Failure.EVICTION_REFUSED, error.message, "", self.now)
            return False
        except Unavailable as error:
            if not budgets.is_two_budgets(error):
                raise
            said = await budgets.explain_two(self.pods.api, self.scale_set.metadata.namespace, name, error)
            self.memory.refused(action.ordinal, Failure.EVICTION_REFUSED, said, "", self.now)
            return False
        if gone:
            self.memory.taken_down.add(action.uid)
        self.memory.accepted(action.ordinal)
        return True


def _refusal(error: ApiError) -> str:
    if isinstance(error, Invalid):
        return Failure.INVALID
    return Failure.QUOTA_EXCEEDED if QUOTA in error.message else Failure.FORBIDDEN
