"""Reads a Pod as the engine's `Instance`: what runs, since when, how healthy, what is wrong (H1, H2, H5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rollkeeper.api.v1alpha1 import names
from rollkeeper.engine import versions
from rollkeeper.engine.reasons import Failure
from rollkeeper.engine.snapshot import Application, Instance, Pair, Problem
from rollkeeper.instances import application_condition, in_place, problems
from rollkeeper.instances.in_place import Container
from rollkeeper.instances.provisioning import EXTENSION_CONTAINER
from rollkeeper.kube.api import JsonObject

LABEL_ZONE = "topology.kubernetes.io/zone"
"""On nodes, and on pods where the API server copies it there when it binds them (KEP-4742)."""


@dataclass(frozen=True, slots=True)
class PodView:
    """A pod of a scale set, as the cache keeps it."""

    namespace: str
    scale_set: str
    """Name of the set that it says it is of."""
    owner: str
    """Uid of the controlling owner, empty when nobody owns the pod; of a launcher it is a guest's."""
    node: str
    address: str
    """The pod's IP address, empty while it has none."""
    os_container: str
    """Name of the container whose root file system is the OS disk."""
    container: Container
    """The OS container that it runs, or ran last."""
    instance: Instance


def read_pod(raw: JsonObject, previous: PodView | None) -> PodView:
    """What the engine needs of a pod; `previous` is the same pod before, for what only memory knows (H2)."""
    meta = raw["metadata"]
    owner = next((o["uid"] for o in meta.get("ownerReferences", ()) if o.get("controller")), "")
    node = raw.get("spec", {}).get("nodeName") or ""
    address = raw.get("status", {}).get("podIP") or ""
    name, container = in_place.os_container(raw), in_place.container_of(raw)
    instance = _instance(raw, previous.instance if previous else None)
    scale_set = (meta.get("labels") or {}).get(names.LABEL_SCALE_SET, "")
    return PodView(meta.get("namespace") or "", scale_set, owner, node, address, name, container, instance)


def ordinal_of(name: str) -> int:
    """The ordinal in an instance's name; -1 when there is none."""
    _, _, tail = name.rpartition("-")
    return int(tail) if tail.isdecimal() and len(tail) <= 6 else -1


def _instance(raw: JsonObject, previous: Instance | None) -> Instance:
    meta = raw["metadata"]
    labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
    created, made_by = datetime.fromisoformat(meta["creationTimestamp"]), annotations.get(names.ANNOTATION_MADE_BY, "")
    change = in_place.change_of(raw)
    if change is not None:
        raw, created = in_place.without_replaced(raw, change), change.time
    if previous is not None and (previous.made_by, previous.created) != (made_by, created):
        previous = None  # what memory knows is of the container before the last change in place
    status, container = raw.get("status", {}), _os_status(raw)
    running_since = _time(container.get("state", {}).get("running", {}).get("startedAt"))
    running = running_since is not None and container.get("started") is not False and status.get("phase") == "Running"
    running = running and all(_is_provisioned(s) for s in status.get("initContainerStatuses") or ())
    conditions = {c["type"]: c for c in status.get("conditions", ())}
    ready = conditions.get("Ready", {})
    is_ready = ready.get("status") == "True"
    swapping = change is not None and running_since is None
    application = application_condition.read(conditions, running_since) if not swapping else None
    return Instance(
        ordinal=ordinal_of(meta["name"]),
        name=meta["name"],
        uid=meta["uid"],
        pair=Pair(
            _version(labels.get(names.LABEL_IMAGE_VERSION, "")),
            annotations.get(names.ANNOTATION_IMAGE, ""),
            labels.get(names.LABEL_MODEL_REVISION, ""),
        ),
        made_by=made_by,
        created=created,
        swapping=swapping,
        terminating="deletionTimestamp" in meta,
        terminating_until=_time(meta.get("deletionTimestamp")),
        finished=status.get("phase") in {"Failed", "Succeeded"},
        running=running,
        first_started=_first_start(container, previous),
        running_since=running_since,
        has_hook=_has_hook(raw, container),
        ready=is_ready,
        ready_since=_ready_since(ready, running_since) if is_ready else None,
        zone=labels.get(LABEL_ZONE, ""),
        problem=_problem(raw, conditions, previous) if not is_ready else None,
        protected=labels.get(names.LABEL_PROTECT) == "true",
        application=application,
        application_settled=_first_settled(application, previous),
    )


def _problem(raw: JsonObject, conditions: Mapping[str, Mapping[str, Any]], previous: Instance | None) -> Problem | None:
    """What is wrong; memory keeps what a start failed on, which the kubelet says at its next attempt again (H5)."""
    found = problems.of_pod(raw, conditions)
    if found is not None and found.reason == Failure.NOT_STARTED and previous is not None:
        return previous.problem or found
    return found


def _version(label: str) -> str:
    """A label that somebody edited must not make the whole set unreadable; no version is lower than any other."""
    return label if versions.is_version(label) else "0.0.0"


def _ready_since(condition: Mapping[str, Any], running_since: datetime | None) -> datetime | None:
    """Through a swap in place a pod may stay Ready all the time; its new container is so from its start at most."""
    times = (_time(condition.get("lastTransitionTime")), running_since)
    return max((t for t in times if t is not None), default=None)


def _os_status(raw: JsonObject) -> Mapping[str, Any]:
    name = in_place.os_container(raw)
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
