"""Schemas of pod and claim templates: a few declared fields, and everything else as it comes.

Declared is what the API server must see: names (so that containers are told apart in server-side apply, and rules can
name one), the readiness probe's period, the postStart hook. All else passes through untouched, so that fields of a
newer Kubernetes survive. A full schema is 30 times larger, drops newer fields without a word and still finds fewer
mistakes than the dry run of a pod.
"""

from copy import deepcopy
from typing import Any

from rollkeeper.api.v1alpha1 import extension_rules, rules

ANYTHING_ELSE = {"x-kubernetes-preserve-unknown-fields": True}


def _string_map(description: str) -> dict[str, Any]:
    return {"type": "object", "description": description, "additionalProperties": {"type": "string"}}


def metadata(what: str, **more: object) -> dict[str, Any]:
    """Metadata of a template. Left open it would be pruned: labels and annotations would vanish without a word."""
    return {
        "type": "object",
        "description": f"Labels and annotations of the {what}.",
        "properties": {
            **more,
            "creationTimestamp": {
                "type": "string",
                "format": "date-time",
                "nullable": True,
                "description": "Ignored; tools print it as null.",
            },
            "labels": _string_map(f"Labels of the {what}."),
            "annotations": _string_map(f"Annotations of the {what}."),
        },
    }


def named(description: str, at_most: int, name: str, **more: object) -> dict[str, Any]:
    """A list of objects told apart by name."""
    return {
        "type": "array",
        "description": description,
        **rules.list_map("name", at_most),
        "items": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 63, "description": name},
                **deepcopy(more),
            },
            **ANYTHING_ELSE,
        },
    }


_CONTAINER: dict[str, Any] = {
    "image": {
        "type": "string",
        "maxLength": 1024,
        "description": "Leave it out for the OS container: its image comes from the image version.",
    },
    "readinessProbe": {
        "type": "object",
        "description": "As in a Pod. The OS container needs one where health.source is Probe.",
        "properties": {
            "periodSeconds": {
                "type": "integer",
                "format": "int32",
                "description": "How often to probe; under 120 for the OS container.",
            }
        },
        **ANYTHING_ELSE,
    },
    "lifecycle": {
        "type": "object",
        "description": "As in a Pod.",
        "properties": {
            "postStart": {
                "type": "object",
                "description": "As in a Pod; not for the OS container where there are customData or Script extensions.",
                **ANYTHING_ELSE,
            }
        },
        **ANYTHING_ELSE,
    },
}

POD_TEMPLATE: dict[str, Any] = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "metadata": metadata("instance's pod"),
        "spec": {
            "type": "object",
            "description": "As the spec of a Pod.",
            "required": ["containers"],
            "properties": {
                "containers": {
                    **named("Containers, as in a Pod.", 32, "Name of the container.", **_CONTAINER),
                    "minItems": 1,
                },
                "initContainers": named("Init containers, as in a Pod.", 32, "Name of the container.", **_CONTAINER),
                "volumes": named("Volumes, as in a Pod.", 64, "Name of the volume."),
            },
            **ANYTHING_ELSE,
        },
    },
}
"""`spec.template` of a ScaleSet."""

CLAIM_TEMPLATE: dict[str, Any] = {
    "type": "object",
    "required": ["metadata", "spec"],
    "properties": {
        "apiVersion": {"type": "string", "maxLength": 16, "description": "v1, or left out."},
        "kind": {"type": "string", "maxLength": 32, "description": "PersistentVolumeClaim, or left out."},
        "metadata": {
            **metadata(
                "claim",
                name={
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 63,
                    "description": "Name of the data disk: of the pod's volume, and the first part of the claim's.",
                    **rules.CLAIM_NAME,
                },
            ),
            "required": ["name"],
        },
        "spec": {"type": "object", "description": "As the spec of a PersistentVolumeClaim.", **ANYTHING_ELSE},
        "status": {
            "type": "object",
            "description": "Ignored; it is there in what kubectl prints.",
            **ANYTHING_ELSE,
        },
    },
}
"""An item of `spec.volumeClaimTemplates`."""

EXTENSION_CONTAINER: dict[str, Any] = {
    "type": "object",
    "required": ["image"],
    "properties": {
        "name": {"type": "string", "maxLength": 63, "description": "Leave it out: the extension has a name."},
        "image": {"type": "string", "minLength": 1, "maxLength": 1024, "description": "Image of the container."},
        "command": {
            "type": "array",
            "minItems": 1,
            "maxItems": 100,
            "description": "As in a Pod; needed with suppressFailures.",
            "items": {"type": "string", "maxLength": 65536},
        },
        "restartPolicy": {"type": "string", "maxLength": 32, "description": "Leave it out: the type says it."},
    },
    **ANYTHING_ELSE,
    **extension_rules.EXTENSION_CONTAINER,
}
"""`container` of an extension."""
