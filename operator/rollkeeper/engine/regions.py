"""Where a version counts: publishing to a region stages a rollout (V4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line reads pods without the models
    from rollkeeper.api.v1alpha1 import ImageVersion
    from rollkeeper.api.v1alpha1.image_version import RegionReplication, TargetRegion


@dataclass(frozen=True, slots=True)
class There:
    """What a version is for the sets of one region."""

    image: str
    """The container image to use there, by digest where that is known (V8)."""
    listed: bool
    """The version is meant for the region."""
    replicated: bool
    """It is there, as far as spec.replication asks."""
    excluded: bool
    """Hidden from latest, altogether or in the region (V3)."""


def at(version: ImageVersion, region: str | None) -> There:
    """V4: a version without target regions counts everywhere; with some, in these alone.

    A set without a region (None) sees only versions that list none.
    """
    spec = version.spec
    everywhere = version.status.resolved_image or spec.reference
    if not spec.target_regions:
        return There(everywhere, listed=True, replicated=True, excluded=spec.exclude_from_latest)
    for target in spec.target_regions:
        if target.name == region:
            known = found(version, target)
            own = target.image is not None
            return There(
                image=(known and known.resolved_image) or target.image or everywhere,
                listed=True,
                # An image of the region's own is asked for by itself: until then nobody knows its digest.
                replicated=known.state == "Completed" if known else spec.replication == "Assumed" and not own,
                excluded=spec.exclude_from_latest or target.exclude_from_latest,
            )
    return There(everywhere, listed=False, replicated=False, excluded=spec.exclude_from_latest)


def reference(version: ImageVersion, target: TargetRegion) -> str:
    """The image of a version in a region, as the publisher wrote it."""
    return target.image or version.spec.reference


def found(version: ImageVersion, target: TargetRegion) -> RegionReplication | None:
    """What is known of a version in a region; what was found for another image there does not count."""
    wanted = reference(version, target)
    return next((r for r in version.status.replication_status if (r.region, r.image) == (target.name, wanted)), None)
