"""Which version is latest, and which one automatic upgrades go to (V1 to V5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from rollkeeper.api.v1alpha1.names import ANNOTATION_RELEASE_HOLD
from rollkeeper.engine import machine_models, regions

if TYPE_CHECKING:  # the command line reads pods without the models
    from rollkeeper.api.v1alpha1 import (
        ImageReference,
        ImageSourceSpec,
        ImageVersion,
        ImageVersionSpec,
        ScaleSet,
        ScaleSetStatus,
    )
    from rollkeeper.api.v1alpha1.scale_set_status import HeldModelRevision, HeldVersion, TargetImageReference
from rollkeeper.engine.reasons import Hold

LATEST = "latest"
_PART = r"(0|[1-9][0-9]{0,9})"
_VERSION = re.compile(rf"{_PART}\.{_PART}\.{_PART}")
_MAX_PART = 2**31 - 1


@lru_cache(maxsize=4096)
def parse_version(text: str) -> tuple[int, int, int]:
    """The three numbers of a version, which compare as V2 asks. Raises ValueError with a sentence for the user."""
    match = _VERSION.fullmatch(text)
    if match is None or max(parts := tuple(map(int, match.groups()))) > _MAX_PART:
        raise ValueError(
            f"{text!r} is no version: write Major.Minor.Patch, numbers from 0 to {_MAX_PART} without leading zeros"
        )
    major, minor, patch = parts
    return major, minor, patch


def is_version(text: str) -> bool:
    """Whether a text is a version; a model revision never is."""
    return _VERSION.fullmatch(text) is not None


def is_higher(version: str, than: str) -> bool:
    """Whether a version is higher, number by number (V2)."""
    return parse_version(version) > parse_version(than)


def image_name(of: ImageReference | ImageVersionSpec | ImageSourceSpec | TargetImageReference) -> str:
    """`publisher/offer/sku` of a platform image, `gallery/definition` of a custom one (V1)."""
    if of.gallery is not None:
        return f"{of.gallery}/{of.definition}"
    return f"{of.publisher}/{of.offer}/{of.sku}"


def proven_version(scale_set: ScaleSet, status: ScaleSetStatus) -> str | None:
    """The proven version of the set's image; one of another image is not consulted (V6)."""
    same = status.proven_image == image_name(scale_set.spec.image_reference)
    return status.proven_image_version if same else None


@dataclass(frozen=True)
class Published:
    """A version of the set's image that the set can see."""

    version: str
    image: str
    custom: bool
    os_type: str
    excluded: bool
    ready: bool
    deleting: bool
    automatic: bool
    listed: bool
    """Meant for the set's region (V4)."""
    replicated: bool
    """There, as far as anybody asked."""
    created: datetime | None

    @property
    def eligible(self) -> bool:
        """Counts as latest for users' runs and first creation (V3)."""
        return self.ready and self.replicated and not self.excluded and not self.deleting

    @property
    def automatic_eligible(self) -> bool:
        """Could be chosen by automatic upgrades, were it not held (V3)."""
        return self.eligible and (self.custom or self.automatic)


def unpublished(version: str, image: str) -> Published:
    """A version that instances run and whose ImageVersion is gone: it can still be held (F5)."""
    return Published(
        version=version,
        image=image,
        custom=False,
        os_type="",
        excluded=True,
        ready=False,
        deleting=True,
        automatic=False,
        listed=False,
        replicated=False,
        created=None,
    )


Catalogue = dict[str, Published]
"""The versions of the set's image by number."""


def catalogue_of(scale_set: ScaleSet, visible: Iterable[ImageVersion]) -> Catalogue:
    """The versions of the set's image, of equal numbers the one that counts.

    Of a set whose OS disks are claims, those that are claims; of all others those that are container images.
    """
    of_claims = machine_models.runs_claims(scale_set.spec)
    wanted = image_name(scale_set.spec.image_reference)
    found: dict[str, ImageVersion] = {}
    for version in visible:
        number = version.spec.version
        if image_name(version.spec) == wanted and (version.spec.claim_name is not None) == of_claims:
            rivals = [version, found[number]] if number in found else [version]
            found[number] = that_counts(rivals, scale_set.metadata.namespace)
    return {number: _published(version, scale_set.spec.region) for number, version in found.items()}


def that_counts(rivals: Iterable[ImageVersion], namespace: str) -> ImageVersion:
    """Of versions of one number, for the sets of a namespace: what is ready, then their own, then the older (V1)."""

    def rank(version: ImageVersion) -> tuple[bool, bool, datetime, str]:
        meta = version.metadata
        age = meta.creation_timestamp or datetime.max.replace(tzinfo=UTC)
        return not _is_ready(version), meta.namespace != namespace, age, meta.name

    return min(rivals, key=rank)


def _is_ready(version: ImageVersion) -> bool:
    return any(c.type == "Ready" and c.status == "True" for c in version.status.conditions)


