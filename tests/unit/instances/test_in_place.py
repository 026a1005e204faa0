"""How to tell that an image was changed in place: the pod itself claims to be ready all the time (B5, H2, H5)."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from rollkeeper.engine.actions import SwapImage
from rollkeeper.engine.snapshot import Instance, Pair, Problem
from rollkeeper.instances import in_place
from rollkeeper.instances.in_place import Container
from rollkeeper.instances.pod_view import read_pod

JsonMap = dict[str, Any]
MADE, STARTED, CHANGED, SWAPPED, READY = (f"2026-03-01T12:{m}:00Z" for m in ("00", "01", "30", "31", "32"))
OLD_IMAGE, NEW_IMAGE = "registry.example/os@sha256:old", "registry.example/os@sha256:new"
OLD, NEW, OTHER = "containerd://old", "containerd://new", "containerd://other"


def time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def ran(container: str, *, exit_code: int = 0, started: str = STARTED) -> JsonMap:
    return {"terminated": {"containerID": container, "exitCode": exit_code, "startedAt": started, "reason": "Error"}}


def running(container: str, image_id: str, *, started: str, **more: Any) -> JsonMap:
    fields = {"ready": True, "started": True, "image": "registry.example/os:2", **more}
    return {"containerID": container, "imageID": image_id, "state": {"running": {"startedAt": started}}, **fields}


def waiting(container: str, image_id: str, reason: str, **more: Any) -> JsonMap:
    state = {"waiting": {"reason": reason, "message": "said by the kubelet"}}
    return {"containerID": container, "imageID": image_id, "state": state, "ready": False, "started": False, **more}


def pod(os: JsonMap, **fields: Any) -> JsonMap:
    """A pod of which the image was changed from os:1 to os:2, as the kubelet tells of it."""
    told = fields.get("told", {"time": CHANGED, "containerID": OLD, "imageID": OLD_IMAGE})
    ready = {
        "type": "Ready",
        "status": str(os.get("ready", False)),
        "lastTransitionTime": fields.get("ready_since", STARTED),
    }
    return {
        "metadata": {
            "name": "web-0",
            "namespace": "default",
            "uid": "u",
            "generation": 2,
            "creationTimestamp": MADE,
            "labels": {"rollkeeper.io/image-version": "2.0.0"},
            "annotations": {
                "rollkeeper.io/made-by": fields.get("made_by", "up/1/Forward"),
                "rollkeeper.io/in-place-change": told if isinstance(told, str) else json.dumps(told),
            },
        },
        "spec": {"containers": [{"name": "os", "image": fields.get("image", "registry.example/os:2")}]},
        "status": {
            "phase": "Running",
            "observedGeneration": fields.get("seen", 2),
            "conditions": [ready],
            "containerStatuses": [{"name": "os", "lastState": {}, **os}],
        },
    }


def read(raw: JsonMap, previous: JsonMap | None = None) -> Instance:
    return read_pod(raw, read_pod(previous, None) if previous is not None else None).instance


OLD_ONE = running(OLD, OLD_IMAGE, started=STARTED, image="registry.example/os:1")
TOLD: dict[str, tuple[JsonMap, bool]] = {
    # what the pod tells, whether the new container runs
    "the old one, just after the patch": (pod(OLD_ONE, seen=1), False),
    "the old one, and the kubelet has seen the change": (pod(OLD_ONE), False),
    "the new one": (pod(running(NEW, NEW_IMAGE, started=SWAPPED)), True),
    "another one, but the kubelet has not seen the change": (
        pod(running(OTHER, OLD_IMAGE, started=SWAPPED, image="registry.example/os:1"), seen=1),
        False,
    ),
    "the old image crashed and was started again": (
        pod(running(OTHER, OLD_IMAGE, started="2026-03-01T12:29:58Z", image="registry.example/os:1")),
        False,
    ),
    "the same content under another tag": (
        pod(running(NEW, OLD_IMAGE, started=SWAPPED, image="registry.example/os:1")),
        True,
    ),
    "back on an image whose container was the last that ran": (
        pod(running(NEW, OLD_IMAGE, started=SWAPPED), image="registry.example/os:2"),
        True,
    ),
    "by digest": (pod(running(NEW, OLD_IMAGE, started="2026-03-01T12:29:00Z"), image=OLD_IMAGE), True),
    "Docker Hub's long name": (
        pod(running(NEW, OLD_IMAGE, started="2026-03-01T12:29:00Z", image="docker.io/library/os:2"), image="os:2"),
        True,
    ),
    "no tag is latest": (
        pod(running(NEW, OLD_IMAGE, started="2026-03-01T12:29:00Z", image="docker.io/library/os:latest"), image="os"),
        True,
    ),
    "no container had been made before": (
        pod(running(NEW, NEW_IMAGE, started=SWAPPED), told={"time": CHANGED, "containerID": "", "imageID": ""}),
        True,
    ),
    "the image can't be pulled": (pod(waiting(OLD, OLD_IMAGE, "ErrImagePull", lastState=ran(OLD))), False),
    "an annotation that somebody edited": (pod(OLD_ONE, told="nonsense"), True),
}


@pytest.mark.parametrize(("raw", "wanted"), TOLD.values(), ids=TOLD)
def test_whether_the_new_container_runs(raw: JsonMap, wanted: bool) -> None:
    """B5: the pod says that it is running and ready in most of these cases."""
    found = read(raw)
    assert (found.running, found.running_since is not None) == (wanted, wanted)
    if "nonsense" not in str(raw):
        assert found.swapping is not wanted


EDITED = ["nonsense", "[]", "{}", '{"time": 5}', '{"time": "0001-01-01T00:00:00+23:00"}', '{"time": "soon"}']


@pytest.mark.parametrize("told", EDITED)
def test_an_annotation_that_somebody_edited_harms_nobody(told: str) -> None:
    """The pod is read as one that was never changed: it must not make the whole set unreadable."""
    assert read(pod(OLD_ONE, told=told)).created == time(MADE)


def test_a_time_without_a_zone_can_be_compared() -> None:
    told = json.dumps({"time": "2026-03-01T12:30:00", "containerID": OLD, "imageID": OLD_IMAGE})
    assert read(pod(OLD_ONE, told=told)).created.tzinfo is not None


def test_h2_the_clocks_run_from_the_change() -> None:
    before = pod(OLD_ONE, seen=1)
    found = read(before)
    assert (found.created, found.first_started) == (time(CHANGED), None)
    after = read(pod(running(NEW, NEW_IMAGE, started=SWAPPED, lastState=ran(OLD, exit_code=137))), before)
    assert (after.created, after.first_started) == (time(CHANGED), time(SWAPPED))


def test_h2_a_restart_of_the_new_container_does_not_move_them() -> None:
    first = pod(running(NEW, NEW_IMAGE, started=SWAPPED))
    crashed = pod(running(OTHER, NEW_IMAGE, started=READY, lastState=ran(NEW, exit_code=1, started=SWAPPED)))
    assert read(crashed, first).first_started == time(SWAPPED)
    assert read(crashed).first_started == time(SWAPPED)


def test_h2_a_change_back_begins_anew() -> None:
    """H3: what ended before the container that is replaced is older than the change, and was another image."""
    forward = pod(running(NEW, NEW_IMAGE, started=SWAPPED, ready=False))
    told = {"time": READY, "containerID": NEW, "imageID": NEW_IMAGE}
    still = running(NEW, NEW_IMAGE, started=SWAPPED, ready=False, lastState=ran(OLD))
    back = read(pod(still, told=told, made_by="up/1/Back"), forward)
    assert (back.swapping, back.created, back.first_started) == (True, time(READY), None)


def test_h2_what_crashed_before_the_change_is_not_the_new_container() -> None:
    """Also where the kubelet gives no id: it had made no container that it still knows of."""
    told = {"time": READY, "containerID": "", "imageID": ""}
    crashed = {"terminated": {"exitCode": 1, "startedAt": SWAPPED}}
    assert read(pod(waiting("", "", "CrashLoopBackOff", lastState=crashed), told=told)).first_started is None


def test_h2_ready_counts_from_the_start_of_the_new_container() -> None:
    """A pod may stay Ready through the swap; minHealthySeconds must not count from before it."""
    assert read(pod(running(NEW, NEW_IMAGE, started=SWAPPED))).ready_since == time(SWAPPED)
    assert read(pod(running(NEW, NEW_IMAGE, started=SWAPPED), ready_since=READY)).ready_since == time(READY)


PROBLEMS: dict[str, tuple[JsonMap, str | None]] = {
    "H5 the old one was killed: no problem": (
        pod(waiting(OLD, OLD_IMAGE, "ContainerCreating", lastState=ran(OLD, exit_code=137))),
        None,
    ),
    "H5 nor when the new one boots": (
        pod(running(NEW, NEW_IMAGE, started=SWAPPED, ready=False, lastState=ran(OLD, exit_code=137))),
        None,
    ),
    "H5 the image can't be pulled": (
        pod(waiting(OLD, OLD_IMAGE, "ErrImagePull", lastState=ran(OLD))),
        "ImagePullBackOff",
    ),
    "H5 the new one crashes": (
        pod(waiting(NEW, NEW_IMAGE, "CrashLoopBackOff", lastState=ran(NEW, exit_code=3))),
        "CrashLoopBackOff",
    ),
}


@pytest.mark.parametrize(("raw", "reason"), PROBLEMS.values(), ids=PROBLEMS)
def test_what_is_wrong(raw: JsonMap, reason: str | None) -> None:
    problem: Problem | None = read(raw).problem
    assert (problem.reason if problem else None) == reason


BETWEEN_ATTEMPTS = pod(waiting(OLD, OLD_IMAGE, "CrashLoopBackOff", lastState=ran(OLD)))


@pytest.mark.parametrize(
    ("message", "reason"),
    [("dial tcp 192.0.2.1:443: connection refused", "RegistryUnreachable"), ("not found", "ImagePullBackOff")],
)
def test_h5_between_attempts_to_start_it_what_failed_stays_known(message: str, reason: str) -> None:
    """F3: as a crash of the new version, a registry that is down would hold it. Seen on Kubernetes 1.37."""
    pull = waiting(OLD, OLD_IMAGE, "ErrImagePull", lastState=ran(OLD))
    pull["state"]["waiting"]["message"] = message
    view = read_pod(pod(pull), None)
    for _ in range(2):
        view = read_pod(BETWEEN_ATTEMPTS, view)
        assert view.instance.problem == Problem(reason, message)


def test_h5_nothing_is_said_of_a_failure_that_was_not_seen() -> None:
    assert read(BETWEEN_ATTEMPTS, pod(OLD_ONE)).problem == Problem(
        "ContainerNotStarted", "the kubelet could not start the new container, and has not said why"
    )


def test_h5_a_container_beside_it_that_crashes_is_called_so() -> None:
    raw = pod(OLD_ONE)
    beside = waiting(OTHER, OTHER, "CrashLoopBackOff", lastState=ran(OTHER, exit_code=2))
    raw["status"]["conditions"][0]["status"] = "False"
    raw["status"]["containerStatuses"].append({"name": "sidecar", **beside})
    assert read(raw).problem == Problem("CrashLoopBackOff", "container sidecar: exit code 2")


def test_h4_an_application_is_not_asked_before_its_container_is_there() -> None:
    raw = pod(OLD_ONE)
    condition = {
        "type": "rollkeeper.io/ApplicationHealthy",
        "status": "True",
        "reason": "Healthy",
        "lastTransitionTime": STARTED,
    }
    raw["status"]["conditions"].append(condition)
    found = read(raw)
    assert (found.application, found.application_settled) == (None, None)


def test_i9_image_version_and_mark_stand_in_one_patch() -> None:
    """I8: all of it or nothing, under the resource version that was judged."""
    change = SwapImage(0, "u", Pair("2.0.0", "os:2", "web-r"), "up/1/Forward", "why", held_to_budgets=True)
    body = in_place.patch(change, "os", Container(OLD, OLD_IMAGE), 17, datetime(2026, 3, 1, 12, 30, tzinfo=UTC))
    annotations = body["metadata"].pop("annotations")
    assert body == {
        "metadata": {
            "resourceVersion": "17",
            "labels": {"rollkeeper.io/image-version": "2.0.0", "rollkeeper.io/model-revision": "web-r"},
        },
        "spec": {"containers": [{"name": "os", "image": "os:2"}]},
    }
    assert annotations["rollkeeper.io/image"] == "os:2"
    assert annotations["rollkeeper.io/made-by"] == "up/1/Forward"
    told = json.loads(annotations["rollkeeper.io/in-place-change"])
    assert told == {"time": "2026-03-01T12:30:00+00:00", "containerID": OLD, "imageID": OLD_IMAGE}
