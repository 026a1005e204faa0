"""Where a version counts: publishing to a region stages a rollout (V4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line reads pods without the models
    from rollkeeper.api.v1alpha1 import ImageVersionSpec


@dataclass(frozen=True, slots=True)
class There:
    """What a version is for the sets of one region."""

    image: str
    """The container image to use there."""
    listed: bool
    """The version is meant for the region."""
    excluded: bool
    """Hidden from latest, altogether or in the region (V3)."""


def at(spec: ImageVersionSpec, region: str | None) -> There:
    """V4: a version without target regions counts everywhere; with some, in these alone.

    A set without a region (None) sees only versions that list none.
    """
    if not spec.target_regions:
        return There(spec.image, listed=True, excluded=spec.exclude_from_latest)
    for target in spec.target_regions:
        if target.name == region:
            excluded = spec.exclude_from_latest or target.exclude_from_latest
            return There(target.image or spec.image, listed=True, excluded=excluded)
    return There(spec.image, listed=False, excluded=spec.exclude_from_latest)
