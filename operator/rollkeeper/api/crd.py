"""The CRDs, made from the models: schema, columns, short names, subresources."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from rollkeeper.api.structural import Schema, structural, without_defaults
from rollkeeper.api.v1alpha1 import GROUP, VERSION, ImageSource, ImageVersion, ScaleSet, UpgradeRun

CATEGORY = "rollkeeper"
WIDE = 1
"""Priority of a column that only `kubectl get -o wide` shows."""

UNSEEN = {"observedGeneration": -1}
"""Status of an object that no controller has looked at: generic tools must not take it for ready."""


@dataclass(frozen=True)
class Column:
    """A column of `kubectl get`. It can show one field only."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0

    def to_json(self) -> dict[str, Any]:
        """The column as it stands in a CRD."""
        made: dict[str, Any] = {"name": self.name, "type": self.type, "jsonPath": self.path}
        return {**made, "priority": self.priority} if self.priority else made


@dataclass(frozen=True)
class Kind:
    """What a CRD says of a kind beside its schema."""

    model: type[BaseModel]
    short_name: str
    columns: tuple[Column, ...]
    selectable: tuple[str, ...] = ()
    scale: bool = False

    @property
    def name(self) -> str:
        """The kind, as in manifests."""
        return self.model.__name__

    @property
    def plural(self) -> str:
        """The resource, as in URLs and on the command line."""
        return f"{self.name.lower()}s"


def _condition(condition: str, field: str) -> str:
    return f'.status.conditions[?(@.type=="{condition}")].{field}'


AGE = Column("Age", ".metadata.creationTimestamp", "date")

SCALE_SET = Kind(
    model=ScaleSet,
    short_name="sset",
    scale=True,
    columns=(
        Column("Desired", ".spec.replicas", "integer"),
        Column("Ready", ".status.readyReplicas", "integer"),
        Column("Updated", ".status.updatedReplicas", "integer"),
        Column("Version", ".status.provenImageVersion"),
        Column("Latest", ".status.latestImageVersion"),
        Column("Run", ".status.activeRunName"),
        AGE,
        Column("Unhealthy", ".status.unhealthyReplicas", "integer", WIDE),
        Column("Auto", ".spec.upgradePolicy.automaticOSUpgradePolicy.enableAutomaticOSUpgrade", "boolean", WIDE),
        Column("Message", _condition("Ready", "message"), priority=WIDE),
    ),
)

IMAGE_VERSION = Kind(
    model=ImageVersion,
    short_name="imgv",
    columns=(
        Column("Image", ".status.imageName"),
        Column("Version", ".spec.version"),
        Column("Excluded", ".spec.excludeFromLatest", "boolean"),
        Column("Ready", _condition("Ready", "status")),
        Column("Instances", ".status.usedBy.instances", "integer"),
        AGE,
        Column("Message", _condition("Ready", "message"), priority=WIDE),
    ),
)

IMAGE_SOURCE = Kind(
    model=ImageSource,
    short_name="imgsrc",
    columns=(
        Column("Image", ".status.imageName"),
        Column("Repository", ".spec.repository"),
        Column("Latest", ".status.latestVersion"),
        Column("Ready", _condition("Ready", "status")),
        Column("Last-Scan", ".status.lastScanTime", "date"),
        AGE,
        Column("Suspended", ".spec.suspend", "boolean", WIDE),
        Column("Message", _condition("Ready", "message"), priority=WIDE),
    ),
)

UPGRADE_RUN = Kind(
    model=UpgradeRun,
    short_name="uprun",
    selectable=(".spec.scaleSetName", ".spec.type", ".spec.startedBy", ".status.runningStatus.code"),
    columns=(
        Column("ScaleSet", ".spec.scaleSetName"),
        Column("Version", ".status.targetImageReference.version"),
        Column("Status", ".status.displayStatus"),
        Column("Progress", ".status.progress.summary"),
        Column("Failed", ".status.progress.failedInstanceCount", "integer"),
        Column("Started-By", ".spec.startedBy"),
        AGE,
        Column("Batch", ".status.currentBatch.number", "integer", WIDE),
        Column("Message", ".status.message", priority=WIDE),
    ),
)

KINDS = (SCALE_SET, IMAGE_VERSION, UPGRADE_RUN, IMAGE_SOURCE)


def crd(kind: Kind) -> dict[str, Any]:
    """The CustomResourceDefinition of a kind."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short_name],
                "categories": [CATEGORY],
            },
            "versions": [_version(kind)],
        },
    }


def _version(kind: Kind) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": _subresources(kind),
        "additionalPrinterColumns": [column.to_json() for column in kind.columns],
        "schema": {"openAPIV3Schema": root_schema(kind)},
    }
    if kind.selectable:
        made["selectableFields"] = [{"jsonPath": path} for path in kind.selectable]
    return made


def _subresources(kind: Kind) -> dict[str, Any]:
    if not kind.scale:
        return {"status": {}}
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.labelSelector",
    }
    return {"status": {}, "scale": scale}


def root_schema(kind: Kind) -> Schema:
    """The schema of a whole object."""
    made = structural(kind.model)
    properties = made["properties"]
    # The name is declared so that rules can point at it; of metadata a CRD may constrain nothing else but generateName.
    metadata = {"type": "object", "properties": {"name": {"type": "string"}}}
    text = {"type": "string"}
    made["properties"] = {
        "apiVersion": text | {"description": f"{GROUP}/{VERSION}"},
        "kind": text | {"description": kind.name},
        "metadata": metadata,
        "spec": properties["spec"],
        "status": _status(properties["status"]),
    }
    made["required"] = ["spec"]
    return made


def _status(schema: Schema) -> Schema:
    made = without_defaults(schema)
    generation = made["properties"]["observedGeneration"]
    generation |= {"format": "int64", "default": UNSEEN["observedGeneration"]}
    return {**made, "default": dict(UNSEEN)}
