"""One namespace as its users see it: what they do goes through kubectl, what is awaited is read from the API."""

import json
import time
import urllib.error
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import TypeVar

from hack.localcluster import LocalCluster
from hack.localcluster.client import Client
from tests.cluster.audit import Json
from tests.cluster.fleet import GATE
from tests.cluster.replay import code_of, ordinals, status_of

T = TypeVar("T")

DEADLINE_SECONDS = 60.0
"""For what takes a second on an idle machine."""
POLL_SECONDS = 0.1

OURS = "/apis/rollkeeper.io/v1alpha1"
PATHS = {
    "scalesets": OURS,
    "imageversions": OURS,
    "imagesources": OURS,
    "upgraderuns": OURS,
    "pods": "/api/v1",
    "persistentvolumeclaims": "/api/v1",
    "secrets": "/api/v1",
    "resourcequotas": "/api/v1",
    "controllerrevisions": "/apis/apps/v1",
    "events": "/apis/events.k8s.io/v1",
    "leases": "/apis/coordination.k8s.io/v1",
    "horizontalpodautoscalers": "/apis/autoscaling/v2",
    "virtualmachines": "/apis/kubevirt.io/v1",
    "virtualmachineinstances": "/apis/kubevirt.io/v1",
}


class World:
    """A namespace of a local cluster."""

    def __init__(self, cluster: LocalCluster, namespace: str, instances: str = "pods", runs: str = "pods") -> None:
        self.namespace = namespace
        self._cluster = cluster
        self._instances = instances
        self._runs = runs

    def __call__(self, *arguments: str, stdin: Json | None = None) -> str:
        """A kubectl command in the namespace."""
        sent = None if stdin is None else json.dumps(stdin)
        return self._cluster.kubectl(f"--namespace={self.namespace}", *arguments, stdin=sent)

    def create(self, *manifests: Json) -> None:
        """`kubectl create`."""
        self("create", "--filename=-", stdin={"apiVersion": "v1", "kind": "List", "items": list(manifests)})

    def publish(self, *image_versions: Json) -> None:
        """Creates ImageVersions, and returns when each can be used: a set made now begins with the highest."""
        self.create(*image_versions)
        for name in (version["metadata"]["name"] for version in image_versions):
            self.until_condition(name, "Ready", "True", "Published", kind="imageversions")

    def patch(self, kind: str, name: str, change: Json) -> None:
        """`kubectl patch`."""
        self("patch", kind, name, "--type=merge", "--patch", json.dumps(change))

    def patch_status(self, kind: str, name: str, change: Json, type_: str = "merge") -> None:
        """`kubectl patch` of the status, by somebody else than the controller."""
        self("patch", kind, name, "--subresource=status", f"--type={type_}", "--patch", json.dumps({"status": change}))

    def set_ready(self, ordinal: int, *, ready: bool, name: str = "web") -> None:
        """What the kubelet says when the readiness probe of an instance turns; it stays so until this pod is gone."""
        verdict = {"type": "Ready", "status": str(ready), "lastTransitionTime": datetime.now(UTC).isoformat()}
        self.patch_status("pod", f"{name}-{ordinal}", {"conditions": [verdict]}, "strategic")

    # Reading. kubectl takes 0.1 s of a processor for each question, which is too much for asking often.

    def find(self, kind: str, name: str) -> Json | None:
        """An object, None when there is none."""
        try:
            found: Json = self._client.call("GET", f"{self._path(kind)}/{name}")
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return None
        return found

    def get(self, kind: str, name: str) -> Json:
        """An object that is there."""
        found = self.find(kind, name)
        assert found is not None, f"there is no {name} among the {kind}"
        return found

    def refused(self, kind: str, name: str, subresource: str, body: Json) -> int:
        """The code with which the API server refuses to create a subresource."""
        try:
            self._client.call("POST", f"{self._path(kind)}/{name}/{subresource}", body)
        except urllib.error.HTTPError as error:
            return error.code
        raise AssertionError(f"{subresource} of {name} was not refused")

    def items(self, kind: str) -> list[Json]:
        """All objects of a kind, by name."""
        found: list[Json] = self._client.call("GET", self._path(kind))["items"]
        return sorted(found, key=lambda item: str(item["metadata"]["name"]))

    def pods(self) -> list[Json]:
        """All instances (pods, if nothing else) that are not terminating."""
        return [pod for pod in self.items(self._instances) if "deletionTimestamp" not in pod["metadata"]]

    def versions(self) -> list[str]:
        """The image version of each instance, by its name."""
        return [pod["metadata"]["labels"].get("rollkeeper.io/image-version", "") for pod in self.pods()]

    def uids(self) -> dict[str, str]:
        """Pod -> uid, of pods that are not terminating."""
        return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in self.pods()}

    def running(self) -> dict[str, str]:
        """Instance -> uid of what runs of it: the pod itself, or the guest of a virtual machine."""
        return {thing["metadata"]["name"]: thing["metadata"]["uid"] for thing in self.items(self._runs)}

    def settings(self) -> list[str]:
        """The SETTING of each pod's OS container, by the pod's name; empty when it has none."""
        return [
            next((e["value"] for e in pod["spec"]["containers"][0].get("env", ()) if e["name"] == "SETTING"), "")
            for pod in self.pods()
        ]

    def claims(self) -> dict[str, str]:
        """Claim -> uid."""
        return {c["metadata"]["name"]: c["metadata"]["uid"] for c in self.items("persistentvolumeclaims")}

    @cached_property
    def _client(self) -> Client:
        return self._cluster.client

    def _path(self, kind: str) -> str:
        return f"{PATHS[kind]}/namespaces/{self.namespace}/{kind}"

    # Waiting.

    def until(self, what: str, question: Callable[[], T | None], seconds: float = DEADLINE_SECONDS) -> T:
        """Asks until the answer is true, and returns it. Fails after the deadline, with what is there instead."""
        deadline = time.monotonic() + seconds
        while not (answer := question()):
            assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain until {what}\n{self.describe()}"
            time.sleep(POLL_SECONDS)
        return answer

    def until_condition(self, name: str, type_: str, status: str, reason: str, kind: str = "scalesets") -> Json:
        """Waits for a condition of an object, with that reason; returns the condition."""

        def met() -> Json | None:
            found = condition(self.find(kind, name) or {}, type_)
            return found if (found.get("status"), found.get("reason")) == (status, reason) else None

        return self.until(f"{name} is {type_}={status} ({reason})", met)

    def until_healthy(self, version: str, replicas: int, name: str = "web") -> Json:
        """Waits until a set is proven on a version, settled, and all its instances are healthy; returns it."""

        def settled() -> Json | None:
            found = self.get("scalesets", name)
            status = status_of(found)
            wanted = (found["metadata"]["generation"], version, replicas, replicas)
            seen = tuple(
                status.get(f) for f in ("observedGeneration", "provenImageVersion", "replicas", "readyReplicas")
            )
            ready = condition(found, "Ready").get("status") == "True"
            return found if seen == wanted and ready and "activeRunName" not in status else None

        return self.until(f"{name} is healthy on {version} with {replicas} instances", settled)

    def until_run(self, name: str, code: str, seconds: float = DEADLINE_SECONDS) -> Json:
        """Waits until a run has a code and, if that is a final one, the set has let go of it; returns the run."""

        def reached() -> Json | None:
            run = self.find("upgraderuns", name) or {}
            over = code in {"Completed", "Cancelled", "Faulted"}
            held = over and bool(run.get("metadata", {}).get("finalizers"))
            return run if run and code_of(run) == code and not held else None

        return self.until(f"run {name} is {code}", reached, seconds)

    def until_run_to(self, version: str, code: str, seconds: float = DEADLINE_SECONDS, *, attempt: int = 1) -> Json:
        """As `until_run`, for the run of the controller's own that is the nth attempt at a version."""
        there = f"there is attempt {attempt} at {version}"
        name = self.until(there, lambda: self.attempt_at(version, attempt), seconds)
        return self.until_run(name, code, seconds)

    def attempt_at(self, version: str, attempt: int = 1) -> str | None:
        """The name of the controller's own run that is the nth attempt at a version, None when there is none."""
        marks = {"rollkeeper.io/target": version, "rollkeeper.io/attempt": str(attempt)}
        runs = (run["metadata"] for run in self.items("upgraderuns"))
        return next((str(run["name"]) for run in runs if marks.items() <= run.get("annotations", {}).items()), None)

    def until_said(self, name: str, part: str) -> Json:
        """Waits until a run says something; returns its status."""

        def says() -> Json | None:
            status = status_of(self.find("upgraderuns", name) or {})
            return status if part in status.get("message", "") else None

        return self.until(f"{name} says {part!r}", says)

    def until_gated(self, version: str, ordinal: int = 2) -> str:
        """Waits until a run to a version has the gate's instance in its batch, so stands still; returns its name."""

        def waiting() -> str | None:
            runs = [r for r in self.items("upgraderuns") if r["spec"].get("imageVersion") == version]
            batches = {r["metadata"]["name"]: status_of(r).get("currentBatch", {}).get("instances") for r in runs}
            return next((str(name) for name, batch in batches.items() if ordinal in ordinals(batch)), None)

        return self.until(f"a run to {version} comes to instance {ordinal}", waiting)

    def open_gate(self) -> None:
        """Lets the run go on."""
        self("delete", "poddisruptionbudget", GATE)

    def describe(self) -> str:
        """What stands in the namespace, for a person who asks why a test failed."""
        lines = [f"pods: {[(p['metadata']['name'], v) for p, v in zip(self.pods(), self.versions(), strict=False)]}"]
        for kind in ("scalesets", "upgraderuns", "imageversions"):
            lines += [f"{kind} {o['metadata']['name']}: {json.dumps(status_of(o))}" for o in self.items(kind)]
        return "\n".join(lines)


def condition(thing: Json, type_: str) -> Json:
    """A condition of an object, empty when it has none of that type."""
    found: Json = next((c for c in status_of(thing).get("conditions", ()) if c["type"] == type_), {})
    return found


def places(run: Json) -> dict[str, list[int]]:
    """Where a run's instances are, by ordinal; empty places left out."""
    return {name: sorted(ordinals(text)) for name, text in status_of(run)["instances"].items() if text}
