"""From a repository's tags to the ImageVersions that are to be made, and those that may go."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rollkeeper.api.v1alpha1 import ImageSource, ImageVersion, ScaleSet, UpgradeRun, names
from rollkeeper.api.v1alpha1.image_source import MOST_REMEMBERED, PublishedTag
from rollkeeper.engine.versions import LATEST, parse_version

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Tagged:
    """A tag that is a version."""

    tag: str
    version: str


@dataclass(frozen=True)
class Tags:
    """What a repository's tags say."""

    total: int
    matching: int
    newest: tuple[Tagged, ...]
    """The versions that are published, highest first: the newest of all, and `keep` older ones."""
    ignored: tuple[str, ...]
    """Why tags that match the pattern are left out, a sentence each."""


def read(source: ImageSource, tags: Collection[str], version_of: Callable[[str], str | None]) -> Tags:
    """Sorts tags out. Of two tags of one version the one that was published before counts, else the first by name."""
    chosen: dict[str, str] = {p.version: p.tag for p in source.status.published if p.tag in tags}
    ignored, matching = [], 0
    for tag in sorted(set(tags) - set(source.spec.exclude_tags)):
        version = version_of(tag)
        if version is None:
            continue
        try:
            parse_version(version)
        except ValueError as error:
            ignored.append(f"tag {tag}: {error}")
            continue
        matching += 1
        if chosen.setdefault(version, tag) != tag:
            ignored.append(f"tag {tag}: tag {chosen[version]} is version {version} already")
    usable = {v: t for v, t in chosen.items() if t not in source.spec.exclude_tags}
    order = sorted(usable, key=parse_version, reverse=True)
    newest = tuple(Tagged(usable[version], version) for version in order[: 1 + source.spec.keep])
    return Tags(len(set(tags)), matching, newest, tuple(ignored))


@dataclass(frozen=True)
class Digests:
    """What the tags stand for."""

    found: Mapping[str, str]
    """By tag."""
    unusable: tuple[str, ...] = ()
    """Why tags that are versions are no images, a sentence each."""


@dataclass(frozen=True)
class Plan:
    """What a scan comes to."""

    create: tuple[PublishedTag, ...]
    published: tuple[PublishedTag, ...]
    """What stands in the status afterwards."""
    moved: tuple[str, ...]
    """Tags that stand for something else than what was published, a sentence each."""


@dataclass(frozen=True)
class Result:
    """A scan that went through, and what came of it."""

    tags: Tags
    unusable: tuple[str, ...]
    """As in Digests."""
    plan: Plan
    refused: Mapping[str, str] = field(default_factory=dict)
    """By version: why its ImageVersion could not be made, a sentence each."""


def plan(source: ImageSource, tags: Tags, digests: Mapping[str, str], there: Mapping[str, ImageVersion]) -> Plan:
    """What to publish. `digests` are by tag, `there` the source's namespace's ImageVersions of the image by version.

    Nothing is published twice: not what stands in the status, be its ImageVersion deleted or not, and be its tag gone
    in the meantime; not a version that somebody has published by hand. And nothing that is published is changed (V7).
    """
    before = {p.version: p for p in source.status.published}
    create, published, moved = [], [], []
    for tagged in tags.newest:
        known = before.get(tagged.version) or _by_hand(tagged, there.get(tagged.version), digests)
        digest = digests.get(tagged.tag)
        if known is None and digest is not None:
            known = PublishedTag(tag=tagged.tag, version=tagged.version, digest=digest)
            create.append(known)
        elif known is not None and digest is not None and digest != known.digest:
            moved.append(f"tag {tagged.tag} was {known.digest} and is {digest} now")
        if known is not None:
            published.append(known)
    now = {p.version for p in published}
    gone = sorted((p for p in before.values() if p.version not in now), key=_number, reverse=True)
    remembered = [*published, *gone][:MOST_REMEMBERED]
    return Plan(tuple(create), tuple(sorted(remembered, key=_number, reverse=True)), tuple(moved))


def _number(published: PublishedTag) -> tuple[int, int, int]:
    return parse_version(published.version)


def _by_hand(tagged: Tagged, version: ImageVersion | None, digests: Mapping[str, str]) -> PublishedTag | None:
    """What somebody else published, or we before our status was lost."""
    if version is None:
        return None
    pinned = (version.status.resolved_image or version.spec.reference).partition("@")[2]
    return PublishedTag(tag=tagged.tag, version=tagged.version, digest=pinned or digests.get(tagged.tag, ""))


def manifest(source: ImageSource, published: PublishedTag) -> dict[str, Any]:
    """The ImageVersion of a tag, by digest."""
    spec, template = source.spec, source.spec.version_template
    name = {k: v for k in ("publisher", "offer", "sku", "gallery", "definition") if (v := getattr(spec, k)) is not None}
    regions = [
        {
            "name": region.name,
            "excludeFromLatest": region.exclude_from_latest,
            **({"image": f"{region.repository}@{published.digest}"} if region.repository else {}),
        }
        for region in template.target_regions
    ]
    return {
        "metadata": {
            "name": f"{source.metadata.name}-{published.version}",
            "labels": {**template.labels, names.LABEL_IMAGE_SOURCE: source.metadata.name},
            "annotations": {names.ANNOTATION_TAG: published.tag},
        },
        "spec": {
            **name,
            "version": published.version,
            "osType": template.os_type,
            "image": f"{spec.repository}@{published.digest}",
            "targetRegions": regions,
            "replication": template.replication,
            "automaticOSUpgradeSupported": template.automatic_os_upgrade_supported,
            **({"secretRef": {"name": spec.secret_ref.name}} if spec.secret_ref is not None else {}),
        },
    }


def used_versions(sets: Iterable[ScaleSet], runs: Iterable[UpgradeRun]) -> frozenset[str]:
    """Versions of an image that its sets, or runs that may have to put them back, still need (V7)."""
    found: set[str | None] = set()
    for scale_set in sets:
        status = scale_set.status
        found |= {status.proven_image_version, status.creation_version, scale_set.spec.image_reference.version}
        found |= {group.version for group in status.versions}
    for run in runs:
        target = run.status.target_image_reference
        found |= {run.spec.image_version, target.version if target is not None else None}
        found |= {origin.image_version for origin in run.status.origins}
    return frozenset(version for version in found if version is not None and version != LATEST)


def outdated(
    source: ImageSource, there: Iterable[ImageVersion], published: Iterable[PublishedTag], used: Collection[str]
) -> tuple[ImageVersion, ...]:
    """ImageVersions of the source that may go: of the old ones that nothing uses the newest `keep` stay.

    `there` are the ImageVersions of the source's image. One that is not older than all that was published is not old,
    even if its tag is gone.
    """
    newest = max(map(_number, published), default=None)
    if newest is None:
        return ()
    unused = [v for v in there if _is_own(source, v) and v.spec.version not in used and _of(v) < newest]
    return tuple(sorted(unused, key=_of, reverse=True)[source.spec.keep :])


def _is_own(source: ImageSource, version: ImageVersion) -> bool:
    meta = version.metadata
    return meta.labels.get(names.LABEL_IMAGE_SOURCE) == source.metadata.name and meta.deletion_timestamp is None


def _of(version: ImageVersion) -> tuple[int, int, int]:
    return parse_version(version.spec.version)
