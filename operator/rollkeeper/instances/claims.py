"""Makes and deletes the claims of instances: their data disks, whatever the instances are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollkeeper.api.v1alpha1 import ScaleSet, names
from rollkeeper.engine.snapshot import Pair
from rollkeeper.instances import pod_spec
from rollkeeper.instances.claim_view import ClaimView
from rollkeeper.instances.errors import NameTakenError
from rollkeeper.kube.api import KubeApi
from rollkeeper.kube.errors import AlreadyExists, NotFound
from rollkeeper.kube.resources import CLAIMS
from rollkeeper.kube.store import Store


@dataclass(frozen=True)
class Claims:
    """The data disks of sets. All methods raise ApiError."""

    api: KubeApi
    claims: Store[ClaimView]

    async def ensure(self, scale_set: ScaleSet, ordinal: int, pair: Pair) -> None:
        """Makes the claims that an instance misses, and labels all with what it is to run (F4).

        Raises NameTakenError while one is being deleted.
        """
        for template in scale_set.spec.volume_claim_templates:
            await self._ensure(scale_set, template, ordinal, pair)

    async def _ensure(self, scale_set: ScaleSet, template: Mapping[str, Any], ordinal: int, pair: Pair) -> None:
        namespace = scale_set.metadata.namespace
        name = pod_spec.claim_name(scale_set, template, ordinal)
        known = self.claims.get((namespace, name))
        if known is not None:
            if known.terminating:
                raise NameTakenError(f"claim {name} is being deleted: it is made again when it is gone")
            if known.image_version != pair.version:
                await self._label(known, pair)
            return
        body = pod_spec.build_claim(scale_set, template, ordinal, pair)
        try:
            self.claims.apply(await self.api.create(CLAIMS, namespace, body))
        except AlreadyExists:
            # A claim that a user or a StatefulSet left: it is the data disk, and stays as it is (I3).
            return

    async def _label(self, claim: ClaimView, pair: Pair) -> None:
        body = {"metadata": {"labels": {names.LABEL_IMAGE_VERSION: pair.version}}}
        self.claims.apply(await self.api.merge_patch(CLAIMS, claim.namespace, claim.name, body))

    async def delete(self, scale_set: ScaleSet, ordinal: int) -> None:
        """Deletes the claims of an ordinal that was scaled in (persistentVolumeClaimRetentionPolicy)."""
        namespace = scale_set.metadata.namespace
        wanted = {pod_spec.claim_name(scale_set, t, ordinal) for t in scale_set.spec.volume_claim_templates}
        for claim in self.claims.by_index((namespace, scale_set.metadata.name)):
            if claim.name in wanted and not claim.terminating:
                await self.delete_one(namespace, claim.name, claim.uid)

    async def delete_one(self, namespace: str, name: str, uid: str) -> None:
        """Deletes that very claim."""
        try:
            left = await self.api.delete(CLAIMS, namespace, name, uid=uid)
        except NotFound:
            left = None
        if left is None:
            self.claims.remove_key((namespace, name), uid)
        else:
            self.claims.apply(left)
