"""Schema of the template of virtual machines: what rules must see, and everything else as it comes (KubeVirt's own)."""

from typing import Any

from rollkeeper.api.v1alpha1.pod_template import ANYTHING_ELSE, metadata, named

_CONTAINER_DISK: dict[str, Any] = {
    "type": "object",
    "description": "As in a VirtualMachine.",
    "properties": {
        "image": {
            "type": "string",
            "maxLength": 1024,
            "description": "Leave it out for the OS disk: its image comes from the image version.",
        }
    },
    **ANYTHING_ELSE,
}

_CLAIM: dict[str, Any] = {
    "type": "object",
    "description": "As in a VirtualMachine.",
    "properties": {
        "claimName": {
            "type": "string",
            "maxLength": 253,
            "description": "Leave it out for the OS disk: each instance has a claim of its own.",
        }
    },
    **ANYTHING_ELSE,
}
_USER_DATA: dict[str, Any] = {
    "type": "string",
    "maxLength": 4096,
    "description": "Leave it out where custom data or extensions are given.",
}
_CLOUD_INIT: dict[str, Any] = {
    "type": "object",
    "description": "As in a VirtualMachine. Custom data and extensions are put into it.",
    "properties": {
        "userData": _USER_DATA,
        "userDataBase64": _USER_DATA,
        "secretRef": {"type": "object", "description": "As userData, from a Secret.", **ANYTHING_ELSE},
    },
    **ANYTHING_ELSE,
}
_CONFIG_DRIVE: dict[str, Any] = {
    "type": "object",
    "description": "As in a VirtualMachine; not together with custom data or extensions.",
    **ANYTHING_ELSE,
}

_GUEST_SPEC: dict[str, Any] = {
    "type": "object",
    "description": "As the spec of a VirtualMachineInstance.",
    "required": ["volumes"],
    "properties": {
        "volumes": {
            **named(
                "Volumes, as in a VirtualMachine.",
                64,
                "Name of the volume.",
                containerDisk=_CONTAINER_DISK,
                persistentVolumeClaim=_CLAIM,
                cloudInitNoCloud=_CLOUD_INIT,
                cloudInitConfigDrive=_CONFIG_DRIVE,
            ),
            "minItems": 1,
        },
        "readinessProbe": {
            "type": "object",
            "description": "As in a VirtualMachine. Needed where health.source is Probe.",
            "properties": {
                "periodSeconds": {"type": "integer", "format": "int32", "description": "How often to probe; under 120."}
            },
            **ANYTHING_ELSE,
        },
    },
    **ANYTHING_ELSE,
}

MACHINE_TEMPLATE: dict[str, Any] = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "metadata": metadata("instance's VirtualMachine"),
        "spec": {
            "type": "object",
            "description": "As the spec of a KubeVirt VirtualMachine.",
            "required": ["template"],
            "properties": {
                "runStrategy": {"type": "string", "maxLength": 32, "description": "Always, or left out."},
                "running": {"type": "boolean", "description": "Leave it out: instances run."},
                "dataVolumeTemplates": {
                    "type": "array",
                    "description": "Leave it out: volumeClaimTemplates make the data disks of each instance.",
                    "maxItems": 16,
                    "items": {"type": "object", **ANYTHING_ELSE},
                },
                "template": {
                    "type": "object",
                    "description": "The VirtualMachineInstance.",
                    "required": ["spec"],
                    "properties": {"metadata": metadata("VirtualMachineInstance"), "spec": _GUEST_SPEC},
                },
            },
            **ANYTHING_ELSE,
        },
    },
}
"""`spec.virtualMachineTemplate` of a ScaleSet."""
