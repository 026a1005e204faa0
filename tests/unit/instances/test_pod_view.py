"""H1, H2, H5: pods as the kubelet shows them, read as instances."""

from datetime import datetime
from typing import Any

import pytest

from rollkeeper.engine.reasons import Failure
from rollkeeper.engine.snapshot import Application, ApplicationState
from rollkeeper.instances import application_condition
from rollkeeper.instances.claim_view import read_claim
from rollkeeper.instances.pod_view import PodView, ordinal_of, read_pod

JsonMap = dict[str, Any]
STARTED, LATER, LATEST = (f"2026-03-01T12:00:{s}Z" for s in ("05", "30", "50"))
RUNNING = {"name": "os", "state": {"running": {"startedAt": STARTED}}, "started": True, "ready": True}
READY = {"type": "Ready", "status": "True", "lastTransitionTime": LATER}
NOT_READY = {**READY, "status": "False"}


def pod(*containers: JsonMap, phase: str = "Running", **fields: Any) -> JsonMap:
    meta = {
        "name": "web-3",
        "namespace": "default",
        "uid": "u1",
        "creationTimestamp": "2026-03-01T12:00:00Z",
        "labels": {
            "rollkeeper.io/image-version": "1.0.0",
            "rollkeeper.io/model-revision": "web-r",
            **fields.get("labels", {}),
        },
        "annotations": {
            "rollkeeper.io/image": "os:1",
            "rollkeeper.io/made-by": "Repair",
            **fields.get("annotations", {}),
        },
        "ownerReferences": [{"uid": "other"}, {"uid": "set", "controller": True}],
        **fields.get("meta", {}),
    }
    status = {
        "phase": phase,
        "conditions": fields.get("conditions", [NOT_READY]),
        "containerStatuses": list(containers),
        "initContainerStatuses": fields.get("init", []),
        **fields.get("status", {}),
    }
    spec = {"nodeName": "node-0", "containers": [{"name": "os"}, {"name": "log"}]}
    return {"metadata": meta, "spec": spec, "status": status}


def read(raw: JsonMap, previous: PodView | None = None) -> Any:
    return read_pod(raw, previous).instance


def time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_what_a_healthy_pod_says() -> None:
    view = read_pod(pod(RUNNING, conditions=[READY]), None)
    found = view.instance
    assert (view.namespace, view.owner, view.node) == ("default", "set", "node-0")
    assert (found.ordinal, found.name, found.uid, found.made_by) == (3, "web-3", "u1", "Repair")
    assert (found.pair.version, found.pair.image, found.pair.revision) == ("1.0.0", "os:1", "web-r")
    assert (found.running, found.ready, found.finished, found.terminating) == (True, True, False, False)
    assert (found.running_since, found.ready_since) == (time(STARTED), time(LATER))
    assert found.problem is None
    assert not found.protected


def waiting(reason: str, message: str = "", **more: Any) -> JsonMap:
    return {"name": "os", "state": {"waiting": {"reason": reason, "message": message}}, **more}


def ended(code: int, *, state: str = "lastState", **more: Any) -> JsonMap:
    return {state: {"terminated": {"exitCode": code, "startedAt": STARTED, **more}}}


def extension(status: JsonMap) -> JsonMap:
    return {**status, "name": "extension-agent"}


