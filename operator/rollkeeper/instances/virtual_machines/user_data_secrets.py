"""The Secrets with the user data of models: one for each, made before its first machine (E1, E2)."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rollkeeper.api.v1alpha1 import ScaleSet
from rollkeeper.instances.errors import NameTakenError, ScriptMissingError
from rollkeeper.instances.pod_spec import common_labels
from rollkeeper.instances.provisioning import scripts_of
from rollkeeper.instances.virtual_machines import user_data
from rollkeeper.instances.virtual_machines.machine_volumes import secret_name
from rollkeeper.kube.api import JsonObject, KubeApi
from rollkeeper.kube.errors import AlreadyExists, NotFound
from rollkeeper.kube.resources import CONTROLLER_REVISIONS, SECRETS
from rollkeeper.kube.store import Key

Model = Mapping[str, Any]


@dataclass(frozen=True)
class UserDataSecrets:
    """Makes them. A Secret belongs to its model's ControllerRevision, and Kubernetes deletes it with that one (M2)."""

    api: KubeApi
    revision_uid: Callable[[Key], str | None]
    """The uid of a ControllerRevision, by namespace and name."""

    async def ensure(self, scale_set: ScaleSet, model: Model, revision: str) -> None:
        """Makes the Secret of a model, if it has user data and there is none yet.

        It is looked for each time: somebody may have deleted it, and a guest without it would never start. Raises
        ApiError, NameTakenError when it is not ours, ScriptMissingError when a script is not where it should be.
        """
        namespace = scale_set.metadata.namespace
        if not user_data.keys_of(model, scale_set.spec.os_type):
            return
        try:
            found = await self.api.get(SECRETS, namespace, secret_name(revision))
        except NotFound:
            found = await self._make(scale_set, model, revision)
        uid = self.revision_uid((namespace, revision))
        if not any(o["uid"] == uid for o in found["metadata"].get("ownerReferences") or ()):
            message = f"Secret {secret_name(revision)} exists and does not belong to the model {revision}: delete it"
            raise NameTakenError(message)

    async def _make(self, scale_set: ScaleSet, model: Model, revision: str) -> JsonObject:
        namespace, name = scale_set.metadata.namespace, secret_name(revision)
        built = user_data.build(model, scale_set.spec.os_type, await self._read(namespace, model))
        owner = {
            "apiVersion": CONTROLLER_REVISIONS.api_version,
            "kind": CONTROLLER_REVISIONS.kind,
            "name": revision,
            "uid": self.revision_uid((namespace, revision)) or "",
        }
        body = {
            "metadata": {"name": name, "labels": common_labels(scale_set), "ownerReferences": [owner]},
            "immutable": True,
            "data": {key: base64.b64encode(content).decode() for key, content in built.items()},
        }
        try:
            return await self.api.create(SECRETS, namespace, body)
        except AlreadyExists:
            return await self.api.get(SECRETS, namespace, name)

    async def _read(self, namespace: str, model: Model) -> dict[tuple[str, str], bytes]:
        """The scripts that are in Secrets of the user's."""
        found: dict[tuple[str, str], bytes] = {}
        for script in scripts_of(model):
            reference = script.given.get("secretKeyRef")
            if reference is not None:
                name, key = reference["name"], reference["key"]
                found[name, key] = await self._key(namespace, name, key)
        return found

    async def _key(self, namespace: str, name: str, key: str) -> bytes:
        try:
            data = (await self.api.get(SECRETS, namespace, name)).get("data") or {}
        except NotFound:
            data = {}
        if key not in data:
            message = f"there is no Secret {name} with the key {key}, which a script is to come from: create it"
            raise ScriptMissingError(message)
        return base64.b64decode(data[key])
