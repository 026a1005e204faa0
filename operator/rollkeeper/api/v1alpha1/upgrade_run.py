"""UpgradeRun: one rollout of an image version over a scale set."""

from typing import Annotated, Literal

from pydantic import Field

from rollkeeper.api.v1alpha1.meta import Model, ObjectMeta
from rollkeeper.api.v1alpha1.upgrade_run_status import UpgradeRunStatus


class UpgradeRunSpec(Model):
    """What the run is to do. Of it only desiredState can change."""

    scale_set_name: Annotated[str, Field(min_length=1, max_length=253)]
    """The scale set in the same namespace. Immutable."""
    type: Literal["OSImage"] = "OSImage"
    """`OSImage`: to an image version. Immutable."""
    image_version: Annotated[str, Field(max_length=64)] | None = None
    """`latest` or Major.Minor.Patch, up or down; resolved once, when the run starts. Left out: latest. Immutable."""
    started_by: Literal["User", "Platform"] = "User"
    """`Platform` is for the controller alone. Immutable."""
    automatic_rollback: bool | None = None
    """Whether an instance that does not become healthy is put back. Left out: true for Platform, false for User. Immutable."""
    instances: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    """Only these ordinals, like `0-3,7`. Left out: all. Immutable."""
    desired_state: Literal["Running", "Paused", "Cancelled"] = "Running"
    """Set it to Paused, Running or Cancelled while the run is active. Cancelled is for good."""


class UpgradeRun(Model):
    """One rollout of an image version over a scale set; made by the controller or by a user."""

    metadata: ObjectMeta
    spec: UpgradeRunSpec
    status: UpgradeRunStatus = UpgradeRunStatus()
