"""What the demo knows of the cluster at one moment, as plain values: displays and checks are functions of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rollkeeper.api.v1alpha1 import ScaleSet, UpgradeRun
from rollkeeper.api.v1alpha1.names import LABEL_IMAGE_VERSION, LABEL_ORDINAL
from rollkeeper.api.v1alpha1.scale_set_status import HistoryEntry

ENDED = frozenset({"Completed", "Cancelled", "Faulted"})


@dataclass(frozen=True)
class Instance:
    """One pod, as an onlooker sees it."""

    ordinal: int
    version: str
    healthy: bool


@dataclass(frozen=True)
class Scene:
    """All of it; `runs` are oldest first, `instances` by ordinal, `claims` are the uids of the data disks by name."""

    scale_set: ScaleSet | None = None
    runs: tuple[UpgradeRun, ...] = ()
    instances: tuple[Instance, ...] = ()
    claims: Mapping[str, str] = field(default_factory=dict)

    @property
    def active_run(self) -> UpgradeRun | None:
        """The run that works on the set now."""
        name = self.scale_set.status.active_run_name if self.scale_set else None
        return next((run for run in self.runs if run.metadata.name == name), None)

    def run_to(self, version: str) -> UpgradeRun | None:
        """The newest run to a version."""
        return next((run for run in reversed(self.runs) if target(run) == version), None)

    def history_of(self, version: str) -> HistoryEntry | None:
        """What the set's status keeps of the newest run to a version."""
        history = self.scale_set.status.os_upgrade_history if self.scale_set else ()
        return next((entry for entry in history if entry.target_image_reference.version == version), None)

    def all_healthy_on(self, version: str) -> bool:
        """Every instance that the set asks for is there, healthy, and runs this version."""
        wanted = self.scale_set.spec.replicas if self.scale_set else -1
        good = [instance for instance in self.instances if instance.healthy and instance.version == version]
        return len(good) == len(self.instances) == wanted


def target(run: UpgradeRun) -> str:
    """The version that a run goes to; empty before it has started."""
    reference = run.status.target_image_reference
    return reference.version if reference else ""


def code(run: UpgradeRun) -> str:
    """Where a run stands; empty before the controller has seen it."""
    return run.status.running_status.code if run.status.running_status else ""


def read_instance(raw: Mapping[str, Any]) -> Instance:
    """A pod of the set."""
    meta, status = raw["metadata"], raw.get("status", {})
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", ()))
    healthy = ready and status.get("phase") == "Running" and "deletionTimestamp" not in meta
    return Instance(int(meta["labels"][LABEL_ORDINAL]), meta["labels"].get(LABEL_IMAGE_VERSION, "?"), healthy)
