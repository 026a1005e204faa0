"""The status of a ScaleSet: counts, assignment, what is proven and held, history."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from rollkeeper.api.v1alpha1 import rules
from rollkeeper.api.v1alpha1.batch_in_hand import BatchInHand
from rollkeeper.api.v1alpha1.meta import Conditions, Model, Ranges

RunCode = Literal["Pending", "RollingForward", "RollingBack", "Completed", "Cancelled", "Faulted"]


MOST_RESOLVED = 64


class AssignedVersion(Model):
    """What a group of instances is meant to run; kept for missing pods too."""

    version: str
    """The image version."""
    image: str
    """The full image reference."""
    model_revision: str
    """The ControllerRevision with the model."""
    replicas: int
    """How many instances are in the group."""
    instances: Ranges
    """Their ordinals, `0-3,7`."""


class ResolvedImage(Model):
    """What a version was when the set first used it (V8)."""

    image: str
    """The image's name: publisher/offer/sku or gallery/definition."""
    version: str
    """The version."""
    reference: str
    """Its container image by digest."""


class HeldVersion(Model):
    """A version that is not rolled out by itself again (F3)."""

    image: str
    """The image's name: publisher/offer/sku or gallery/definition."""
    version: str
    """The version that is held."""
    above: bool = False
    """True: every version above `version` that existed at `time` is held, not `version` itself (V5)."""
    except_: Annotated[tuple[str, ...], Field(alias="except", json_schema_extra=rules.limited(100))] = ()
    """With `above`: versions that the hold no longer covers. Versions published after `time` are never covered."""
    model_revision: str | None = None
    """Only for a held pair: the revision it failed with."""
    run_name: str
    """The run that led to the hold. `rollkeeper.io/release-hold: <version>/<runName>` releases it."""
    reason: str
    """UpgradedUnhealthy, CancelledByUser, UserDowngrade or RepeatedFailure."""
    message: str = ""
    """The same as a sentence, with the numbers."""
    time: datetime
    """Since when."""


class HeldModelRevision(Model):
    """A model that is not rolled out by itself again (F3)."""

    revision: str
    """The ControllerRevision with the model."""
    run_name: str
    """The run that led to the hold. `rollkeeper.io/release-hold: <revision>/<runName>` releases it."""
    reason: str
    """UpgradedUnhealthy, CancelledByUser or RepeatedFailure."""
    message: str = ""
    """The same as a sentence, with the numbers."""
    time: datetime
    """Since when."""


class Retry(Model):
    """When something that failed is tried again (F8)."""

    type: Literal["OSImage", "Model"]
    """Type of the run."""
    target: str
    """The image version or model revision that is tried."""
    attempt: int
    """How often it was tried."""
    failures: int = 0
    """How often in a row the instances' own failures stopped it."""
    not_before: datetime | None = None
    """Not tried again before this time."""


class RunningStatus(Model):
    """Where a run stands."""

    code: RunCode = "Pending"
    """Pending, RollingForward, RollingBack, Completed, Cancelled or Faulted."""
    start_time: datetime | None = None
    """When the run left Pending."""
    completed_time: datetime | None = None
    """When the run ended."""
    last_action: Literal["Start", "Pause", "Resume", "Cancel"] | None = None
    """What was last asked of the run."""
    last_action_time: datetime | None = None
    """When that was."""


class Progress(Model):
    """How many instances of a run are where."""

    successful_instance_count: int = 0
    """On the target and healthy."""
    failed_instance_count: int = 0
    """Did not become healthy, whatever became of putting them back."""
    in_progress_instance_count: int = 0
    """In the current batch."""
    pending_instance_count: int = 0
    """Still to come."""
    skipped_instance_count: int = 0
    """Left alone: protected, or on the target and unhealthy."""
    summary: str | None = None
    """Done of all, for columns: `16/20`."""


class HistoryProgress(Model):
    """The four counts of a run that has ended."""

    successful_instance_count: int = 0
    """On the target and healthy."""
    failed_instance_count: int = 0
    """Did not become healthy, whatever became of putting them back."""
    in_progress_instance_count: int = 0
    """In the current batch."""
    pending_instance_count: int = 0
    """Still to come."""


class HistoryRunningStatus(Model):
    """How and when a run ended."""

    code: RunCode
    """Completed, Cancelled or Faulted."""
    start_time: datetime | None = None
    """When the run left Pending; absent where it never did."""
    completed_time: datetime | None = None
    """When the run ended."""


