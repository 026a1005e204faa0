"""Reads a Pod as the engine's `Instance`: what runs, since when, how healthy, what is wrong (H1, H2, H5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rollkeeper.api.v1alpha1 import names
from rollkeeper.engine import versions
from rollkeeper.engine.snapshot import Application, Instance, Pair
from rollkeeper.instances import application_condition, problems
from rollkeeper.instances.provisioning import EXTENSION_CONTAINER
from rollkeeper.kube.api import JsonObject

LABEL_ZONE = "topology.kubernetes.io/zone"
"""On nodes, and on pods where the API server copies it there when it binds them (KEP-4742)."""
ANNOTATION_OS_CONTAINER = f"{names.GROUP}/os-container"
"""Which container's root file system is the OS disk; without it, the first."""


@dataclass(frozen=True, slots=True)
class PodView:
    """A pod of a scale set, as the cache keeps it."""

    namespace: str
    owner: str
    """Uid of the controlling owner, empty when nobody owns the pod."""
    node: str
    address: str
    """The pod's IP address, empty while it has none."""
    instance: Instance


def read_pod(raw: JsonObject, previous: PodView | None) -> PodView:
    """What the engine needs of a pod; `previous` is the same pod before, for what only memory knows (H2)."""
    meta = raw["metadata"]
    owner = next((o["uid"] for o in meta.get("ownerReferences", ()) if o.get("controller")), "")
    node = raw.get("spec", {}).get("nodeName") or ""
    address = raw.get("status", {}).get("podIP") or ""
    instance = _instance(raw, previous.instance if previous else None)
    return PodView(meta.get("namespace") or "", owner, node, address, instance)


def ordinal_of(name: str) -> int:
    """The ordinal in an instance's name; -1 when there is none."""
    _, _, tail = name.rpartition("-")
    return int(tail) if tail.isdecimal() and len(tail) <= 6 else -1


def _instance(raw: JsonObject, previous: Instance | None) -> Instance:
    meta, status = raw["metadata"], raw.get("status", {})
    labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
    container = _os_status(raw, annotations)
    running_since = _time(container.get("state", {}).get("running", {}).get("startedAt"))
    running = running_since is not None and container.get("started") is not False and status.get("phase") == "Running"
    running = running and all(_is_provisioned(s) for s in status.get("initContainerStatuses") or ())
    conditions = {c["type"]: c for c in status.get("conditions", ())}
    ready = conditions.get("Ready", {})
    is_ready = ready.get("status") == "True"
    application = application_condition.read(conditions, running_since)
    return Instance(
        ordinal=ordinal_of(meta["name"]),
        name=meta["name"],
        uid=meta["uid"],
        pair=Pair(
            _version(labels.get(names.LABEL_IMAGE_VERSION, "")),
            annotations.get(names.ANNOTATION_IMAGE, ""),
            labels.get(names.LABEL_MODEL_REVISION, ""),
        ),
        made_by=annotations.get(names.ANNOTATION_MADE_BY, ""),
        created=datetime.fromisoformat(meta["creationTimestamp"]),
        terminating="deletionTimestamp" in meta,
        terminating_until=_time(meta.get("deletionTimestamp")),
        finished=status.get("phase") in {"Failed", "Succeeded"},
        running=running,
        first_started=_first_start(container, previous),
        running_since=running_since,
        has_hook=_has_hook(raw, container),
        ready=is_ready,
        ready_since=_time(ready.get("lastTransitionTime")) if is_ready else None,
        zone=labels.get(LABEL_ZONE, ""),
        problem=problems.of_pod(raw, conditions) if not is_ready else None,
        protected=labels.get(names.LABEL_PROTECT) == "true",
        application=application,
        application_settled=_first_settled(application, previous),
    )


def _version(label: str) -> str:
    """A label that somebody edited must not make the whole set unreadable; no version is lower than any other."""
    return label if versions.is_version(label) else "0.0.0"


def _os_status(raw: JsonObject, annotations: Mapping[str, str]) -> Mapping[str, Any]:
    containers = raw.get("spec", {}).get("containers") or [{"name": ""}]
    name = annotations.get(ANNOTATION_OS_CONTAINER) or containers[0]["name"]
    statuses = raw.get("status", {}).get("containerStatuses") or ()
    return next((s for s in statuses if s["name"] == name), {})


def _is_provisioned(container: Mapping[str, Any]) -> bool:
    """E1: whether an extension that is a container has done its part; containers of the template's own don't count."""
    if not container["name"].startswith(EXTENSION_CONTAINER):
        return True
    return bool(container.get("started")) or container.get("state", {}).get("terminated", {}).get("exitCode") == 0


def _has_hook(raw: JsonObject, os_status: Mapping[str, Any]) -> bool:
    containers = raw.get("spec", {}).get("containers") or ()
    return any(c["name"] == os_status.get("name") and "postStart" in (c.get("lifecycle") or {}) for c in containers)


def _first_start(container: Mapping[str, Any], previous: Instance | None) -> datetime | None:
    """The kubelet keeps the last two starts only; memory keeps the first: restarts don't move the health clock."""
    state, last = container.get("state", {}), container.get("lastState", {})
    known = [
        _time(state.get("running", {}).get("startedAt")),
        _time(state.get("terminated", {}).get("startedAt")),
        _time(last.get("terminated", {}).get("startedAt")),
        previous.first_started if previous is not None else None,
    ]
    return min((t for t in known if t is not None), default=None)


def _first_settled(application: Application | None, previous: Instance | None) -> datetime | None:
    """The condition tells of the last state only; memory keeps when the first one settled, as with the first start."""
    if previous is not None and previous.application_settled is not None:
        return previous.application_settled
    return application.since if application is not None and application.state != "Initializing" else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
