"""The model of a virtual machine: its template without the OS disk's image, and what it relies on (M1, T8)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the command line reads versions without the models
    from rollkeeper.api.v1alpha1 import ScaleSetSpec

Json = Mapping[str, Any]

TEMPLATE = "virtualMachineTemplate"
"""The key that tells a model of virtual machines from one of pods."""

_OURS = frozenset({"runStrategy", "running"})


def is_machine(model: Json) -> bool:
    """Whether instances of a model are virtual machines."""
    return TEMPLATE in model


def os_volume(template: Json, name: str | None) -> str:
    """The name of the volume that is the OS disk: the one named, or the first container disk."""
    volumes = template["spec"]["template"]["spec"]["volumes"]
    return name or next((str(v["name"]) for v in volumes if "containerDisk" in v), "")


def model_of(spec: ScaleSetSpec) -> dict[str, Any]:
    """The part of the model that is the virtual machine."""
    template: Json = spec.virtual_machine_template or {}
    name = os_volume(template, spec.os_volume_name)
    guest = template["spec"]["template"]
    volumes = [_without_image(v) if v["name"] == name else v for v in guest["spec"]["volumes"]]
    inner = {**_metadata(guest), "spec": {**guest["spec"], "volumes": volumes}}
    outer = {key: value for key, value in template["spec"].items() if key not in _OURS}
    return {TEMPLATE: {**_metadata(template), "spec": {**outer, "template": inner}}, "osVolumeName": name}


_CHOSEN = {"containerDisk": "image", "persistentVolumeClaim": "claimName"}
"""What the controller chooses of an OS disk, by the kind of its volume."""


def _without_image(volume: Json) -> dict[str, Any]:
    return {
        key: {k: v for k, v in given.items() if k != _CHOSEN[key]} if key in _CHOSEN else given
        for key, given in volume.items()
    }


def runs_claims(spec: ScaleSetSpec) -> bool:
    """Whether the OS disks of a set are claims, not container images."""
    if spec.virtual_machine_template is None or spec.os_volume_name is None:
        return False
    volumes = spec.virtual_machine_template["spec"]["template"]["spec"]["volumes"]
    return any(v["name"] == spec.os_volume_name and "persistentVolumeClaim" in v for v in volumes)


def _metadata(of: Json) -> dict[str, Any]:
    given = of.get("metadata") or {}
    kept = {key: given[key] for key in ("labels", "annotations") if given.get(key)}
    return {"metadata": kept} if kept else {}


def references_of(model: Json) -> Iterator[tuple[str, str]]:
    """Kind and name of everything that virtual machines of a model can't start without."""
    spec = model[TEMPLATE]["spec"]["template"]["spec"]
    if spec.get("priorityClassName"):
        yield "PriorityClass", spec["priorityClassName"]
    yield from _of_volumes(spec.get("volumes") or ())
    for credential in spec.get("accessCredentials") or ():
        for way in credential.values():
            name = ((way.get("source") or {}).get("secret") or {}).get("secretName")
            if name:
                yield "Secret", name


_CLOUD_INIT = ("secretRef", "networkDataSecretRef")


def _of_volumes(volumes: Sequence[Json]) -> Iterator[tuple[str, str]]:
    for volume in volumes:
        for kind, source, field in (
            ("ConfigMap", volume.get("configMap"), "name"),
            ("Secret", volume.get("secret"), "secretName"),
            ("ServiceAccount", volume.get("serviceAccount"), "serviceAccountName"),
            ("Secret", (volume.get("sysprep") or {}).get("secret"), "name"),
            ("ConfigMap", (volume.get("sysprep") or {}).get("configMap"), "name"),
            *(
                ("Secret", (volume.get(cloud) or {}).get(reference), "name")
                for cloud in ("cloudInitNoCloud", "cloudInitConfigDrive")
                for reference in _CLOUD_INIT
            ),
        ):
            if source and not source.get("optional") and source.get(field):
                yield kind, source[field]
