"""Group `rollkeeper.io`, version `v1alpha1`: ScaleSet, ImageVersion, UpgradeRun."""

from rollkeeper.api.v1alpha1.image_version import ImageVersion, ImageVersionSpec, ImageVersionStatus
from rollkeeper.api.v1alpha1.meta import Condition, ObjectMeta
from rollkeeper.api.v1alpha1.names import GROUP, VERSION
from rollkeeper.api.v1alpha1.scale_set import ImageReference, ScaleSet, ScaleSetSpec
from rollkeeper.api.v1alpha1.scale_set_status import ScaleSetStatus
from rollkeeper.api.v1alpha1.upgrade_run import UpgradeRun, UpgradeRunSpec
from rollkeeper.api.v1alpha1.upgrade_run_status import UpgradeRunStatus

__all__ = [
    "GROUP",
    "VERSION",
    "Condition",
    "ImageReference",
    "ImageVersion",
    "ImageVersionSpec",
    "ImageVersionStatus",
    "ObjectMeta",
    "ScaleSet",
    "ScaleSetSpec",
    "ScaleSetStatus",
    "UpgradeRun",
    "UpgradeRunSpec",
    "UpgradeRunStatus",
]
