"""Writes of UpgradeRuns: status and finalizer, each under the resourceVersion that was read."""

from dataclasses import dataclass

from rollkeeper.api.v1alpha1 import UpgradeRun, UpgradeRunStatus
from rollkeeper.api.v1alpha1.names import FINALIZER_RUN
from rollkeeper.controllers.finalizers import Finalizers
from rollkeeper.controllers.patches import status_patch
from rollkeeper.controllers.resources import UPGRADE_RUNS
from rollkeeper.kube.api import KubeApi
from rollkeeper.kube.store import Key, Store


@dataclass(frozen=True)
class RunWriter:
    """Keeps the cache equal to what it has written. Raises ApiError, Conflict when the run has changed since."""

    api: KubeApi
    runs: Store[UpgradeRun]

    async def write_status(self, run: UpgradeRun, status: UpgradeRunStatus) -> bool:
        """Writes what differs. False: nothing does (I7)."""
        patch = status_patch(run.status, status)
        if not patch:
            return False
        body = {"metadata": {"resourceVersion": run.metadata.resource_version}, "status": patch}
        written = await self.api.merge_patch(UPGRADE_RUNS, *_key(run), body, subresource="status")
        self.runs.apply(written)
        return True

    async def guard(self, run: UpgradeRun) -> None:
        """Puts our finalizer on a run (F7)."""
        await self._finalizers.put_on(run, FINALIZER_RUN)

    async def let_go(self, run: UpgradeRun) -> None:
        """Takes our finalizer off; a run that was only waiting for that is gone then."""
        await self._finalizers.take_off(run, FINALIZER_RUN)

    @property
    def _finalizers(self) -> Finalizers[UpgradeRun]:
        return Finalizers(self.api, UPGRADE_RUNS, self.runs)


def _key(run: UpgradeRun) -> Key:
    return run.metadata.namespace, run.metadata.name