class TargetImageReference(Model):
    """The image that a run brings instances to."""

    publisher: str | None = None
    """Publisher of a platform image."""
    offer: str | None = None
    """Offer of a platform image."""
    sku: str | None = None
    """SKU of a platform image."""
    gallery: str | None = None
    """Gallery of a custom image."""
    definition: str | None = None
    """Definition of a custom image."""
    version: str
    """The version, as Major.Minor.Patch."""
    image: str | None = None
    """The full image reference."""


class RollbackInfo(Model):
    """What became of the instances that were put back."""

    successfully_rolledback_instance_count: int = 0
    """Failed instances that are healthy again on what they ran before."""
    failed_rolledback_instance_count: int = 0
    """Failed instances that did not become healthy on what they ran before either."""


class RunError(Model):
    """Why a run ended the way it did."""

    code: str
    """One CamelCase word."""
    message: str
    """A sentence with the numbers."""


class HistoryEntry(Model):
    """One finished OS image upgrade, in the shape of Azure's history call."""

    run_name: str
    """The UpgradeRun, which may be gone by now."""
    running_status: HistoryRunningStatus
    """How and when the run ended."""
    progress: HistoryProgress
    """How many instances were where in the end."""
    started_by: Literal["User", "Platform"]
    """Who created the run: a user, or the controller."""
    target_image_reference: TargetImageReference
    """The image that the run went to."""
    rollback_info: RollbackInfo
    """What became of the instances that were put back."""
    error: RunError | None = None
    """Why the run ended the way it did, where there is something to say."""


class ScaleSetStatus(Model):
    """What the controller keeps of a scale set."""

    observed_generation: int = -1
    """The generation that this status belongs to."""
    replicas: int = 0
    """How many instances have a pod."""
    ready_replicas: int = 0
    """How many instances are healthy."""
    updated_replicas: int = 0
    """How many instances run the active run's target, or without a run what is proven."""
    unhealthy_replicas: int = 0
    """How many instances are not healthy; starting ones do not count."""
    label_selector: str | None = None
    """The pods of the set, for autoscalers and budgets."""
    proven_image: str | None = None
    """The image whose version is proven: publisher/offer/sku or gallery/definition."""
    proven_image_version: str | None = None
    """The version that new instances get without asking (F4)."""
    proven_model_revision: str | None = None
    """The model revision that goes with it."""
    creation_version: str | None = None
    """While nothing is proven: the version that instances are created with (F4b)."""
    creation_model_revision: str | None = None
    """The model revision that goes with it."""
    latest_image_version: str | None = None
    """The newest version that the set may run."""
    model_revision: str | None = None
    """The revision of the model in spec."""
    active_run_name: str | None = None
    """The run that works on the set now."""
    batch_in_hand: BatchInHand | None = None
    """What that run has in hand (F7)."""
    versions: Annotated[tuple[AssignedVersion, ...], Field(json_schema_extra=rules.limited(64))] = ()
    """What each instance is meant to run."""
    resolved_images: Annotated[tuple[ResolvedImage, ...], Field(json_schema_extra=rules.limited(MOST_RESOLVED))] = ()
    """The first resolution of each version that the set uses or used lately: it counts for the set whatever becomes of
    the ImageVersion (V8)."""
    ever_healthy: Ranges | None = None
    """Instances that were healthy once, while nothing is proven."""
    starting: Ranges | None = None
    """Instances that joined by scaling out and were not healthy yet."""
    protected: Ranges | None = None
    """Instances that are not upgraded: their pods carry the label, or did when they were last seen (B10)."""
    left_failed: Ranges | None = None
    """Instances that a run left failed, until they are healthy or gone (T7)."""
    retry: Annotated[tuple[Retry, ...], Field(json_schema_extra=rules.limited(20))] = ()
    """Runs that are tried again, and when (F8)."""
    held_versions: Annotated[tuple[HeldVersion, ...], Field(json_schema_extra=rules.limited(20))] = ()
    """Versions that are not rolled out by themselves (F3)."""
    held_model_revisions: Annotated[tuple[HeldModelRevision, ...], Field(json_schema_extra=rules.limited(20))] = ()
    """Models that are not rolled out by themselves (F3)."""
    os_upgrade_history: Annotated[
        tuple[HistoryEntry, ...], Field(alias="osUpgradeHistory", json_schema_extra=rules.limited(20))
    ] = ()
    """The last upgrades, newest first (F6)."""
    conditions: Conditions = ()
    """Ready, Reconciling, Stalled, UpToDate, UpgradeBlocked."""
