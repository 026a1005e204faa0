"""`images` and `drift`: which versions there are, what they are to each set, and how far sets are behind.

What is latest for a set is the engine's own answer (V3, V4); the controller's readiness of versions is read as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rollkeeper.api.v1alpha1 import ImageVersion, ScaleSet
from rollkeeper.cli.plugin.errors import CommandError
from rollkeeper.cli.plugin.options import WIDE, Options
from rollkeeper.cli.plugin.output import without_noise, write_data
from rollkeeper.cli.plugin.screen import Cell, Table
from rollkeeper.cli.plugin.session import Session
from rollkeeper.controllers.resources import IMAGE_VERSIONS, SCALE_SETS
from rollkeeper.engine import regions, versions
from rollkeeper.kube.api import JsonObject

SHOWN = 10
"""Versions of an image that are listed without --all."""


@dataclass(frozen=True)
class Wanted:
    """Which versions to list; None: whatever."""

    scale_set: str | None = None
    image: tuple[str | None, ...] = ()
    """publisher, offer, sku, gallery, definition."""
    region: str | None = None
    everything: bool = False
    images_namespace: str | None = None


@dataclass(frozen=True)
class Line:
    """One version, as `images` tells it."""

    raw: JsonObject
    version: ImageVersion
    latest_for: tuple[str, ...]
    why_not: str
    """Why it is nobody's latest, where that is not just its number; empty: nothing is against it."""


@dataclass(frozen=True)
class Drift:
    """How far one set is behind."""

    scale_set: ScaleSet
    latest: str | None
    missed: tuple[ImageVersion, ...]
    """Usable versions above the proven one, oldest first."""
    held: tuple[str, ...]

    def days(self, now: datetime) -> int:
        """Since the first missed version was published."""
        first = self.missed[0] if self.missed else None
        began = (first.spec.published_time or first.metadata.creation_timestamp) if first else None
        return (now - began).days if began else 0


def why_not(version: ImageVersion, region: str | None) -> str:
    """What keeps a version from being latest in a region, in words (V3, V4)."""
    there = regions.at(version, region)
    said = []
    if version.metadata.deletion_timestamp is not None:
        said.append("being deleted")
    ready = next((c for c in version.status.conditions if c.type == "Ready"), None)
    if ready is None or ready.status != "True":
        said.append(f"not ready ({ready.reason})" if ready else "not ready")
    if not there.listed:
        said.append(f"not in region {region}" if region else "only in some regions, none was named")
    elif not there.replicated:
        said.append("not replicated yet")
    if there.excluded:
        said.append("excluded from latest")
    if version.spec.gallery is None and not version.spec.automatic_os_upgrade_supported:
        said.append("not for automatic upgrades")
    return ", ".join(said)


def lines(raws: Sequence[JsonObject], scale_sets: Sequence[ScaleSet], shared: str | None, wanted: Wanted) -> list[Line]:
    """The versions that are wanted, by image, newest first."""
    read = [(raw, ImageVersion.model_validate(raw)) for raw in raws]
    latest: dict[tuple[str, str], list[str]] = {}
    for scale_set in scale_sets:
        found = versions.latest(
            scale_set, versions.catalogue_of(scale_set, visible(scale_set, [v for _, v in read], shared))
        )
        if found is not None:
            image = versions.image_name(scale_set.spec.image_reference)
            latest.setdefault((image, found.version), []).append(scale_set.metadata.name)
    chosen = [(raw, v) for raw, v in read if _is_wanted(v, wanted)]
    # Newest first within an image: two stable sorts.
    chosen.sort(key=lambda pair: versions.parse_version(pair[1].spec.version), reverse=True)
    chosen.sort(key=lambda pair: versions.image_name(pair[1].spec))
    region = wanted.region or (scale_sets[0].spec.region if wanted.scale_set and scale_sets else None)
    only = scale_sets[0] if wanted.scale_set and scale_sets else None
    counted: dict[str, int] = {}
    told = []
    for raw, version in chosen:
        image = versions.image_name(version.spec)
        counted[image] = counted.get(image, 0) + 1
        if wanted.everything or counted[image] <= SHOWN:
            said = [why_not(version, region), _held(version, only) if only else ""]
            names = tuple(latest.get((image, version.spec.version), ()))
            told.append(Line(raw, version, names, ", ".join(s for s in said if s)))
    return told


def visible(scale_set: ScaleSet, found: Sequence[ImageVersion], shared: str | None) -> list[ImageVersion]:
    """Those of the set's own namespace and of the shared one."""
    return [v for v in found if v.metadata.namespace in {scale_set.metadata.namespace, shared}]


def drift_of(scale_set: ScaleSet, found: Sequence[ImageVersion], shared: str | None) -> Drift:
    """How far a set is behind what it may run."""
    seen = visible(scale_set, found, shared)
    catalogue = versions.catalogue_of(scale_set, seen)
    newest = versions.latest(scale_set, catalogue)
    proven = versions.proven_version(scale_set, scale_set.status)
    image, system = versions.image_name(scale_set.spec.image_reference), scale_set.spec.os_type
    above = {
        number
        for number, published in catalogue.items()
        if published.eligible and published.os_type == system and proven and versions.is_higher(number, proven)
    }
    by_number = {v.spec.version: v for v in seen if versions.image_name(v.spec) == image}
    missed = [by_number[number] for number in sorted(above, key=versions.parse_version)]
    held = tuple(f"above {h.version}" if h.above else h.version for h in scale_set.status.held_versions)
    return Drift(scale_set, newest.version if newest else None, tuple(missed), held)


