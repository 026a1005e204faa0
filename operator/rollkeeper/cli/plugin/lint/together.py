"""Checks objects against each other. What is not among the files may be in the cluster: that is a note."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rollkeeper.api.v1alpha1 import ImageVersion, ScaleSet, UpgradeRun
from rollkeeper.cli.plugin.lint.findings import Finding, error, note
from rollkeeper.cli.plugin.lint.manifests import Manifest
from rollkeeper.engine import provisioning, ranges, regions
from rollkeeper.engine.versions import LATEST, image_name
from rollkeeper.kube.api import JsonObject

_KINDS = ("ScaleSet", "UpgradeRun", "ImageVersion")

Key = tuple[str, str]
"""Namespace (empty: the one of the command that applies it) and name."""


@dataclass(frozen=True)
class Files:
    """All sound objects of the files, and where they stand."""

    scale_sets: Mapping[Key, tuple[Manifest, ScaleSet]]
    runs: Sequence[tuple[Manifest, UpgradeRun]]
    versions: Sequence[tuple[Manifest, ImageVersion]]
    config_maps: Mapping[Key, Manifest]

    @classmethod
    def of(cls, sound: Sequence[tuple[Manifest, JsonObject]], others: Sequence[Manifest]) -> "Files":
        """`sound` are objects of ours without an error, with their defaults; `others` are of other kinds."""
        of_kind = {kind: [(m, v) for m, v in sound if v["kind"] == kind] for kind in _KINDS}
        return cls(
            scale_sets={key_of(m): (m, ScaleSet.model_validate(v)) for m, v in of_kind["ScaleSet"]},
            runs=[(m, UpgradeRun.model_validate(v)) for m, v in of_kind["UpgradeRun"]],
            versions=[(m, ImageVersion.model_validate(v)) for m, v in of_kind["ImageVersion"]],
            config_maps={key_of(m): m for m in others if m.value.get("kind") == "ConfigMap"},
        )

    def check(self) -> Iterator[Finding]:
        """All that does not fit together."""
        yield from self._same_version_twice()
        for manifest, scale_set in self.scale_sets.values():
            yield from self._pin(manifest, scale_set)
            yield from self._scripts(manifest, scale_set)
        for manifest, run in self.runs:
            yield from self._run(manifest, run)

    def _same_version_twice(self) -> Iterator[Finding]:
        """V7: the later of two would have Ready=False, Duplicate."""
        seen: dict[tuple[str, str, str], Manifest] = {}
        for manifest, version in self.versions:
            name = image_name(version.spec)
            known = seen.setdefault((key_of(manifest)[0], name, version.spec.version), manifest)
            if known is not manifest:
                message = f"version {version.spec.version} of {name} is at {known.source}:{known.line()} already"
                yield error(manifest, message, ("spec", "version"))

    def _version(self, scale_set: ScaleSet, number: str) -> ImageVersion | None:
        """A version of the set's image, in whatever namespace: which one is shared, no file says."""
        wanted = (image_name(scale_set.spec.image_reference), number)
        return next((v for _, v in self.versions if (image_name(v.spec), v.spec.version) == wanted), None)

    def _pin(self, manifest: Manifest, scale_set: ScaleSet) -> Iterator[Finding]:
        pinned = scale_set.spec.image_reference.version
        if pinned != LATEST:
            yield from self._target(manifest, scale_set, pinned, ("spec", "imageReference", "version"))

    def _target(
        self, manifest: Manifest, scale_set: ScaleSet, number: str, field: tuple[str, ...]
    ) -> Iterator[Finding]:
        """V3, V4: a version that is named must be for the set's OS and region."""
        version, name = self._version(scale_set, number), image_name(scale_set.spec.image_reference)
        if version is None:
            yield note(manifest, f"version {number} of {name} is not among these files", field)
            return
        if version.spec.os_type != scale_set.spec.os_type:
            message = f"version {number} of {name} is for {version.spec.os_type}, the set is {scale_set.spec.os_type}"
            yield error(manifest, message, field)
        region = scale_set.spec.region
        if not regions.at(version, region).listed:
            where = f"region {region}" if region else "sets without a region"
            yield error(manifest, f"version {number} of {name} is not for {where} (spec.targetRegions)", field)

    def _scripts(self, manifest: Manifest, scale_set: ScaleSet) -> Iterator[Finding]:
        """E1, E2: a script from a ConfigMap that is here must be in it."""
        for source in provisioning.sources(scale_set.spec):
            found = self.config_maps.get((key_of(manifest)[0], source.name))
            if source.kind == "ConfigMap" and found and source.key not in (found.value.get("data") or {}):
                message = f"ConfigMap {source.name} has no key {source.key}, which a script is to come from: add it"
                yield error(manifest, message, ("spec",))

    def _run(self, manifest: Manifest, run: UpgradeRun) -> Iterator[Finding]:
        name = run.spec.scale_set_name
        found = self.scale_sets.get((key_of(manifest)[0], name))
        if found is None:
            yield note(manifest, f"scale set {name} is not among these files", ("spec", "scaleSetName"))
            return
        _, scale_set = found
        beyond = [o for o in ranges.parse_user(run.spec.instances or "0") if o >= scale_set.spec.replicas]
        if run.spec.instances is not None and beyond:
            message = f"{ranges.render(beyond)}: scale set {name} has {scale_set.spec.replicas} instances, from 0 on"
            yield error(manifest, message, ("spec", "instances"))
        asked, pinned = run.spec.image_version or LATEST, scale_set.spec.image_reference.version
        if asked == LATEST:
            return
        if pinned not in (LATEST, asked):
            message = f"scale set {name} is pinned to {pinned}: name that, or set its version to latest first"
            yield error(manifest, message, ("spec", "imageVersion"))
        else:
            yield from self._target(manifest, scale_set, asked, ("spec", "imageVersion"))


def key_of(manifest: Manifest) -> Key:
    """Namespace and name of an object."""
    metadata = manifest.value.get("metadata") or {}
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or "")


def repeated(manifests: Sequence[Manifest]) -> Iterator[Finding]:
    """Objects of one kind and name: the last that is applied would win."""
    seen: dict[tuple[str, Key], Manifest] = {}
    for manifest in manifests:
        key = key_of(manifest)
        known = seen.setdefault((str(manifest.value["kind"]), key), manifest)
        if known is not manifest and key[1]:
            message = f"is at {known.source}:{known.line()} already: the last one applied would win"
            yield error(manifest, message, ("metadata", "name"))
