"""What the API server shows: our kinds as users wrote them, pods as kubelets and others wrote them, models, watches."""

import json
from typing import Any, TypeVar

import hypothesis.strategies as st
from hypothesis import given

from rollkeeper.api.v1alpha1.health import ApplicationHealth
from rollkeeper.controllers.caches import Caches
from rollkeeper.engine import references
from rollkeeper.health.endpoint import answer_to
from rollkeeper.instances.pod_view import PodView, read_pod
from rollkeeper.kube.client import _watch_event
from rollkeeper.kube.errors import ApiError
from rollkeeper.kube.lines import LineSplitter
from rollkeeper.kube.store import Store
from tests.fuzz.inputs import FUZZED, Path, bodies, changed, refused_or, texts, thinned

T = TypeVar("T")
Json = dict[str, Any]

META: Json = {"name": "web-0", "namespace": "shop", "uid": "u", "resourceVersion": "7", "generation": 1}
CUSTOM = {"gallery": "contoso", "definition": "os"}
OBJECTS: dict[str, Json] = {
    "scale_sets": {
        "metadata": META,
        "spec": {
            "replicas": 3,
            "imageReference": CUSTOM,
            "upgradePolicy": {"mode": "Rolling", "rollingUpgradePolicy": {"maxBatchInstancePercent": 20}},
            "health": {"source": "Probe"},
            "template": {"spec": {"containers": [{"name": "os"}]}},
            "extensions": [{"name": "agent", "type": "Script", "script": {"inline": "true"}}],
        },
        "status": {
            "versions": [
                {"version": "1.0.0", "image": "i", "modelRevision": "m", "replicas": 3, "instances": "0-2"},
            ],
            "conditions": [{"type": "Ready", "status": "True", "reason": "r", "message": ""}],
        },
    },
    "image_versions": {"metadata": META, "spec": {**CUSTOM, "version": "1.0.0", "image": "i"}, "status": {}},
    "image_sources": {"metadata": META, "spec": {**CUSTOM, "repository": "r.example/os"}, "status": {}},
    "runs": {
        "metadata": META,
        "spec": {"scaleSetName": "web", "imageVersion": "1.0.0", "instances": "0-3"},
        "status": {"runningStatus": {"code": "RollingForward"}, "instances": {"pending": "0-3"}},
    },
    "revisions": {"metadata": META, "revision": 1, "data": {"template": {"spec": {"containers": [{"name": "os"}]}}}},
    "claims": {"metadata": META},
    "nodes": {"metadata": META, "status": {"conditions": [{"type": "Ready", "status": "True"}]}},
}
STATE = {
    "waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "i": ErrImagePull: no such host'},
    "running": {"startedAt": "2026-01-01T00:00:00Z"},
    "terminated": {"exitCode": 1, "reason": "Error", "message": "a\nb", "startedAt": "2026-01-01T00:00:00Z"},
}
CONTAINER = {"name": "os", "ready": True, "started": True, "restartCount": 1, "state": STATE, "lastState": STATE}
POD: Json = {
    "metadata": {
        **META,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "deletionTimestamp": "2026-01-01T00:00:00Z",
        "labels": {"rollkeeper.io/image-version": "1.0.0", "rollkeeper.io/model-revision": "m"},
        "annotations": {"rollkeeper.io/image": "i", "rollkeeper.io/made-by": "run/1/Forward"},
        "ownerReferences": [{"kind": "ScaleSet", "name": "web", "uid": "s", "controller": True}],
    },
    "spec": {
        "nodeName": "n",
        "containers": [{"name": "os", "lifecycle": {"postStart": {"exec": {}}}}, {"name": "beside"}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-web-0"}}],
    },
    "status": {
        "phase": "Running",
        "reason": "Evicted",
        "message": "low on disk",
        "podIP": "10.0.0.1",
        "initContainerStatuses": [{**CONTAINER, "name": "rollkeeper-extension-agent"}],
        "containerStatuses": [CONTAINER],
        "conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"},
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/5 nodes"},
            {
                "type": "rollkeeper.io/ApplicationHealthy",
                "status": "True",
                "reason": "Healthy",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            },
        ],
    },
}
ALWAYS = {("metadata",), ("spec",), ("spec", "containers"), ("spec", "containers", 0)}
REQUIRED = {"name", "uid", "creationTimestamp", "resourceVersion", "type", "status", "exitCode", "kind", "startedAt"}
"""What the API server never leaves out: of metadata, containers, conditions, owners and container states."""
OURS = ("metadata", "annotations")
"""Written with the pod, and by us alone: another mark means another container, which has a clock of its own."""


