"""The volumes of a machine that are ours: its OS disk, and the user data of its model (B5, E1, E2)."""

from collections.abc import Mapping
from typing import Any

from rollkeeper.instances.virtual_machines.user_data import ANSWER_FILE, USER_DATA, OSType, keys_of

JsonMap = dict[str, Any]

CLOUD_INIT = "rollkeeper-cloud-init"
SYSPREP = "rollkeeper-sysprep"
_CD: JsonMap = {"cdrom": {"bus": "sata"}}
"""What Windows reads without a driver of its own."""


def secret_name(revision: str) -> str:
    """The Secret with the user data of a model, `web-7c9f4bd2xk-userdata`."""
    return f"{revision}-{USER_DATA}"


def with_os_disk(volume: JsonMap, model: Mapping[str, Any], image: str, claim: str) -> JsonMap:
    """A volume of the template; the OS disk's with the image or the claim that the instance gets."""
    if volume["name"] != model["osVolumeName"]:
        return volume
    if "persistentVolumeClaim" in volume:
        return {**volume, "persistentVolumeClaim": {**volume["persistentVolumeClaim"], "claimName": claim}}
    return {**volume, "containerDisk": {**volume["containerDisk"], "image": image}}


def add_user_data(spec: JsonMap, model: Mapping[str, Any], revision: str, os_type: OSType) -> None:
    """Gives a guest (its spec is changed) the user data of its model, if there is any.

    A cloudInitNoCloud volume of the template, which may have network data, gets it; else there is a disk of its own.
    """
    keys, secret = keys_of(model, os_type), {"name": secret_name(revision)}
    if ANSWER_FILE in keys:
        _add(spec, {"name": SYSPREP, "sysprep": {"secret": secret}}, _CD)
    if USER_DATA not in keys:
        return
    own = next((volume for volume in spec["volumes"] if "cloudInitNoCloud" in volume), None)
    if own is not None:
        own["cloudInitNoCloud"] = {**own["cloudInitNoCloud"], "secretRef": secret}
    else:
        disk = {"disk": {"bus": "virtio"}} if os_type == "Linux" else _CD
        _add(spec, {"name": CLOUD_INIT, "cloudInitNoCloud": {"secretRef": secret}}, disk)


def _add(spec: JsonMap, volume: JsonMap, disk: JsonMap) -> None:
    spec["volumes"].append(volume)
    devices = spec.setdefault("domain", {}).setdefault("devices", {})
    devices.setdefault("disks", []).append({"name": volume["name"], **disk})
