"""I1 by what is seen of the instances: who was taken down by the controller, is not healthy again, and not given up.

A run's own account of its batch is believed for one thing only: that an instance has failed and is settled.
"""

from dataclasses import dataclass
from typing import Any

from rollkeeper.api.v1alpha1 import ScaleSet
from rollkeeper.api.v1alpha1.names import LABEL_ORDINAL, LABEL_SCALE_SET
from rollkeeper.controllers.resources import SCALE_SETS, UPGRADE_RUNS
from rollkeeper.engine import health, ranges
from rollkeeper.engine.limits import batch_size
from rollkeeper.kube.api import JsonObject
from tests.simulation.cluster import Cluster
from tests.simulation.sight import instance, standing

JsonMap = dict[str, Any]
ACTIVE = ("RollingForward", "RollingBack")


@dataclass(frozen=True)
class Down:
    """An instance that the controller has taken down, for a batch of at most so many."""

    scale_set: str
    ordinal: int
    run: str
    limit: int


class Downs:
    """All of them, in one namespace."""

    def __init__(self, cluster: Cluster) -> None:
        self._server = cluster.server
        self._found: dict[tuple[str, int], Down] = {}

    def taken(self, thing: JsonObject) -> None:
        """The controller asks to take a pod down, or changes it or a machine: this is how it stood there before."""
        labels = thing["metadata"]["labels"]
        name, ordinal = labels[LABEL_SCALE_SET], int(labels[LABEL_ORDINAL])
        scale_set = self._server.get(SCALE_SETS, "default", name)
        if "provenImageVersion" not in scale_set.get("status", {}):
            return  # F4b: there is nothing to protect
        run = self._active(name)
        # B2, T7: one that was unhealthy before a run took it is not unavailable by the controller's doing.
        if run is not None and self._is_healthy(scale_set, thing):
            limit = self._limit(scale_set, run["status"])
            self._found.setdefault((name, ordinal), Down(name, ordinal, run["metadata"]["name"], limit))

    def check(self) -> None:
        """I1."""
        for key, down in list(self._found.items()):
            if self._is_over(down):
                del self._found[key]
        by_set: dict[str, list[Down]] = {}
        for down in self._found.values():
            by_set.setdefault(down.scale_set, []).append(down)
        for name, downs in by_set.items():
            limit = max(down.limit for down in downs)
            ordinals = ranges.render(down.ordinal for down in downs)
            assert len(downs) <= limit, f"I1: {ordinals} of {name} were taken down and are not back, limit {limit}"

    def _active(self, name: str) -> JsonObject | None:
        runs = self._server.store.items(UPGRADE_RUNS, "default")
        mine = (run for run in runs if run["spec"]["scaleSetName"] == name)
        return next((r for r in mine if r.get("status", {}).get("runningStatus", {}).get("code") in ACTIVE), None)

    @staticmethod
    def _limit(scale_set: JsonObject, status: JsonMap) -> int:
        """B1's number when the batch was written: scaling in since then makes it no smaller."""
        members = sum(len(ranges.parse(status["instances"][place])) for place in _PLACES)
        return batch_size(status["policy"]["maxBatchInstancePercent"], max(scale_set["spec"]["replicas"], members))

    def _is_over(self, down: Down) -> bool:
        scale_set = self._server.store.get(SCALE_SETS, ("default", down.scale_set))
        if scale_set is None or down.ordinal >= scale_set["spec"]["replicas"]:
            return True
        there = standing(self._server, "default", f"{down.scale_set}-{down.ordinal}")
        return (there is not None and self._is_healthy(scale_set, there)) or self._is_given_up(down, scale_set)

    def _is_healthy(self, scale_set: JsonObject, thing: JsonObject) -> bool:
        return health.is_healthy(instance(self._server, thing), ScaleSet.model_validate(scale_set).spec.health)

    def _is_given_up(self, down: Down, scale_set: JsonObject) -> bool:
        run = self._server.store.get(UPGRADE_RUNS, ("default", down.run))
        if run is None:  # F7: it was removed; what it had in hand, the set knows
            hand = scale_set.get("status", {}).get("batchInHand", {})
            return hand.get("runName") != down.run or down.ordinal not in ranges.parse(hand["instances"])
        status = run["status"]
        places = ("rolledBack", "rollbackFailed", *(() if status["policy"]["automaticRollback"] else ("failed",)))
        return any(down.ordinal in ranges.parse(status["instances"][place]) for place in places)


_PLACES = ("succeeded", "failed", "skipped", "inProgress", "pending")
