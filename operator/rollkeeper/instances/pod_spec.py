"""Writes the Pod of an instance and its claims: stable names, our labels, the image of the target version (B5)."""

from collections.abc import Mapping, Sequence
from typing import Any

from rollkeeper.api.v1alpha1 import ScaleSet, names
from rollkeeper.engine.snapshot import Pair
from rollkeeper.instances import provisioning

JsonMap = dict[str, Any]


def instance_name(scale_set: ScaleSet, ordinal: int) -> str:
    """`web-3`."""
    return f"{scale_set.metadata.name}-{ordinal}"


def claim_name(scale_set: ScaleSet, template: Mapping[str, Any], ordinal: int) -> str:
    """`data-web-3`, as StatefulSet names claims, so that those of a StatefulSet can be taken over."""
    return f"{template['metadata']['name']}-{instance_name(scale_set, ordinal)}"


def with_claims(scale_set: ScaleSet, ordinal: int, volumes: Sequence[JsonMap]) -> list[JsonMap]:
    """The volumes of a template with the instance's data disks, which come in place of volumes of their names."""
    claims = {
        claim["metadata"]["name"]: {
            "name": claim["metadata"]["name"],
            "persistentVolumeClaim": {"claimName": claim_name(scale_set, claim, ordinal)},
        }
        for claim in scale_set.spec.volume_claim_templates
    }
    return [*(volume for volume in volumes if volume["name"] not in claims), *claims.values()]


def owner_of(scale_set: ScaleSet) -> JsonMap:
    """The owner reference that ties an object to its set: garbage collection and disruption budgets rely on it."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": "ScaleSet",
        "name": scale_set.metadata.name,
        "uid": scale_set.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def common_labels(scale_set: ScaleSet) -> dict[str, str]:
    """Labels of everything that belongs to a set."""
    return {"app.kubernetes.io/managed-by": names.MANAGED_BY, names.LABEL_SCALE_SET: scale_set.metadata.name}


def build_pod(scale_set: ScaleSet, model: Mapping[str, Any], ordinal: int, pair: Pair, made_by: str) -> JsonMap:
    """The pod of an instance: the model's template with our name, labels, image and claims."""
    template = model["template"]
    metadata = template.get("metadata", {})
    name = instance_name(scale_set, ordinal)
    annotations = {
        **metadata.get("annotations", {}),
        **provisioning.annotations(model),
        names.ANNOTATION_IMAGE: pair.image,
        names.ANNOTATION_MADE_BY: made_by,
    }
    if model["osContainerName"] != template["spec"]["containers"][0]["name"]:
        annotations[names.ANNOTATION_OS_CONTAINER] = model["osContainerName"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": scale_set.metadata.namespace,
            "labels": {
                "app.kubernetes.io/instance": scale_set.metadata.name,
                **metadata.get("labels", {}),
                **common_labels(scale_set),
                names.LABEL_ORDINAL: str(ordinal),
                names.LABEL_IMAGE_VERSION: pair.version,
                names.LABEL_MODEL_REVISION: pair.revision,
            },
            "annotations": annotations,
            "ownerReferences": [owner_of(scale_set)],
        },
        "spec": _pod_spec(scale_set, model, ordinal, pair.image),
    }


def _pod_spec(scale_set: ScaleSet, model: Mapping[str, Any], ordinal: int, image: str) -> JsonMap:
    spec = dict(model["template"]["spec"])
    spec["containers"] = [
        {**c, "image": image} if c["name"] == model["osContainerName"] else c for c in spec["containers"]
    ]
    spec["hostname"] = instance_name(scale_set, ordinal)
    if scale_set.spec.service_name is not None:
        spec["subdomain"] = scale_set.spec.service_name
    volumes = with_claims(scale_set, ordinal, spec.get("volumes", ()))
    if volumes:
        spec["volumes"] = volumes
    if scale_set.spec.os_type == "Windows":
        spec["nodeSelector"] = {**spec.get("nodeSelector", {}), "kubernetes.io/os": "windows"}
        spec["os"] = {"name": "windows"}
    return provisioning.provision(spec, model, scale_set.spec.os_type)


def build_claim(scale_set: ScaleSet, template: Mapping[str, Any], ordinal: int, pair: Pair) -> JsonMap:
    """The claim of a data disk. It goes with the set only where the retention policy says so."""
    metadata = template["metadata"]
    built: JsonMap = {
        "name": claim_name(scale_set, template, ordinal),
        "namespace": scale_set.metadata.namespace,
        "labels": {
            **metadata.get("labels", {}),
            **common_labels(scale_set),
            names.LABEL_ORDINAL: str(ordinal),
            names.LABEL_IMAGE_VERSION: pair.version,
        },
        "annotations": metadata.get("annotations", {}),
    }
    if scale_set.spec.persistent_volume_claim_retention_policy.when_deleted == "Delete":
        built["ownerReferences"] = [{**owner_of(scale_set), "controller": False, "blockOwnerDeletion": False}]
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": built, "spec": template["spec"]}
