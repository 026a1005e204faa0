"""An image changed in place: the one PATCH that does it, and how to tell that it has been done.

Right after the patch a pod still says that it is running and ready, with the container that is to go: the kubelet
reports that one until the new one is there. So the patch notes which container it replaces, and everything that a
status tells of that container is left out from then on, as if it had never been.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rollkeeper.api.v1alpha1 import names
from rollkeeper.engine.reasons import Failure
from rollkeeper.kube.api import JsonObject

if TYPE_CHECKING:  # the command line reads pods without the models
    from rollkeeper.engine.actions import SwapImage

_WHOLE_SECONDS = timedelta(seconds=1)
"""The kubelet's times leave out fractions."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container as the kubelet knows it. Both empty: it has not made one yet."""

    id: str = ""
    image_id: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What stands on a pod whose image was changed in place."""

    time: datetime
    replaced: Container


def os_container(raw: JsonObject) -> str:
    """The name of the container whose root file system is the OS disk."""
    annotations = raw["metadata"].get("annotations") or {}
    containers = raw.get("spec", {}).get("containers") or [{"name": ""}]
    return str(annotations.get(names.ANNOTATION_OS_CONTAINER) or containers[0]["name"])


def container_of(raw: JsonObject) -> Container:
    """The OS container that the pod runs, or ran last."""
    found = _status_of(raw, os_container(raw))
    return Container(found.get("containerID") or "", found.get("imageID") or "")


def change_of(raw: JsonObject) -> Change | None:
    """The last change in place; None: the pod runs what it was made with."""
    text = (raw["metadata"].get("annotations") or {}).get(names.ANNOTATION_IN_PLACE)
    if not text:
        return None
    try:
        told = json.loads(text)
        replaced = Container(str(told.get("containerID", "")), str(told.get("imageID", "")))
        return Change(datetime.fromisoformat(told["time"]).astimezone(UTC), replaced)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None  # somebody edited it: that must not make the whole set unreadable


def patch(change: SwapImage, container: str, replaced: Container, version: int, now: datetime) -> JsonObject:
    """The strategic merge patch: image, labels and annotations in one, or none of it (I8, I9).

    Under the resource version at which `replaced` was seen: a container that came after it would be taken for the new
    one.
    """
    told = {"time": now.astimezone(UTC).isoformat(), "containerID": replaced.id, "imageID": replaced.image_id}
    return {
        "metadata": {
            "resourceVersion": str(version),
            "labels": {
                names.LABEL_IMAGE_VERSION: change.pair.version,
                names.LABEL_MODEL_REVISION: change.pair.revision,
            },
            "annotations": {
                names.ANNOTATION_IMAGE: change.pair.image,
                names.ANNOTATION_MADE_BY: change.made_by,
                names.ANNOTATION_IN_PLACE: json.dumps(told),
            },
        },
        "spec": {"containers": [{"name": container, "image": change.pair.image}]},
    }


def without_replaced(raw: JsonObject, change: Change) -> JsonObject:
    """The pod without anything that the kubelet tells of the container that was to be replaced."""
    name = os_container(raw)
    status = raw.get("status", {})
    told = [
        _cleared(raw, found, change) if found["name"] == name else found
        for found in status.get("containerStatuses") or ()
    ]
    return {**raw, "status": {**status, "containerStatuses": told}}


def _status_of(raw: JsonObject, name: str) -> Mapping[str, Any]:
    statuses = raw.get("status", {}).get("containerStatuses") or ()
    return next((s for s in statuses if s["name"] == name), {})


def _cleared(raw: JsonObject, found: JsonObject, change: Change) -> JsonObject:
    old = change.replaced.id
    state, last = found.get("state", {}), found.get("lastState", {})
    if (found.get("containerID") or "") == old:
        # It is still the one that is told of, and what ended before it is older still; why the new one waits is news.
        state, last = {word: _reason_to_wait(told) for word, told in state.items() if word == "waiting"}, {}
    elif last.get("terminated", {}).get("containerID") == old:
        last = {}
    if "running" in state and not _is_new(raw, found, change):
        state = {}
    began = "running" in state
    return {**found, "state": state, "lastState": last, **({} if began else {"ready": False, "started": False})}


def _reason_to_wait(waiting: Mapping[str, Any]) -> Mapping[str, Any]:
    """Why the new container is not there, while the kubelet still tells of the one that was replaced.

    Between its attempts it says `CrashLoopBackOff` whatever failed, for a container has ended: the old one.
    Taken by its word, an image that can't be pulled would be called a crash, and a registry that is down would hold the
    version (F3, H5).
    """
    if waiting.get("reason") != "CrashLoopBackOff":
        return waiting
    said = "the kubelet could not start the new container, and has not said why"
    return {"reason": str(Failure.NOT_STARTED), "message": said}


def _is_new(raw: JsonObject, found: Mapping[str, Any], change: Change) -> bool:
    """Whether the container that runs was made with the changed image.

    Another container alone does not tell: the old one may have crashed and been started again before the kubelet saw
    the change. Its image tells, unless a version was published again under another name.
    """
    generation = raw["metadata"].get("generation", 0)
    if raw.get("status", {}).get("observedGeneration", generation) < generation:
        return False
    wanted = next(c["image"] for c in raw["spec"]["containers"] if c["name"] == found["name"])
    if found.get("imageID") != change.replaced.image_id or _is_called(found, wanted):
        return True
    started = datetime.fromisoformat(found["state"]["running"]["startedAt"])
    return started + _WHOLE_SECONDS > change.time


def _is_called(found: Mapping[str, Any], wanted: str) -> bool:
    """Whether the kubelet calls the image as we do; it adds Docker Hub's host and `library` where they are left out."""
    repository, _, digest = wanted.partition("@")
    if digest:
        return str(found.get("imageID", "")).endswith(f"@{digest}")
    tagged = wanted if ":" in repository.rpartition("/")[2] else f"{wanted}:latest"
    image = str(found.get("image", ""))
    return image == tagged or image.endswith(f"/{tagged}")
