"""Reads a VirtualMachine and its guest, each as far as the engine's `Instance` needs it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rollkeeper.api.v1alpha1 import names
from rollkeeper.engine import versions
from rollkeeper.engine.snapshot import Pair
from rollkeeper.instances.pod_view import ordinal_of
from rollkeeper.kube.api import JsonObject

Mark = tuple[str, str]
"""What a template was last changed for, and when."""


@dataclass(frozen=True, slots=True)
class MachineView:
    """A VirtualMachine."""

    namespace: str
    name: str
    uid: str
    owner: str
    """Uid of the controlling owner, empty when nobody owns it."""
    ordinal: int
    pair: Pair
    mark: Mark
    created: datetime
    """When it was made, or its template last changed."""
    terminating: bool
    terminating_until: datetime | None
    halted: bool
    """It is not to run: its user's doing, unless it is `starting_anew`."""
    starting_anew: bool
    backs_off: bool
    """KubeVirt waits before it starts the next guest."""
    guest_agent: bool
    status: str
    """KubeVirt's own word, as kubectl shows it."""
    protected: bool
    claims: frozenset[str]
    """The claims that are its disks."""


@dataclass(frozen=True, slots=True)
class GuestView:
    """A VirtualMachineInstance."""

    namespace: str
    name: str
    uid: str
    machine: str
    """Uid of the VirtualMachine that it belongs to."""
    mark: Mark
    """That of the template it was started from."""
    phase: str
    ran: bool
    """It has been Running once."""
    running_since: datetime | None
    agent_since: datetime | None
    """Since when its guest agent is connected."""
    ready_since: datetime | None
    paused: bool
    terminating: bool
    node: str
    address: str
    """Of its first interface that has one, empty while none has."""
    os_version: str
    """What the guest agent says of the OS."""


def mark_of(raw: Mapping[str, Any]) -> Mark:
    """The mark in an object's annotations."""
    annotations = raw["metadata"].get("annotations") or {}
    return annotations.get(names.ANNOTATION_MADE_BY, ""), annotations.get(names.ANNOTATION_CHANGED, "")


def read_machine(raw: JsonObject, _previous: MachineView | None) -> MachineView:
    """What the cache keeps of a VirtualMachine."""
    meta, spec, status = raw["metadata"], raw.get("spec", {}), raw.get("status") or {}
    labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
    label = labels.get(names.LABEL_IMAGE_VERSION, "")
    return MachineView(
        namespace=meta.get("namespace") or "",
        name=meta["name"],
        uid=meta["uid"],
        owner=_controller(meta),
        ordinal=ordinal_of(meta["name"]),
        pair=Pair(
            label if versions.is_version(label) else "0.0.0",
            annotations.get(names.ANNOTATION_IMAGE, ""),
            labels.get(names.LABEL_MODEL_REVISION, ""),
        ),
        mark=mark_of(raw),
        created=_time(annotations.get(names.ANNOTATION_CHANGED)) or datetime.fromisoformat(meta["creationTimestamp"]),
        terminating="deletionTimestamp" in meta,
        terminating_until=_time(meta.get("deletionTimestamp")),
        halted=spec.get("runStrategy") == "Halted" or spec.get("running") is False,
        starting_anew=names.ANNOTATION_STARTING_ANEW in annotations,
        backs_off=bool(status.get("startFailure")),
        guest_agent=annotations.get(names.ANNOTATION_GUEST_AGENT) == "true",
        status=status.get("printableStatus", ""),
        protected=labels.get(names.LABEL_PROTECT) == "true",
        claims=frozenset(_claims(spec)),
    )


def _claims(spec: Mapping[str, Any]) -> Iterator[str]:
    for volume in spec.get("template", {}).get("spec", {}).get("volumes") or ():
        if "persistentVolumeClaim" in volume:
            yield volume["persistentVolumeClaim"]["claimName"]


def read_guest(raw: JsonObject, _previous: GuestView | None) -> GuestView:
    """What the cache keeps of a VirtualMachineInstance."""
    meta, status = raw["metadata"], raw.get("status") or {}
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    running = [t for t in status.get("phaseTransitionTimestamps") or () if t["phase"] == "Running"]
    return GuestView(
        namespace=meta.get("namespace") or "",
        name=meta["name"],
        uid=meta["uid"],
        machine=_controller(meta),
        mark=mark_of(raw),
        phase=status.get("phase", ""),
        ran=bool(running),
        running_since=_time(running[-1]["phaseTransitionTimestamp"]) if running else None,
        agent_since=_since(conditions, "AgentConnected"),
        ready_since=_since(conditions, "Ready"),
        paused=conditions.get("Paused", {}).get("status") == "True",
        terminating="deletionTimestamp" in meta,
        node=status.get("nodeName") or "",
        address=next((i["ipAddress"] for i in status.get("interfaces") or () if i.get("ipAddress")), ""),
        os_version=(status.get("guestOSInfo") or {}).get("versionId") or "",
    )


def _controller(meta: Mapping[str, Any]) -> str:
    return next((str(o["uid"]) for o in meta.get("ownerReferences") or () if o.get("controller")), "")


def _since(conditions: Mapping[str, Mapping[str, Any]], type_: str) -> datetime | None:
    """Since when a condition is True; None: it is not."""
    found = conditions.get(type_, {})
    return _time(found.get("lastTransitionTime")) if found.get("status") == "True" else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
