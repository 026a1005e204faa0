"""The model of an instance: everything that shapes it but the image version, kept as revisions (M1, M2)."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from rollkeeper.api.v1alpha1 import ScaleSetSpec
from rollkeeper.engine import machine_models, provisioning
from rollkeeper.engine.provisioning import Contents
from rollkeeper.engine.versions import image_name

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def os_container(template: Mapping[str, Any], name: str | None) -> str:
    """The name of the container whose root file system is the OS disk: the one named, or the first."""
    return name or str(template["spec"]["containers"][0]["name"])


def model_of(spec: ScaleSetSpec, contents: Contents | None = None) -> dict[str, Any]:
    """The model in a set's spec, as it is stored in a ControllerRevision, with the contents that scripts refer to.

    The OS container's image is the controller's and no part of it; the name of the OS image is, so that a changed SKU
    or definition is a changed model (V6). Fields are chosen one by one: hashing the spec as
    read would change every model when a newer CRD brings a new default.
    """
    instance = (
        machine_models.model_of(spec) if spec.template is None else _pod_model(spec.template, spec.os_container_name)
    )
    return {
        "imageName": image_name(spec.image_reference),
        **instance,
        **provisioning.model_of(spec, contents or {}),
    }


def _pod_model(given: Mapping[str, Any], os_container_name: str | None) -> dict[str, Any]:
    name = os_container(given, os_container_name)
    containers = [
        {k: v for k, v in container.items() if k != "image"} if container["name"] == name else container
        for container in given["spec"]["containers"]
    ]
    metadata = {
        key: given.get("metadata", {})[key] for key in ("labels", "annotations") if given.get("metadata", {}).get(key)
    }
    template = {"spec": {**given["spec"], "containers": containers}}
    return {"template": {**({"metadata": metadata} if metadata else {}), **template}, "osContainerName": name}


def revision_name(set_name: str, model: Mapping[str, Any]) -> str:
    """`web-7c9f4bd2xk`: equal models have equal names, so going back to a former template is no new revision."""
    digest = hashlib.sha256(json.dumps(model, sort_keys=True, separators=(",", ":")).encode()).digest()
    return f"{set_name}-{''.join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:10])}"
