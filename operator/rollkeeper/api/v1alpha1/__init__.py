"""Group `rollkeeper.io`, version `v1alpha1`: ScaleSet, ImageVersion, UpgradeRun, ImageSource.

The models are imported when they are first asked for: the command line needs the names of labels at once, and pydantic
takes half the time that a command may take.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rollkeeper.api.v1alpha1.names import GROUP, VERSION

if TYPE_CHECKING:
    from rollkeeper.api.v1alpha1.image_source import ImageSource, ImageSourceSpec, ImageSourceStatus
    from rollkeeper.api.v1alpha1.image_version import ImageVersion, ImageVersionSpec, ImageVersionStatus
    from rollkeeper.api.v1alpha1.meta import Condition, ObjectMeta
    from rollkeeper.api.v1alpha1.scale_set import ImageReference, ScaleSet, ScaleSetSpec
    from rollkeeper.api.v1alpha1.scale_set_status import ScaleSetStatus
    from rollkeeper.api.v1alpha1.upgrade_run import UpgradeRun, UpgradeRunSpec
    from rollkeeper.api.v1alpha1.upgrade_run_status import UpgradeRunStatus

__all__ = [
    "GROUP",
    "VERSION",
    "Condition",
    "ImageReference",
    "ImageSource",
    "ImageSourceSpec",
    "ImageSourceStatus",
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

_MODULES = {
    "Condition": "meta",
    "ImageReference": "scale_set",
    "ImageSource": "image_source",
    "ImageSourceSpec": "image_source",
    "ImageSourceStatus": "image_source",
    "ImageVersion": "image_version",
    "ImageVersionSpec": "image_version",
    "ImageVersionStatus": "image_version",
    "ObjectMeta": "meta",
    "ScaleSet": "scale_set",
    "ScaleSetSpec": "scale_set",
    "ScaleSetStatus": "scale_set_status",
    "UpgradeRun": "upgrade_run",
    "UpgradeRunSpec": "upgrade_run",
    "UpgradeRunStatus": "upgrade_run_status",
}
"""Where each model is."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a model class, whichever is asked for
    """A model, imported now (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = found
    return found
