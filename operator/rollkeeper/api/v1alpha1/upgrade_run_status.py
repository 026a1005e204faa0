"""The status of an UpgradeRun: progress, batches, failures, and what it waits for."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from rollkeeper.api.v1alpha1 import rules
from rollkeeper.api.v1alpha1.batch_in_hand import Origin
from rollkeeper.api.v1alpha1.meta import Conditions, Model, Ranges
from rollkeeper.api.v1alpha1.scale_set import ReplacementMethod, RollingUpgradePolicy
from rollkeeper.api.v1alpha1.scale_set_status import (
    Progress,
    RollbackInfo,
    RunError,
    RunningStatus,
    TargetImageReference,
)


class RunPolicy(RollingUpgradePolicy):
    """The set's policy as it was when the run started, with what the run itself decides."""

    min_healthy_seconds: int = 0
    """How long a replaced instance must stay healthy before it counts (H2)."""
    automatic_rollback: bool = False
    """Whether instances that do not become healthy are put back."""
    replacement_method: ReplacementMethod = "Recreate"
    """How instances get another OS disk."""


class RunInstances(Model):
    """Where each instance is, as ranges: in one of succeeded, failed, skipped, inProgress and pending (I5)."""

    succeeded: Ranges = ""
    """On the target and healthy."""
    failed: Ranges = ""
    """Did not become healthy, whatever became of putting them back."""
    rolled_back: Ranges = ""
    """Of the failed: put back and healthy."""
    rollback_failed: Ranges = ""
    """Of the failed: could not be put back."""
    skipped: Ranges = ""
    """Left alone: protected, or on the target and unhealthy."""
    in_progress: Ranges = ""
    """In the current batch."""
    pending: Ranges = ""
    """Still to come."""
    uncounted: Ranges = ""
    """Failures that do not count in B8: unhealthy before their batch, or stuck while terminating (H8)."""


class CurrentBatch(Model):
    """The batch in hand, written before its first instance is touched (I9)."""

    number: int
    """Batches are counted from 1."""
    instances: Ranges
    """Its ordinals, `0-3,7`."""
    domain: str = ""
    """The zone of the batch, where batches keep to one."""
    phase: Literal["Upgrading", "RollingBack"] = "Upgrading"
    """RollingBack: instances of the batch are being put back."""
    recreated: Ranges = ""
    """Instances whose new pod vanished and was made again, once (H2)."""
    start_time: datetime
    """When the batch was written."""


class Relapse(Model):
    """Upgraded instances that turned unhealthy (B8)."""

    instances: Ranges
    """Their ordinals, `0-3,7`."""
    since: datetime
    """When they turned unhealthy."""


class FinishedBatch(Model):
    """A batch that is over."""

    number: int
    """Batches are counted from 1."""
    instances: Ranges
    """Its ordinals, `0-3,7`."""
    start_time: datetime
    """When the batch was written."""
    completed_time: datetime
    """When the last of its instances was settled."""
    succeeded: int
    """How many of its instances are healthy on the target."""
    failed: int
    """How many of its instances did not become healthy."""


class Failure(Model):
    """Why an instance failed (H5)."""

    instance: int
    """Its ordinal."""
    reason: str
    """Why, as one CamelCase word: of ours, or of the kubelet's, such as ImagePullBackOff."""
    message: str
    """Why, as a sentence: what the container, the kubelet or the scheduler said."""
    time: datetime
    """When the instance was found to have failed."""


class FailureReason(Model):
    """How many instances failed for a reason."""

    reason: str
    """Why, as one CamelCase word."""
    environment: bool
    """True: the surroundings failed (a node, a quota), not the image."""
    count: int
    """How many instances failed for it."""


class UpgradeRunStatus(Model):
    """How the run goes."""

    observed_generation: int = -1
    """The generation that this status belongs to."""
    running_status: RunningStatus | None = None
    """Where the run stands."""
    display_status: str | None = None
    """One word for the column: the code, or Paused."""
    target_image_reference: TargetImageReference | None = None
    """The image, fixed at the start."""
    target_model_revision: str | None = None
    """The model revision, fixed at the start."""
    policy: RunPolicy | None = None
    """Limits and time-outs, fixed at the start."""
    progress: Progress | None = None
    """Counts."""
    rollback_info: RollbackInfo | None = None
    """What became of the instances that were put back."""
    instances: RunInstances | None = None
    """Ordinals."""
    origins: Annotated[tuple[Origin, ...], Field(json_schema_extra=rules.limited(64))] = ()
    """What the instances ran before."""
    current_batch: CurrentBatch | None = None
    """The batch in hand."""
    relapses: Annotated[tuple[Relapse, ...], Field(json_schema_extra=rules.limited(20))] = ()
    """Upgraded instances that turned unhealthy, and since when."""
    batches: Annotated[tuple[FinishedBatch, ...], Field(json_schema_extra=rules.limited(50))] = ()
    """Finished batches, newest last, at most 50."""
    failures: Annotated[tuple[Failure, ...], Field(json_schema_extra=rules.limited(20))] = ()
    """At most 20, the first of each reason kept."""
    failure_reasons: Annotated[tuple[FailureReason, ...], Field(json_schema_extra=rules.limited(50))] = ()
    """All failures, counted."""
    error: RunError | None = None
    """Why the run ended the way it did."""
    message: str | None = None
    """What the run does or waits for now."""
    conditions: Conditions = ()
    """Succeeded, Finished, Paused; Ready, Reconciling, Stalled for generic tools."""
