"""UpgradeRun: one rollout of an image version over a scale set."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from rollkeeper.api.v1alpha1 import rules
from rollkeeper.api.v1alpha1.meta import Model, ObjectMeta
from rollkeeper.api.v1alpha1.upgrade_run_status import UpgradeRunStatus


class UpgradeRunSpec(Model):
    """What the run is to do. Of it only desiredState and ttlSecondsAfterFinished can change."""

    model_config = ConfigDict(json_schema_extra=rules.UPGRADE_RUN_SPEC)

    scale_set_name: Annotated[str, Field(min_length=1, max_length=253, json_schema_extra=rules.RUN_FIELD)]
    """The scale set in the same namespace. Immutable."""
    type: Annotated[Literal["OSImage", "Model"], Field(json_schema_extra=rules.RUN_FIELD)] = "OSImage"
    """`OSImage`: to an image version. `Model`: to the newest model, the versions stay as they are. Immutable."""
    image_version: Annotated[str, Field(max_length=64, json_schema_extra=rules.VERSION_OR_LATEST)] | None = None
    """`latest` or Major.Minor.Patch, up or down; resolved once, when the run starts. Left out: latest. Immutable."""
    started_by: Annotated[Literal["User", "Platform"], Field(json_schema_extra=rules.RUN_FIELD)] = "User"
    """`Platform` is for the controller alone. Immutable."""
    automatic_rollback: bool | None = None
    """Whether instances that do not become healthy are put back. Left out: only in runs by Platform. Immutable."""
    instances: Annotated[str, Field(min_length=1, max_length=4096, json_schema_extra=rules.RUN_INSTANCES)] | None = None
    """Only these ordinals, like `0-3,7`. Left out: all. Immutable."""
    desired_state: Annotated[
        Literal["Running", "Paused", "Cancelled"], Field(json_schema_extra=rules.DESIRED_STATE)
    ] = "Running"
    """Set it to Paused, Running or Cancelled while the run is active. Cancelled is for good."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=2147483647)] | None = None
    """The run is deleted so long after it has ended. Left out: a user's run stays."""


class UpgradeRun(Model):
    """One rollout of an image version over a scale set; made by the controller or by a user."""

    metadata: ObjectMeta
    spec: UpgradeRunSpec
    status: UpgradeRunStatus = UpgradeRunStatus()
