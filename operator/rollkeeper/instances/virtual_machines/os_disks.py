"""OS disks in claims: each machine has a clone of its version's golden claim (B5, H3)."""

import hashlib
from dataclasses import dataclass
from typing import Any

from rollkeeper.api.v1alpha1 import ScaleSet, names
from rollkeeper.engine.os_disks import golden_claim
from rollkeeper.engine.snapshot import Pair
from rollkeeper.instances.claim_view import ClaimView
from rollkeeper.instances.errors import GoldenClaimMissingError, NameTakenError
from rollkeeper.instances.pod_spec import common_labels, instance_name, owner_of
from rollkeeper.kube.api import JsonObject, KubeApi
from rollkeeper.kube.errors import AlreadyExists, NotFound
from rollkeeper.kube.resources import CLAIMS
from rollkeeper.kube.store import Store

_COPIED = ("accessModes", "storageClassName", "volumeMode")


@dataclass(frozen=True)
class OSDisks:
    """Makes them. A golden claim is read and cloned, and never given to a machine itself: that would write to it."""

    api: KubeApi
    claims: Store[ClaimView]

    async def ensure(self, scale_set: ScaleSet, volume: str, ordinal: int, pair: Pair, made_by: str) -> str:
        """The claim for an instance, made if need be; empty where the OS disk is a container disk.

        A run gives each instance a new disk. Who is put back or made again gets the disk that it had, if that is there
        (H3, F5). Raises ApiError, NameTakenError, GoldenClaimMissingError.
        """
        golden = golden_claim(pair.image)
        if golden is None:
            return ""
        kept = None if made_by.endswith("/Forward") else self._kept(scale_set, ordinal, pair, made_by)
        if kept is not None:
            return kept.name
        name = claim_name(scale_set, volume, ordinal, pair, made_by)
        known = self.claims.get((scale_set.metadata.namespace, name))
        if known is not None and known.terminating:
            raise NameTakenError(f"claim {name} is being deleted: it is made again when it is gone")
        if known is None:
            await self._clone(scale_set, volume, ordinal, pair, made_by, golden)
        return name

    def _kept(self, scale_set: ScaleSet, ordinal: int, pair: Pair, made_by: str) -> ClaimView | None:
        """The disk that an instance had; not the one that this batch gave it, if that is of the same pair (H7)."""
        given = made_by.removesuffix("/Back") + "/Forward"
        mine = (
            claim
            for claim in self.claims.by_index((scale_set.metadata.namespace, scale_set.metadata.name))
            if claim.is_os_disk and claim.ordinal == ordinal and not claim.terminating and claim.made_by != given
        )
        return next((c for c in mine if (c.image_version, c.model_revision) == (pair.version, pair.revision)), None)

    async def _clone(
        self, scale_set: ScaleSet, volume: str, ordinal: int, pair: Pair, made_by: str, golden: str
    ) -> None:
        namespace = scale_set.metadata.namespace
        try:
            source = await self.api.get(CLAIMS, namespace, golden)
        except NotFound:
            message = f"version {pair.version} is the claim {golden}, and there is none in {namespace}: create it"
            raise GoldenClaimMissingError(message) from None
        body = build(scale_set, volume, ordinal, pair, made_by, source)
        try:
            made = await self.api.create(CLAIMS, namespace, body)
        except AlreadyExists:
            made = await self.api.get(CLAIMS, namespace, body["metadata"]["name"])
        self.claims.apply(made)


def claim_name(scale_set: ScaleSet, volume: str, ordinal: int, pair: Pair, made_by: str) -> str:
    """`os-web-3-5f1c9a2b7d`: the same for the same purpose, so that making it is safe to repeat (I8)."""
    purpose = f"{scale_set.metadata.uid}/{pair.version}/{pair.revision}/{made_by}"
    digest = hashlib.sha256(purpose.encode()).hexdigest()[:10]
    return f"{volume}-{instance_name(scale_set, ordinal)}-{digest}"


def build(
    scale_set: ScaleSet, volume: str, ordinal: int, pair: Pair, made_by: str, golden: JsonObject
) -> dict[str, Any]:
    """The clone, as large as its golden claim is."""
    spec, status = golden["spec"], golden.get("status") or {}
    storage = (status.get("capacity") or {}).get("storage") or spec["resources"]["requests"]["storage"]
    return {
        "apiVersion": CLAIMS.api_version,
        "kind": CLAIMS.kind,
        "metadata": {
            "name": claim_name(scale_set, volume, ordinal, pair, made_by),
            "labels": {
                **common_labels(scale_set),
                names.LABEL_OS_DISK: volume,
                names.LABEL_ORDINAL: str(ordinal),
                names.LABEL_IMAGE_VERSION: pair.version,
                names.LABEL_MODEL_REVISION: pair.revision,
            },
            "annotations": {names.ANNOTATION_IMAGE: pair.image, names.ANNOTATION_MADE_BY: made_by},
            "ownerReferences": [{**owner_of(scale_set), "controller": False, "blockOwnerDeletion": False}],
        },
        "spec": {
            **{key: spec[key] for key in _COPIED if key in spec},
            "resources": {"requests": {"storage": storage}},
            "dataSource": {"kind": CLAIMS.kind, "name": golden["metadata"]["name"]},
        },
    }
