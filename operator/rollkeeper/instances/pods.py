"""Makes, evicts and deletes the pods of a set, and asks the API server about them (the Pod provider)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rollkeeper.api.v1alpha1 import ScaleSet, names
from rollkeeper.engine.actions import CreateInstance, SwapImage
from rollkeeper.engine.snapshot import Application, Pair
from rollkeeper.instances import application_condition, dry_runs, in_place, pod_spec, room
from rollkeeper.instances.claims import Claims
from rollkeeper.instances.errors import NameTakenError
from rollkeeper.instances.pod_view import PodView
from rollkeeper.instances.room import Room
from rollkeeper.kube.api import KubeApi
from rollkeeper.kube.errors import AlreadyExists, Conflict, NotFound
from rollkeeper.kube.reading import read_again
from rollkeeper.kube.resources import PODS
from rollkeeper.kube.store import Store


@dataclass(frozen=True)
class Pods:
    """The Pod provider: what the executor does to instances, as calls to the API server.

    Its answers go into the stores at once, so that the next decision sees them. All methods raise ApiError.
    """

    api: KubeApi
    pods: Store[PodView]
    claims: Claims

    async def create(self, scale_set: ScaleSet, model: Mapping[str, Any], new: CreateInstance) -> None:
        """Makes the claims that are missing, then the pod. Raises NameTakenError when somebody else's is in the way."""
        await self.claims.ensure(scale_set, new.ordinal, new.pair)
        namespace = scale_set.metadata.namespace
        body = pod_spec.build_pod(scale_set, model, new.ordinal, new.pair, new.made_by)
        if new.protected:
            body["metadata"]["labels"][names.LABEL_PROTECT] = "true"
        try:
            self.pods.apply(await self.api.create(PODS, namespace, body))
        except AlreadyExists as error:
            await self._check_owner(scale_set, pod_spec.instance_name(scale_set, new.ordinal), error)

    async def _check_owner(self, scale_set: ScaleSet, name: str, error: AlreadyExists) -> None:
        """Ours after all (a lost answer, a late cache) is as good as created; somebody else's is never touched (I2)."""
        found = await self.api.get(PODS, scale_set.metadata.namespace, name)
        owners = found["metadata"].get("ownerReferences", ())
        if not any(o["uid"] == scale_set.metadata.uid for o in owners):
            raise NameTakenError(
                f"pod {name} exists and is not this scale set's: delete it, or give the scale set another name"
            ) from error
        self.pods.apply(found)

    async def dry_run(self, scale_set: ScaleSet, model: Mapping[str, Any], pair: Pair) -> None:
        """M3: would the API server take a pod of this pair? Raises Invalid or Forbidden with its words."""
        await self.api.create(PODS, scale_set.metadata.namespace, dry_runs.body(scale_set, model, pair), dry_run=True)

    async def swap(self, scale_set: ScaleSet, _model: Mapping[str, Any], change: SwapImage, now: datetime) -> None:
        """Changes the image of the OS container in place, in one call; its claims get their label first (F4).

        Raises Invalid or Forbidden when the API server does not let it. A pod that is another one by now, or has
        changed since it was judged, is left alone and read again: the next decision sees it as it is.
        """
        key = (scale_set.metadata.namespace, pod_spec.instance_name(scale_set, change.ordinal))
        view, version = self.pods.get(key), self.pods.version(key)
        if view is None or version is None or view.instance.uid != change.uid:
            return
        await self.claims.ensure(scale_set, change.ordinal, change.pair)
        body = in_place.patch(change, view.os_container, view.container, version, now)
        try:
            self.pods.apply(await self.api.strategic_patch(PODS, *key, body))
        except Conflict:
            await read_again(self.api, PODS, self.pods, key, change.uid)
        except NotFound:
            self.pods.remove_key(key, change.uid)

    async def finish(self, scale_set: ScaleSet, ordinal: int, uid: str) -> None:
        """Nothing: one call swaps the image of a pod."""

    def counted(self, _namespace: str, name: str) -> str:
        """The pod itself."""
        return name

    async def room(self, namespace: str) -> Room:
        """What the disruption budgets leave for changes in place (B12)."""
        return await room.survey(self.api, namespace)

    async def may_evict(self, namespace: str, name: str, uid: str) -> bool:
        """Asks the API server whether it would evict a pod now; raises what `evict` raises if not (B12)."""
        try:
            await self.api.evict(namespace, name, uid=uid, dry_run=True)
        except (NotFound, Conflict):
            return False
        return True

    async def evict(self, namespace: str, name: str, uid: str) -> bool:
        """Takes a pod down through the eviction API (B12). False: that pod is not there any more."""
        try:
            await self.api.evict(namespace, name, uid=uid)
        except (NotFound, Conflict):
            await read_again(self.api, PODS, self.pods, (namespace, name), uid)
            return False
        return True

    async def tell(self, namespace: str, name: str, uid: str, application: Application) -> None:
        """Writes the state of an application into its pod's condition (H4), unless that pod is not there any more."""
        conditions = [application_condition.body(application)]
        body = {"metadata": {"uid": uid}, "status": {"conditions": conditions}}
        try:
            self.pods.apply(await self.api.strategic_patch(PODS, namespace, name, body, subresource="status"))
        except NotFound:
            return

    async def delete(self, namespace: str, name: str, uid: str) -> None:
        """Deletes that very pod; one that is gone already, or was made anew, is left alone."""
        try:
            left = await self.api.delete(PODS, namespace, name, uid=uid)
        except (NotFound, Conflict):
            await read_again(self.api, PODS, self.pods, (namespace, name), uid)
            return
        if left is None:
            self.pods.remove_key((namespace, name), uid)
        else:
            self.pods.apply(left)