LAST_WORDS = "logging in\ntoken expired\n"
UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
PROBLEMS: dict[str, tuple[JsonMap, tuple[str, str] | None]] = {
    "starts": (pod(waiting("ContainerCreating"), phase="Pending"), None),
    "init containers run": (pod(waiting("PodInitializing"), phase="Pending"), None),
    "runs, not ready": (pod(RUNNING), None),
    "no such image": (pod(waiting("ErrImagePull", "not found"), phase="Pending"), ("ImagePullBackOff", "not found")),
    "image back-off": (pod(waiting("ImagePullBackOff", "Back-off")), ("ImagePullBackOff", "Back-off")),
    "bad name": (pod(waiting("InvalidImageName", "bad")), ("InvalidImageName", "bad")),
    "missing config": (
        pod(waiting("CreateContainerConfigError", "no Secret")),
        ("CreateContainerConfigError", "no Secret"),
    ),
    "crash loop without the seconds": (
        pod(waiting("CrashLoopBackOff", "back-off 40s restarting", **ended(2))),
        ("CrashLoopBackOff", "container os: exit code 2"),
    ),
    "crash loop, its last words": (
        pod(waiting("CrashLoopBackOff", "", **ended(1, message="a\nno disk\n"))),
        ("CrashLoopBackOff", "container os: exit code 1: no disk"),
    ),
    "crash loop, running between two crashes": (
        pod({"name": "os", "state": {"running": {"startedAt": LATER}}, "ready": False, **ended(2)}),
        ("CrashLoopBackOff", "container os: exit code 2"),
    ),
    "ended just now": (
        pod({"name": "os", **ended(3, state="state", reason="Error")}),
        ("Error", "container os: exit code 3"),
    ),
    "out of memory": (
        pod({"name": "os", **ended(137, state="state", reason="OOMKilled")}),
        ("OOMKilled", "container os: exit code 137"),
    ),
    "an init container fails": (
        pod(waiting("PodInitializing"), init=[{**waiting("CrashLoopBackOff", "", **ended(1)), "name": "setup"}]),
        ("CrashLoopBackOff", "container setup: exit code 1"),
    ),
    "an init container is done": (
        pod(RUNNING, init=[{"name": "setup", **ended(0, state="state", reason="Completed")}]),
        None,
    ),
    "a sidecar's trouble": (
        pod(RUNNING, {**waiting("ErrImagePull", "no log"), "name": "log"}),
        ("ImagePullBackOff", "no log"),
    ),
    "E1 a task fails": (
        pod(waiting("PodInitializing"), init=[extension(waiting("CrashLoopBackOff", **ended(1, message=LAST_WORDS)))]),
        ("ExtensionFailed", "extension agent: exit code 1: token expired"),
    ),
    "E1 a task has just failed": (
        pod(waiting("PodInitializing"), init=[extension(ended(1, state="state", message=LAST_WORDS))]),
        ("ExtensionFailed", "extension agent: exit code 1: token expired"),
    ),
    "E1 a service's image": (
        pod(waiting("PodInitializing"), init=[extension(waiting("ErrImagePull", "not found"))]),
        ("ImagePullBackOff", "extension agent: not found"),
    ),
    "E1 a script fails": (
        pod(waiting("CrashLoopBackOff", **ended(137, message="extension agent: exit code 1: token expired\n"))),
        ("ExtensionFailed", "extension agent: exit code 1: token expired"),
    ),
    "E2 custom data fails": (
        pod(waiting("PostStartHookError", "command 'secret' exited", **ended(137, message="custom data: exit code 2"))),
        ("CustomDataFailed", "custom data: exit code 2"),
    ),
    "a template's own hook fails": (
        pod(waiting("PostStartHookError", "Exec lifecycle hook ([sh -c secret]) failed")),
        ("PostStartHookError", "container os: its postStart hook failed"),
    ),
    "unschedulable": (pod(phase="Pending", conditions=[UNSCHEDULABLE]), ("Unschedulable", "0/3 nodes")),
    "evicted by the kubelet": (
        pod(phase="Failed", status={"reason": "Evicted", "message": "low on disk"}),
        ("Evicted", "low on disk"),
    ),
    "failed, says nothing": (pod(phase="Failed"), (Failure.POD_FAILED, "the pod ended")),
    "ready: none": (pod(RUNNING, {**waiting("ErrImagePull"), "name": "log"}, conditions=[READY]), None),
}


@pytest.mark.parametrize(("raw", "wanted"), PROBLEMS.values(), ids=[f"H5 {name}" for name in PROBLEMS])
def test_problem(raw: JsonMap, wanted: tuple[str, str] | None) -> None:
    found = read(raw).problem
    assert (found and (found.reason, found.message)) == wanted


def test_i7_an_image_that_cannot_be_pulled_reads_the_same_whatever_the_kubelet_is_at() -> None:
    words = 'failed to resolve reference "os:1": not found'
    tries, waits = pod(waiting("ErrImagePull", words)), f'Back-off pulling image "os:1": ErrImagePull: {words}'
    assert read(tries).problem == read(pod(waiting("ImagePullBackOff", waits))).problem


