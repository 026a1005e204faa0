"""What the controller does to instances, whatever they are: pods (`pods`) or virtual machines (`virtual_machines`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from rollkeeper.api.v1alpha1 import ScaleSet
from rollkeeper.engine.actions import CreateInstance, SwapImage
from rollkeeper.engine.snapshot import Pair
from rollkeeper.instances.room import Room

Model = Mapping[str, Any]


class Provider(Protocol):
    """The calls on instances. All raise ApiError; their answers go into the caches at once."""

    async def create(self, scale_set: ScaleSet, model: Model, new: CreateInstance) -> None:
        """Makes an instance, and those of its claims that are missing. Raises NameTakenError."""
        ...

    async def dry_run(self, scale_set: ScaleSet, model: Model, pair: Pair) -> None:
        """M3: would the API server take an instance of this pair? Raises Invalid or Forbidden with its words."""
        ...

    async def evict(self, namespace: str, name: str, uid: str) -> bool:
        """Takes an instance down as its budgets let it (B12). False: that instance is not there any more."""
        ...

    async def room(self, namespace: str) -> Room:
        """What the disruption budgets leave for changes in place (B12)."""
        ...

    def counted(self, namespace: str, name: str) -> str:
        """The name of the pod that budgets count for an instance; empty while it has none."""
        ...

    async def may_evict(self, namespace: str, name: str, uid: str) -> bool:
        """Asks the API server whether it would evict an instance now; raises what `evict` raises if not (B12)."""
        ...

    async def swap(self, scale_set: ScaleSet, model: Model, change: SwapImage, now: datetime) -> None:
        """Gives an instance another OS disk in place. Raises Invalid or Forbidden when the API server refuses."""
        ...

    async def finish(self, scale_set: ScaleSet, ordinal: int, uid: str) -> None:
        """Does what is left of a swap that is written."""
        ...

    async def delete(self, namespace: str, name: str, uid: str) -> None:
        """Deletes that very instance; one that is gone already, or was made anew, is left alone."""
        ...


@dataclass(frozen=True)
class Providers:
    """Both, and which of them a set has."""

    pods: Provider
    machines: Provider

    def of(self, scale_set: ScaleSet) -> Provider:
        """What makes the instances of a set."""
        return self.machines if scale_set.spec.has_machines else self.pods
