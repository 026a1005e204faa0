"""Writes the VirtualMachine of an instance, and the JSON patch that gives it another OS disk (B5)."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rollkeeper.api.v1alpha1 import ScaleSet, names
from rollkeeper.engine.actions import SwapImage
from rollkeeper.engine.machine_models import TEMPLATE
from rollkeeper.engine.snapshot import Pair
from rollkeeper.instances import dry_runs
from rollkeeper.instances.pod_spec import common_labels, instance_name, owner_of, with_claims
from rollkeeper.instances.virtual_machines.machine_volumes import add_user_data, with_os_disk
from rollkeeper.instances.virtual_machines.resources import MACHINES

JsonMap = dict[str, Any]
Patch = list[JsonMap]


@dataclass(frozen=True, slots=True)
class System:
    """What a machine must know of its OS, besides the image."""

    guest_agent: bool = False
    """It has one, which tells that it is up (H1)."""
    claim: str = ""
    """The claim that its disk is; empty: a container disk."""


def build_machine(
    scale_set: ScaleSet, model: Mapping[str, Any], ordinal: int, pair: Pair, made_by: str, system: System
) -> JsonMap:
    """The VirtualMachine of an instance: the model's template with our name, labels, OS disk and claims."""
    template = model[TEMPLATE]
    metadata = template.get("metadata", {})
    spec = {key: value for key, value in template["spec"].items() if key != "template"}
    return {
        "apiVersion": MACHINES.api_version,
        "kind": MACHINES.kind,
        "metadata": {
            "name": instance_name(scale_set, ordinal),
            "namespace": scale_set.metadata.namespace,
            "labels": {
                "app.kubernetes.io/instance": scale_set.metadata.name,
                **metadata.get("labels", {}),
                **_labels(scale_set, ordinal, pair),
            },
            "annotations": {
                **metadata.get("annotations", {}),
                names.ANNOTATION_IMAGE: pair.image,
                names.ANNOTATION_MADE_BY: made_by,
                **({names.ANNOTATION_GUEST_AGENT: "true"} if system.guest_agent else {}),
            },
            "ownerReferences": [owner_of(scale_set)],
        },
        "spec": {
            **spec,
            "runStrategy": "Always",
            "template": _guest(scale_set, model, ordinal, pair, system, {names.ANNOTATION_MADE_BY: made_by}),
        },
    }


def dry_run(scale_set: ScaleSet, model: Mapping[str, Any], pair: Pair) -> JsonMap:
    """The machine that the API server is asked about before any is made (M3)."""
    return build_machine(scale_set, model, dry_runs.ORDINAL, pair, "DryRun", System(claim="dry-run"))


def swap_patch(
    scale_set: ScaleSet,
    model: Mapping[str, Any],
    raw: Mapping[str, Any],
    change: SwapImage,
    system: System,
    now: datetime,
    *,
    start_anew: bool,
) -> Patch:
    """What gives a VirtualMachine (`raw`, as it is) another OS disk, and what else the model has changed.

    It applies only to that very machine, and only where the OS disk still is: a machine that somebody has rearranged
    meanwhile must not lose another disk. `start_anew` halts it in the same moment.
    """
    name = model["osVolumeName"]
    volumes = raw["spec"]["template"]["spec"]["volumes"]
    at = next((i for i, volume in enumerate(volumes) if volume["name"] == name), None)
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    marks = {names.ANNOTATION_MADE_BY: change.made_by, names.ANNOTATION_CHANGED: stamp}
    labels = {**(raw["metadata"].get("labels") or {}), **_labels(scale_set, change.ordinal, change.pair)}
    annotations = {**(raw["metadata"].get("annotations") or {}), names.ANNOTATION_IMAGE: change.pair.image, **marks}
    for key, wanted in (
        (names.ANNOTATION_GUEST_AGENT, system.guest_agent),
        (names.ANNOTATION_STARTING_ANEW, start_anew),
    ):
        annotations.pop(key, None)
        if wanted:
            annotations[key] = "true"
    guest = _guest(scale_set, model, change.ordinal, change.pair, system, marks)
    return [
        {"op": "test", "path": "/metadata/uid", "value": change.uid},
        *([] if at is None else [{"op": "test", "path": f"/spec/template/spec/volumes/{at}/name", "value": name}]),
        {"op": "add", "path": "/metadata/labels", "value": labels},
        {"op": "add", "path": "/metadata/annotations", "value": annotations},
        {"op": "replace", "path": "/spec/template", "value": _with_identity(guest, raw["spec"]["template"])},
        *_beside_the_template(model, raw),
        *([{"op": "add", "path": "/spec/runStrategy", "value": "Halted"}] if start_anew else []),
    ]