def _published(version: ImageVersion, region: str | None) -> Published:
    spec = version.spec
    there = regions.at(version, region)
    return Published(
        version=spec.version,
        image=there.image,
        custom=spec.gallery is not None,
        os_type=spec.os_type,
        excluded=there.excluded,
        ready=_is_ready(version),
        deleting=version.metadata.deletion_timestamp is not None,
        automatic=spec.automatic_os_upgrade_supported,
        listed=there.listed,
        replicated=there.replicated,
        created=version.metadata.creation_timestamp,
    )


def is_held(scale_set: ScaleSet, published: Published, revision: str, image: str | None = None) -> HeldVersion | None:
    """The first hold that keeps automatic upgrades of this set from a version (F3)."""
    return next(holds_on(scale_set, published, revision, image), None)


def holds_on(
    scale_set: ScaleSet, published: Published, revision: str, image: str | None = None
) -> Iterator[HeldVersion]:
    """All holds on a version; none on the proven one. A hold on a pair counts only together with its model revision.

    `image` is the name of the version's image, where that is not the set's (any more).
    """
    status = scale_set.status
    name = image or image_name(scale_set.spec.image_reference)
    if published.version == status.proven_image_version and name == status.proven_image:
        return
    for hold in status.held_versions:
        pair = hold.model_revision in (None, revision)
        if hold.image == name and pair and covers(hold, published) and not is_released(scale_set, hold.version, hold):
            yield hold


def hold_on_pin(scale_set: ScaleSet, published: Published, revision: str) -> HeldVersion | None:
    """The hold that keeps a set from the version it is pinned to (I6).

    Going down was a user's wish, and so is the pin, which is newer: a hold of that kind does not count.
    """
    found = holds_on(scale_set, published, revision)
    return next((hold for hold in found if hold.reason != Hold.USER_DOWNGRADE), None)


def held_revision(scale_set: ScaleSet, revision: str) -> HeldModelRevision | None:
    """The hold on a model revision (F3); never on the proven one."""
    if revision == scale_set.status.proven_model_revision:
        return None
    for hold in scale_set.status.held_model_revisions:
        if hold.revision == revision and not is_released(scale_set, hold.revision, hold):
            return hold
    return None


def covers(hold: HeldVersion, published: Published) -> bool:
    """Whether a hold on the image counts for a version: what was published later is never held by `above` (V5)."""
    if not hold.above:
        return hold.version == published.version
    return (
        is_higher(published.version, hold.version)
        and published.version not in hold.except_
        and (published.created is None or published.created <= hold.time)
    )


def is_released(scale_set: ScaleSet, target: str, hold: HeldVersion | HeldModelRevision) -> bool:
    """Whether the user's annotation releases this hold on a version or revision (F3)."""
    return scale_set.metadata.annotations.get(ANNOTATION_RELEASE_HOLD) == f"{target}/{hold.run_name}"


def _highest(candidates: Iterable[Published], os_type: str) -> Published | None:
    fitting = [c for c in candidates if c.os_type == os_type]
    return max(fitting, key=lambda c: parse_version(c.version), default=None)


def latest(scale_set: ScaleSet, catalogue: Catalogue) -> Published | None:
    """What a first creation on `latest` gets (V3)."""
    return _highest((c for c in catalogue.values() if c.eligible), scale_set.spec.os_type)


def latest_for_user(scale_set: ScaleSet, catalogue: Catalogue, revision: str) -> Published | None:
    """What a user's run to `latest` goes to: as latest, but held versions are left out (V3)."""
    return _highest(
        (c for c in catalogue.values() if c.eligible and is_held(scale_set, c, revision) is None),
        scale_set.spec.os_type,
    )


def automatic_target(scale_set: ScaleSet, catalogue: Catalogue, revision: str) -> Published | None:
    """What automatic upgrades go to (V3); None: nothing, or they are off, or the version is pinned (T2)."""
    spec = scale_set.spec
    follows = spec.upgrade_policy.automatic_os_upgrade_policy.enable_automatic_os_upgrade
    if not follows or spec.image_reference.version != LATEST:
        return None
    return _highest(
        (c for c in catalogue.values() if c.automatic_eligible and is_held(scale_set, c, revision) is None),
        spec.os_type,
    )


def creation_version(scale_set: ScaleSet, catalogue: Catalogue) -> Published | None:
    """What first creation installs: the pinned version if it is there for the set's region (V4), or latest (F4b)."""
    pinned = scale_set.spec.image_reference.version
    if pinned == LATEST:
        return latest(scale_set, catalogue)
    published = catalogue.get(pinned)
    if published is None or published.os_type != scale_set.spec.os_type or not published.replicated:
        return None
    if published.deleting and scale_set.status.creation_version != pinned:
        return None  # nothing begins to use what is going (V7)
    return published