def _is_required(path: Path) -> bool:
    return path in ALWAYS or path[-1] in REQUIRED or path[:2] == OURS


def taken(store: "Store[T]", raw: Json) -> T | None:
    """A store never raises: it has the object, or counts it (`rollkeeper_unreadable_objects`)."""
    key = (raw["metadata"]["namespace"], raw["metadata"]["name"])
    assert store.apply(raw) == (key in store)
    assert (key in store) != (key in store.unreadable)
    return store.get(key)


@FUZZED
@given(st.data(), st.sampled_from(sorted(OBJECTS)))
def test_any_object_is_read_or_counted_as_unreadable(data: st.DataObject, name: str) -> None:
    taken(getattr(Caches(), name), data.draw(changed(OBJECTS[name], keep=_meta)))


def _meta(path: Path) -> bool:
    """Keys are what a store works with; the API server gives them."""
    return path[0] == "metadata" and (len(path) == 1 or path[1] in META or path[1] == "ownerReferences")


@FUZZED
@given(changed(POD, keep=_meta))
def test_any_pod_is_read_or_counted_as_unreadable(raw: Json) -> None:
    taken(Caches().pods, raw)


@FUZZED
@given(thinned(POD, keep=_is_required), thinned(POD, keep=_is_required))
def test_h5_whatever_a_kubelet_has_not_written_yet_a_pod_is_readable(before: Json, after: Json) -> None:
    previous = read_pod(before, None)
    found = read_pod(after, previous)
    assert isinstance(found, PodView)
    assert found.instance.ordinal == 0
    first, second = previous.instance.first_started, found.instance.first_started
    assert first is None or (second is not None and second <= first), "H2: restarts don't move the health clock"


@FUZZED
@given(texts("1.0.0"), texts("run/1/Forward"), texts("web-0", "web-000000001", "web-٣"))
def test_labels_that_somebody_edited(version: str, made_by: str, name: str) -> None:
    meta = POD["metadata"]
    labels = {**meta["labels"], "rollkeeper.io/image-version": version}
    annotations = {**meta["annotations"], "rollkeeper.io/made-by": made_by}
    found = read_pod({**POD, "metadata": {**meta, "name": name, "labels": labels, "annotations": annotations}}, None)
    assert found.instance.pair.version in {version, "0.0.0"}
    assert found.instance.ordinal >= -1


@FUZZED
@given(changed(OBJECTS["revisions"]["data"]))
def test_m2_models(model: Json) -> None:
    """One that somebody else made under our label: read, or one of the errors that a store counts."""
    refused_or(lambda: references.of_model(model), KeyError, TypeError, AttributeError, ValueError)


@FUZZED
@given(
    bodies({"ApplicationHealthState": "Healthy"}),
    st.integers(100, 599),
    st.sampled_from(("Binary", "Rich")),
)
def test_h4_answers_of_applications(body: bytes, status: int, mode: Any) -> None:
    asked = ApplicationHealth(protocol="HTTP", port=80, request_path="/health", mode=mode)
    found = answer_to(asked, status, body, "http://10.0.0.1/health")
    assert found.word in {"Healthy", "Unhealthy", "Unknown"}
    if found.word == "Healthy":
        assert status == 200 if mode == "Binary" else json.loads(body)["ApplicationHealthState"] == "Healthy"


@FUZZED
@given(bodies({"type": "MODIFIED", "object": POD}))
def test_watch_events(line: bytes) -> None:
    refused_or(lambda: _watch_event(line), ApiError)


@FUZZED
@given(st.lists(st.binary(max_size=20)))
def test_lines_do_not_depend_on_how_they_are_cut(chunks: list[bytes]) -> None:
    splitter = LineSplitter()
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    whole = b"".join(chunks)
    assert lines == [line for line in whole.split(b"\n")[:-1] if line.strip()]