def _is_wanted(version: ImageVersion, wanted: Wanted) -> bool:
    spec = version.spec
    own = (spec.publisher, spec.offer, spec.sku, spec.gallery, spec.definition)
    return all(asked in (None, has) for asked, has in zip(wanted.image, own, strict=False))


def _held(version: ImageVersion, scale_set: ScaleSet) -> str:
    published = versions.catalogue_of(scale_set, [version]).get(version.spec.version)
    hold = versions.is_held(scale_set, published, scale_set.status.model_revision or "") if published else None
    return f"held ({hold.reason}, by {hold.run_name})" if hold else ""


def images(options: Options, wanted: Wanted) -> None:
    """`images [SET]`."""
    session = Session(options)
    if wanted.scale_set:
        sets = [ScaleSet.model_validate(session.scale_set(wanted.scale_set))]
        reference = sets[0].spec.image_reference
        image = (reference.publisher, reference.offer, reference.sku, reference.gallery, reference.definition)
        wanted = Wanted(wanted.scale_set, image, wanted.region, wanted.everything, wanted.images_namespace)
    else:
        sets = [ScaleSet.model_validate(raw) for raw in session.client.list(SCALE_SETS, session.namespaces).items]
    found = lines(published(session, wanted.images_namespace), sets, wanted.images_namespace, wanted)
    raws = [without_noise(line.raw) for line in found]
    if write_data(options, {"apiVersion": "v1", "kind": "List", "items": raws}, raws):
        return
    if not found:
        raise CommandError(
            "no ImageVersion here fits: look in another --namespace or --images-namespace, or publish one"
        )
    session.screen.table(images_table(found, wide=options.output == WIDE))


def images_table(found: Sequence[Line], *, wide: bool) -> Table:
    """One row a version; `wide` has what instances get."""
    columns = ("IMAGE", "VERSION", "NAMESPACE", "LATEST-FOR")
    table = Table((*columns, "REFERENCE") if wide else columns, note="WHY-NOT")
    for line in found:
        spec, status = line.version.spec, line.version.status
        cells = [
            versions.image_name(spec),
            spec.version,
            line.version.metadata.namespace,
            ",".join(line.latest_for) or "-",
            status.resolved_image or spec.reference,
        ]
        table.add(*cells[: len(table.columns)], note=line.why_not)
    return table


def drift(options: Options, images_namespace: str | None) -> None:
    """`drift [-A]`."""
    session = Session(options)
    sets = [ScaleSet.model_validate(raw) for raw in session.client.list(SCALE_SETS, session.namespaces).items]
    found = [ImageVersion.model_validate(raw) for raw in published(session, images_namespace)]
    told = [drift_of(scale_set, found, images_namespace) for scale_set in sets]
    if write_data(options, {"items": [drift_data(one, session.now) for one in told]}):
        return
    if not told:
        raise CommandError("there are no scale sets here: use -A for all namespaces")
    session.screen.table(drift_table(told, session.now, options))


def drift_table(told: Sequence[Drift], now: datetime, options: Options) -> Table:
    """One row a set; with -A its namespace, with -o wide its image."""
    columns = ["NAME", "VERSION", "LATEST", "BEHIND", "SINCE", "HELD", "MODE", "AUTO"]
    before, after = ["NAMESPACE"] * options.all_namespaces, ["IMAGE"] * (options.output == WIDE)
    table = Table((*before, *columns, *after), dispensable=("MODE",))
    for one in told:
        meta, policy = one.scale_set.metadata, one.scale_set.spec.upgrade_policy
        since = f"{one.days(now)}d" if one.missed else "-"
        cells: list[str | Cell] = [
            meta.name,
            one.scale_set.status.proven_image_version or "-",
            one.latest or "-",
            Cell(str(len(one.missed)), "yellow" if one.missed else "green"),
            since,
            ",".join(one.held) or "-",
            policy.mode,
            "on" if policy.automatic_os_upgrade_policy.enable_automatic_os_upgrade else "off",
        ]
        namespace = [meta.namespace] * options.all_namespaces
        image = [versions.image_name(one.scale_set.spec.image_reference)] * (options.output == WIDE)
        table.add(*namespace, *cells, *image)
    return table


def drift_data(one: Drift, now: datetime) -> JsonObject:
    """The same for programs."""
    policy = one.scale_set.spec.upgrade_policy
    return {
        "namespace": one.scale_set.metadata.namespace,
        "name": one.scale_set.metadata.name,
        "version": one.scale_set.status.proven_image_version,
        "latest": one.latest,
        "versionsBehind": len(one.missed),
        "daysBehind": one.days(now),
        "held": list(one.held),
        "mode": policy.mode,
        "automatic": policy.automatic_os_upgrade_policy.enable_automatic_os_upgrade,
    }


def published(session: Session, shared: str | None) -> list[JsonObject]:
    """The versions of the namespaces that are looked at, the shared one included where it is named."""
    found = list(session.client.list(IMAGE_VERSIONS, session.namespaces).items)
    if shared and session.namespaces not in (None, shared):
        found += session.client.list(IMAGE_VERSIONS, shared).items
    return found
