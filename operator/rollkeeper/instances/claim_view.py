"""Reads a PersistentVolumeClaim as far as scale sets care."""

from dataclasses import dataclass

from rollkeeper.api.v1alpha1 import names
from rollkeeper.instances.pod_view import ordinal_of
from rollkeeper.kube.api import JsonObject


@dataclass(frozen=True, slots=True)
class ClaimView:
    """A disk that was made for a scale set: a data disk, or an OS disk of a virtual machine."""

    namespace: str
    name: str
    uid: str
    scale_set: str
    ordinal: int
    image_version: str
    model_revision: str
    """Of an OS disk; data disks have none."""
    made_by: str
    """What an OS disk was made for, as an instance tells it."""
    is_os_disk: bool
    terminating: bool


def read_claim(raw: JsonObject, _previous: ClaimView | None) -> ClaimView:
    """What the cache keeps of a claim."""
    meta = raw["metadata"]
    labels = meta.get("labels") or {}
    is_os_disk = names.LABEL_OS_DISK in labels and names.LABEL_ORDINAL in labels
    return ClaimView(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        scale_set=labels.get(names.LABEL_SCALE_SET, ""),
        ordinal=ordinal_of(f"-{labels[names.LABEL_ORDINAL]}" if is_os_disk else meta["name"]),
        image_version=labels.get(names.LABEL_IMAGE_VERSION, ""),
        model_revision=labels.get(names.LABEL_MODEL_REVISION, ""),
        made_by=(meta.get("annotations") or {}).get(names.ANNOTATION_MADE_BY, ""),
        is_os_disk=is_os_disk,
        terminating="deletionTimestamp" in meta,
    )