UNREACHABLE = [
    'Head "https://r.example/v2/": dial tcp: lookup r.example: no such host',
    "dial tcp 10.0.0.1:443: i/o timeout",
    "dial tcp 10.0.0.1:443: connect: connection refused",
    "read: connection reset by peer",
    "net/http: TLS handshake timeout",
    "dial tcp 10.0.0.1:443: connect: no route to host",
    "dial tcp 10.0.0.1:443: connect: network is unreachable",
    "lookup r.example on 10.96.0.10:53: server misbehaving",
    "Temporary failure in name resolution",
    "context deadline exceeded",
    "net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)",
    "unexpected status from HEAD request to https://r.example/v2/x/manifests/1: 503 Service Unavailable",
]


@pytest.mark.parametrize("message", UNREACHABLE, ids=lambda text: f"F3 {text[-24:]}")
@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff"])
def test_an_unreachable_registry_is_the_environments_fault(reason: str, message: str) -> None:
    found = read(pod(waiting(reason, message))).problem
    assert found is not None
    assert found.reason == Failure.REGISTRY_UNREACHABLE


def test_f3_a_version_that_looks_like_an_answer_of_the_registry_is_none() -> None:
    found = read(pod(waiting("ErrImagePull", 'failed to resolve reference "r.example/web:1.0.503": not found'))).problem
    assert found is not None
    assert found.reason == "ImagePullBackOff"


RUNS: dict[str, tuple[JsonMap, bool]] = {
    "runs": (pod(RUNNING), True),
    "not started (startup probe)": (pod({**RUNNING, "started": False}), False),
    "an old kubelet says nothing of it": (pod({k: v for k, v in RUNNING.items() if k != "started"}), True),
    "waits": (pod(waiting("CrashLoopBackOff")), False),
    "only the other container": (pod({**RUNNING, "name": "log"}), False),
    "the other is the OS": (
        pod({**RUNNING, "name": "log"}, annotations={"rollkeeper.io/os-container": "log"}),
        True,
    ),
    "phase Pending": (pod(RUNNING, phase="Pending"), False),
    "no status yet": ({**pod(), "status": {}}, False),
    "E1 a task is done": (pod(RUNNING, init=[extension(ended(0, state="state"))]), True),
    "E1 a task is not done": (pod(RUNNING, init=[extension(ended(1, state="state"))]), False),
    "E1 a service runs": (pod(RUNNING, init=[extension(RUNNING)]), True),
    "E1 a service is down": (pod(RUNNING, init=[extension({**waiting("CrashLoopBackOff"), "started": False})]), False),
    "E1 what is no extension counts for nothing": (
        pod(RUNNING, init=[{**waiting("CrashLoopBackOff"), "name": "mesh", "started": False}]),
        True,
    ),
}


@pytest.mark.parametrize(("raw", "wanted"), RUNS.values(), ids=[f"H1 {name}" for name in RUNS])
def test_running(raw: JsonMap, wanted: bool) -> None:
    assert read(raw).running is wanted


def test_h2_the_first_start_is_remembered_over_restarts() -> None:
    first = read_pod(pod(RUNNING), None)
    restarted = {
        "name": "os",
        "state": {"running": {"startedAt": LATEST}},
        "lastState": {"terminated": {"startedAt": LATER}},
    }
    assert read(pod(restarted)).first_started == time(LATER), "what the kubelet still knows"
    assert read(pod(restarted), first).first_started == time(STARTED), "what memory knows"
    assert read(pod(restarted), first).running_since == time(LATEST)


@pytest.mark.parametrize(
    ("container", "wanted"),
    [(waiting("ContainerCreating"), None), (waiting("CrashLoopBackOff", "", **ended(1)), STARTED)],
    ids=["H2 never started", "H2 started and crashed"],
)
def test_first_start(container: JsonMap, wanted: str | None) -> None:
    assert read(pod(container)).first_started == (wanted and time(wanted))


def test_h2_a_start_that_nobody_knows_the_time_of() -> None:
    lost = {
        "name": "os",
        "state": {"terminated": {"exitCode": 137, "startedAt": None, "reason": "ContainerStatusUnknown"}},
    }
    assert read(pod(lost)).first_started is None


