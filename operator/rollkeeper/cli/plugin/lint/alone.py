"""Checks one object by itself: its schema, its rules, and what the engine would say of it."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from rollkeeper.api import crd, validation
from rollkeeper.api.crd import KINDS
from rollkeeper.api.structural import Schema
from rollkeeper.api.v1alpha1 import GROUP, VERSION
from rollkeeper.cli.plugin.lint import rules
from rollkeeper.cli.plugin.lint.findings import Finding, error, note
from rollkeeper.cli.plugin.lint.manifests import Manifest
from rollkeeper.engine import machine_models, ranges, revisions

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_KINDS = {kind.name: kind for kind in KINDS}


def is_ours(manifest: Manifest) -> bool:
    """Whether it is an object of Rollkeeper, or means to be."""
    value = manifest.value
    return isinstance(value, dict) and str(value.get("apiVersion", "")).partition("/")[0] == GROUP


def check(manifest: Manifest) -> Iterator[Finding]:
    """Everything that is wrong with one object of ours."""
    for line, key in manifest.repeated():
        yield Finding("error", manifest.source, line, "key", key, "stands here twice: the first would be ignored")
    if manifest.value.get("kind") not in _KINDS or manifest.value["apiVersion"] != f"{GROUP}/{VERSION}":
        asked = f"{manifest.value.get('kind')} in {manifest.value['apiVersion']}"
        yield error(manifest, f"there is no {asked}: {GROUP}/{VERSION} has {', '.join(_KINDS)}", ("apiVersion",))
        return
    yield from _metadata(manifest)
    refused = list(_refused(manifest))
    yield from refused
    if not refused:
        yield from _would_fail(manifest)


def stored(manifest: Manifest) -> dict[str, Any]:
    """A sound object with its defaults, as the API server would have it."""
    made: dict[str, Any] = validation.defaulted(_schema(manifest.value["kind"]), manifest.value)
    return made


@cache
def _schema(kind: str) -> Schema:
    return crd.root_schema(_KINDS[kind])


def _refused(manifest: Manifest) -> Iterator[Finding]:
    schema = _schema(manifest.value["kind"])
    value: dict[str, Any] = {**manifest.value, "metadata": _own_metadata(manifest)}
    for path in validation.unknown(schema, value):
        yield error(manifest, f'unknown field "{validation.written(path)}"', path)
    made = validation.defaulted(schema, value)
    for fault in dict.fromkeys([*validation.faults(schema, made), *rules.faults(schema, made)]):
        yield error(manifest, fault.message, fault.path)


def _own_metadata(manifest: Manifest) -> dict[str, Any]:
    """What rules may look at: a name that is still to be generated is as good as one."""
    metadata = manifest.value.get("metadata")
    if not isinstance(metadata, dict):
        return {"name": ""}
    return {"name": metadata.get("name") or metadata.get("generateName") or ""}


def _metadata(manifest: Manifest) -> Iterator[Finding]:
    metadata = manifest.value.get("metadata")
    if not isinstance(metadata, dict) or not (metadata.get("name") or metadata.get("generateName")):
        yield error(manifest, "Required value: give the object a name", ("metadata", "name"))
    elif isinstance(metadata.get("name"), str) and not _NAME.fullmatch(metadata["name"]):
        message = f"{metadata['name']} is no name: lower-case letters, digits and '-', a letter or digit first and last"
        yield error(manifest, message, ("metadata", "name"))


def _would_fail(manifest: Manifest) -> Iterator[Finding]:
    """What the API server lets pass, and the controller does not."""
    spec = manifest.value["spec"]
    if manifest.value["kind"] == "UpgradeRun":
        try:
            ranges.parse_user(spec.get("instances") or "0")
        except ValueError as wrong:
            yield error(manifest, str(wrong), ("spec", "instances"))
        if spec.get("startedBy") == "Platform":
            message = "Platform is for the controller alone: leave startedBy out, or the run ends Faulted"
            yield error(manifest, message, ("spec", "startedBy"))
    if manifest.value["kind"] == "ScaleSet":
        yield from _ignored_image(manifest)


def _ignored_image(manifest: Manifest) -> Iterator[Finding]:
    spec = manifest.value["spec"]
    if "template" not in spec:
        yield from _ignored_disk(manifest)
        return
    name = revisions.os_container(spec["template"], spec.get("osContainerName"))
    for index, container in enumerate(spec["template"]["spec"]["containers"]):
        if container.get("image") and container["name"] == name:
            path: validation.Path = ("spec", "template", "spec", "containers", index, "image")
            yield note(manifest, "is ignored: the image of the OS container comes from the image version", path)


def _ignored_disk(manifest: Manifest) -> Iterator[Finding]:
    spec = manifest.value["spec"]
    name = machine_models.os_volume(spec["virtualMachineTemplate"], spec.get("osVolumeName"))
    way = ("virtualMachineTemplate", "spec", "template", "spec", "volumes")
    for index, volume in enumerate(spec[way[0]]["spec"]["template"]["spec"]["volumes"]):
        if volume["name"] == name and volume.get("containerDisk", {}).get("image"):
            path: validation.Path = ("spec", *way, index, "containerDisk", "image")
            yield note(manifest, "is ignored: the image of the OS disk comes from the image version", path)