def _beside_the_template(model: Mapping[str, Any], raw: Mapping[str, Any]) -> Patch:
    """Instance type, preference and the like, where the model has others; what KubeVirt has added to them stays."""
    wanted = {key: value for key, value in model[TEMPLATE]["spec"].items() if key != "template"}
    return [
        {"op": "add", "path": f"/spec/{key}", "value": value}
        for key, value in wanted.items()
        if not _covers(raw["spec"].get(key), value)
    ]


def _covers(found: object, wanted: object) -> bool:
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        return all(_covers(found.get(key), value) for key, value in wanted.items())
    return found == wanted


def start_patch(uid: str) -> Patch:
    """What starts a machine again that we have halted."""
    key = names.ANNOTATION_STARTING_ANEW.replace("/", "~1")
    return [
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "remove", "path": f"/metadata/annotations/{key}"},
        {"op": "add", "path": "/spec/runStrategy", "value": "Always"},
    ]


def _labels(scale_set: ScaleSet, ordinal: int, pair: Pair) -> dict[str, str]:
    return {
        **common_labels(scale_set),
        names.LABEL_ORDINAL: str(ordinal),
        names.LABEL_IMAGE_VERSION: pair.version,
        names.LABEL_MODEL_REVISION: pair.revision,
    }


def _guest(
    scale_set: ScaleSet, model: Mapping[str, Any], ordinal: int, pair: Pair, system: System, marks: dict[str, str]
) -> JsonMap:
    """The template of the guest. Its labels go on to the launcher, where disruption budgets look for them (B12)."""
    template = deepcopy(dict(model[TEMPLATE]["spec"]["template"]))
    metadata, spec = template.get("metadata", {}), template["spec"]
    spec["hostname"] = instance_name(scale_set, ordinal)
    if scale_set.spec.service_name is not None:
        spec["subdomain"] = scale_set.spec.service_name
    volumes = with_claims(scale_set, ordinal, spec["volumes"])
    spec["volumes"] = [with_os_disk(volume, model, pair.image, system.claim) for volume in volumes]
    add_user_data(spec, model, pair.revision, scale_set.spec.os_type)
    return {
        "metadata": {
            "labels": {**metadata.get("labels", {}), **_labels(scale_set, ordinal, pair)},
            "annotations": {**metadata.get("annotations", {}), **marks},
        },
        "spec": spec,
    }


def _with_identity(guest: JsonMap, before: Mapping[str, Any]) -> JsonMap:
    """The guest keeps what others have made it known by: firmware uuid and serial, MAC addresses, serials of disks."""
    old, new = before["spec"].get("domain", {}), guest["spec"].setdefault("domain", {})
    firmware = {k: v for k, v in (old.get("firmware") or {}).items() if k in {"uuid", "serial"}}
    if firmware:
        new["firmware"] = {**firmware, **(new.get("firmware") or {})}
    for kind, field in (("interfaces", "macAddress"), ("disks", "serial")):
        known = {e["name"]: e[field] for e in (old.get("devices") or {}).get(kind) or () if field in e}
        for entry in (new.get("devices") or {}).get(kind) or ():
            if entry["name"] in known:
                entry.setdefault(field, known[entry["name"]])
    return guest