def test_h8_terminating() -> None:
    found = read(pod(RUNNING, conditions=[READY], meta={"deletionTimestamp": LATER}))
    assert found.terminating
    assert found.terminating_until == time(LATER)


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"], ids=lambda text: f"F5 {text}")
def test_finished(phase: str) -> None:
    assert read(pod(phase=phase)).finished


@pytest.mark.parametrize(
    ("value", "wanted"), [("true", True), ("false", False), ("", False)], ids=lambda v: f"B10 {v!r}"
)
def test_protected(value: str, wanted: bool) -> None:
    assert read(pod(RUNNING, labels={"rollkeeper.io/protect-from-upgrade": value})).protected is wanted


@pytest.mark.parametrize(
    ("name", "ordinal"), [("web-0", 0), ("web-10", 10), ("a-b-7", 7), ("web", -1), ("web-x", -1), ("web-9999999", -1)]
)
def test_ordinal(name: str, ordinal: int) -> None:
    assert ordinal_of(name) == ordinal


def test_a_pod_that_lost_its_labels_is_read_all_the_same() -> None:
    raw = pod(RUNNING)
    raw["metadata"].update(labels=None, annotations=None, ownerReferences=[])
    view = read_pod(raw, None)
    assert (view.owner, view.instance.pair.version, view.instance.made_by) == ("", "0.0.0", "")


def test_a_claim() -> None:
    labels = {"rollkeeper.io/scale-set": "web", "rollkeeper.io/image-version": "1.0.0"}
    meta = {"name": "data-web-4", "namespace": "default", "uid": "u", "labels": labels, "deletionTimestamp": LATER}
    view = read_claim({"metadata": meta}, None)
    assert (view.scale_set, view.ordinal, view.image_version, view.terminating) == ("web", 4, "1.0.0", True)


# --- what the pod tells of its application ----------------------------------------------------------------------------


def told(state: str = "Healthy", since: str = LATER, **fields: Any) -> JsonMap:
    kind = "rollkeeper.io/ApplicationHealthy"
    return {"type": kind, "status": "True", "reason": state, "message": "why", "lastTransitionTime": since, **fields}


@pytest.mark.parametrize("state", ["Healthy", "Unhealthy", "Unknown", "Initializing"])
def test_h4_the_state_of_an_application_is_read_from_its_pod(state: str) -> None:
    found = read(pod(RUNNING, conditions=[READY, told(state)]))
    assert found.application == Application(state, time(LATER), "why")
    assert found.application_settled == (None if state == "Initializing" else time(LATER))


@pytest.mark.parametrize("state", ["Healthy", "Unhealthy", "Unknown", "Initializing"])
def test_h4_what_is_written_is_read_again(state: ApplicationState) -> None:
    written = Application(state, time(LATER), "HTTP 503")
    body = application_condition.body(written)
    assert body["status"] == {"Healthy": "True", "Unhealthy": "False"}.get(state, "Unknown")
    assert read(pod(RUNNING, conditions=[body])).application == written


def test_h4_a_long_message_is_cut() -> None:
    assert len(application_condition.body(Application("Unknown", time(LATER), "x" * 5000))["message"]) == 1024


@pytest.mark.parametrize(
    "conditions",
    [[], [told("Splendid")], [told(since="")], [told(since="2026-03-01T12:00:04Z")]],
    ids=["none", "somebody else's word", "no time", "of the container before"],
)
def test_h4_what_says_nothing_of_this_container_is_not_read(conditions: list[JsonMap]) -> None:
    assert read(pod(RUNNING, conditions=conditions)).application is None


def test_h4_the_first_settled_state_is_remembered() -> None:
    """H2: the condition tells of the last state only, and the health clock began with the first."""
    before = read_pod(pod(RUNNING, conditions=[told("Unhealthy")]), None)
    for after in (told("Unknown", LATEST), told("Healthy", "2026-03-01T12:00:04Z")):
        assert read(pod(RUNNING, conditions=[after]), before).application_settled == time(LATER)


def test_the_address_of_a_pod() -> None:
    assert read_pod(pod(RUNNING), None).address == ""
    assert read_pod(pod(RUNNING, status={"podIP": "10.0.0.7"}), None).address == "10.0.0.7"
