"""What the controller knows of the cluster: one store a resource, each indexed by what reconciles ask for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rollkeeper.api.v1alpha1 import ImageSource, ImageVersion, ScaleSet, UpgradeRun
from rollkeeper.engine import references
from rollkeeper.engine.references import Reference
from rollkeeper.engine.versions import image_name
from rollkeeper.instances.claim_view import ClaimView, read_claim
from rollkeeper.instances.pod_view import LABEL_ZONE, PodView, read_pod
from rollkeeper.instances.virtual_machines.machine_view import GuestView, MachineView, read_guest, read_machine
from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.store import Store, object_version


@dataclass(frozen=True, slots=True)
class RevisionView:
    """A stored model (M2)."""

    name: str
    owner: str
    number: int
    model: Mapping[str, Any]
    references: tuple[Reference, ...] = ()
    """What pods of the model rely on (T8)."""

    @property
    def image_name(self) -> str:
        """The OS image that the model belongs to (V6)."""
        return str(self.model.get("imageName", ""))


@dataclass(frozen=True, slots=True)
class NodeView:
    """As much of a node as instances depend on."""

    ready: bool
    zone: str = ""


def _read_scale_set(raw: JsonObject, _previous: ScaleSet | None) -> ScaleSet:
    return ScaleSet.model_validate(raw)


def _read_image_version(raw: JsonObject, _previous: ImageVersion | None) -> ImageVersion:
    return ImageVersion.model_validate(raw)


def _read_image_source(raw: JsonObject, _previous: ImageSource | None) -> ImageSource:
    return ImageSource.model_validate(raw)


def _read_run(raw: JsonObject, _previous: UpgradeRun | None) -> UpgradeRun:
    return UpgradeRun.model_validate(raw)


def read_revision(raw: JsonObject, _previous: RevisionView | None = None) -> RevisionView:
    """The view of a ControllerRevision."""
    meta = raw["metadata"]
    owner = next((o["uid"] for o in meta.get("ownerReferences", ()) if o.get("controller")), "")
    model = raw.get("data") or {}
    return RevisionView(meta["name"], owner, raw["revision"], model, references.of_model(model) if model else ())


def _read_version(raw: JsonObject, _previous: int | None) -> int:
    return object_version(raw)


def read_node(raw: JsonObject, _previous: NodeView | None = None) -> NodeView:
    """The view of a Node."""
    conditions = raw.get("status", {}).get("conditions", ())
    return NodeView(
        ready=any(c["type"] == "Ready" and c["status"] == "True" for c in conditions),
        zone=(raw["metadata"].get("labels") or {}).get(LABEL_ZONE, ""),
    )


@dataclass(frozen=True)
class Caches:
    """All stores. Kept up to date by watches, and by the answers to our own writes."""

    scale_sets: Store[ScaleSet] = field(
        default_factory=lambda: Store(_read_scale_set, index=lambda s: image_name(s.spec.image_reference))
    )
    """By image name."""
    image_versions: Store[ImageVersion] = field(
        default_factory=lambda: Store(_read_image_version, index=lambda v: image_name(v.spec))
    )
    """By image name."""
    image_sources: Store[ImageSource] = field(default_factory=lambda: Store(_read_image_source))
    runs: Store[UpgradeRun] = field(
        default_factory=lambda: Store(_read_run, index=lambda r: (r.metadata.namespace, r.spec.scale_set_name))
    )
    """By the key of their set."""
    pods: Store[PodView] = field(default_factory=lambda: Store(read_pod, index=lambda p: p.owner or None))
    """By the uid of their owner."""
    machines: Store[MachineView] = field(default_factory=lambda: Store(read_machine, index=lambda m: m.owner or None))
    """By the uid of their owner."""
    guests: Store[GuestView] = field(default_factory=lambda: Store(read_guest, index=lambda g: g.uid))
    """By their own uid."""
    claims: Store[ClaimView] = field(
        default_factory=lambda: Store(read_claim, index=lambda c: (c.namespace, c.scale_set))
    )
    """By the key of their set."""
    revisions: Store[RevisionView] = field(
        default_factory=lambda: Store(read_revision, index=lambda r: r.owner or None)
    )
    """By the uid of their owner."""
    config_maps: Store[int] = field(default_factory=lambda: Store(_read_version))
    """Resource versions, to know when to read one again."""
    nodes: Store[NodeView] = field(default_factory=lambda: Store(read_node))

    def by_kind(self) -> Mapping[str, Store[Any]]:
        """All stores by the kind of their objects."""
        return {
            "ScaleSet": self.scale_sets,
            "ImageVersion": self.image_versions,
            "ImageSource": self.image_sources,
            "UpgradeRun": self.runs,
            "Pod": self.pods,
            "VirtualMachine": self.machines,
            "VirtualMachineInstance": self.guests,
            "PersistentVolumeClaim": self.claims,
            "ControllerRevision": self.revisions,
            "Node": self.nodes,
        }

    def model(self, scale_set: ScaleSet, revision: str) -> Mapping[str, Any]:
        """The model of a revision. Raises LookupError when somebody deleted it: instances can't be made with it."""
        known = self.revisions.get((scale_set.metadata.namespace, revision))
        if known is None:
            raise LookupError(f"ControllerRevision {revision} is gone: instances can't be made with that model")
        return known.model
