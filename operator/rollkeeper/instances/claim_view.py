"""Reads a PersistentVolumeClaim as far as scale sets care."""

from dataclasses import dataclass

from rollkeeper.api.v1alpha1 import names
from rollkeeper.instances.pod_view import ordinal_of
from rollkeeper.kube.api import JsonObject


@dataclass(frozen=True, slots=True)
class ClaimView:
    """A data disk that was made for a scale set."""

    namespace: str
    name: str
    uid: str
    scale_set: str
    ordinal: int
    image_version: str
    terminating: bool


def read_claim(raw: JsonObject, _previous: ClaimView | None) -> ClaimView:
    """What the cache keeps of a claim."""
    meta = raw["metadata"]
    labels = meta.get("labels") or {}
    return ClaimView(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        scale_set=labels.get(names.LABEL_SCALE_SET, ""),
        ordinal=ordinal_of(meta["name"]),
        image_version=labels.get(names.LABEL_IMAGE_VERSION, ""),
        terminating="deletionTimestamp" in meta,
    )
