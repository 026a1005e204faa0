"""Objects as the API server gives them."""

from typing import Any

Json = dict[str, Any]

BORN = "2026-01-02T10:00:00Z"


def scale_set(replicas: int = 5, *, status: Json | None = None, **spec: Any) -> Json:
    """`web`, which runs 1.1.0 and has nothing to do."""
    return {
        "apiVersion": "rollkeeper.io/v1alpha1",
        "kind": "ScaleSet",
        "metadata": {"name": "web", "namespace": "default", "uid": "set", "generation": 3, "creationTimestamp": BORN},
        "spec": {
            "replicas": replicas,
            "imageReference": {"gallery": "golden", "definition": "web", "version": "latest"},
            "upgradePolicy": {
                "mode": "Rolling",
                "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True},
                "rollingUpgradePolicy": {"maxBatchInstancePercent": 20},
            },
            "health": {"source": "Probe"},
            "template": {"spec": {"containers": [{"name": "os"}]}},
            **spec,
        },
        "status": {
            "observedGeneration": 3,
            "replicas": replicas,
            "readyReplicas": replicas,
            "provenImage": "golden/web",
            "provenImageVersion": "1.1.0",
            "provenModelRevision": "web-m1",
            "modelRevision": "web-m1",
            "latestImageVersion": "1.1.0",
            "versions": [_group("1.1.0", replicas)],
            "conditions": [
                condition("Ready", "True", "AllInstancesHealthy"),
                condition("UpToDate", "True", "UpToDate", "every instance runs 1.1.0"),
            ],
            **(status or {}),
        },
    }


def _group(version: str, replicas: int) -> Json:
    return {
        "version": version,
        "image": f"r/os:{version}",
        "modelRevision": "web-m1",
        "replicas": replicas,
        "instances": f"0-{replicas - 1}",
    }


def condition(kind: str, status: str, reason: str, message: str = "") -> Json:
    """A condition."""
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": BORN}


def run(
    name: str = "web-1-2-0-x7k2p",
    code: str = "RollingForward",
    version: str = "1.2.0",
    status: Json | None = None,
    **spec: Any,
) -> Json:
    """A run of the controller's own; `status` and `spec` add to it."""
    told = {
        "runningStatus": {"code": code, "startTime": "2026-01-02T11:59:00Z"},
        "displayStatus": code,
        "targetImageReference": {"gallery": "golden", "definition": "web", "version": version},
        "progress": _progress(2, 1, 2),
        "instances": {"succeeded": "0-1", "inProgress": "2", "pending": "3-4"},
        "message": "batch 3: replacing 2",
        **(status or {}),
    }
    return {
        "apiVersion": "rollkeeper.io/v1alpha1",
        "kind": "UpgradeRun",
        "metadata": {"name": name, "namespace": "default", "uid": name, "creationTimestamp": BORN},
        "spec": {"scaleSetName": "web", "type": "OSImage", "startedBy": "Platform", "imageVersion": version, **spec},
        "status": told,
    }


def _progress(done: int, at_work: int, pending: int) -> Json:
    return {
        "summary": f"{done}/{done + at_work + pending}",
        "successfulInstanceCount": done,
        "inProgressInstanceCount": at_work,
        "pendingInstanceCount": pending,
    }


def ended(name: str, code: str, version: str, summary: str = "5/5", error: Json | None = None) -> Json:
    """A run that is over."""
    times = {"code": code, "startTime": "2026-01-02T11:50:00Z", "completedTime": "2026-01-02T11:55:30Z"}
    status: Json = {"runningStatus": times, "displayStatus": code, "progress": {"summary": summary}}
    if error is not None:
        status["error"] = error
    return run(name, code, version, status=status)


def pod(ordinal: int, version: str = "1.1.0", *, ready: bool = True, problem: Json | None = None, **meta: Any) -> Json:
    """A pod of `web`; `problem` is the container's `waiting` state."""
    running = {"running": {"startedAt": BORN}}
    labels = {
        "rollkeeper.io/image-version": version,
        "rollkeeper.io/model-revision": "web-m1",
        **meta.pop("labels", {}),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"web-{ordinal}",
            "namespace": "default",
            "uid": f"pod-{ordinal}",
            "creationTimestamp": BORN,
            "labels": labels,
            "ownerReferences": [{"uid": "set", "controller": True}],
            **meta,
        },
        "spec": {"containers": [{"name": "os"}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": BORN}],
            "containerStatuses": [{"name": "os", "state": {"waiting": problem} if problem else running}],
        },
    }
