"""Where a test works: a namespace of a cluster with a controller that looks after it."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.e2e.cluster import Cluster
from tests.e2e.controller import Controller
from tests.e2e.images import PORT
from tests.e2e.installation import Installation
from tests.e2e.programs import ProgramError, logger
from tests.e2e.watch import PodWatch

Json = dict[str, Any]
Found = TypeVar("Found")
POLL_SECONDS = 0.5


def until(what: str, probe: Callable[[], Found | None], seconds: float) -> Found:
    """What `probe` finds, asked again and again; fails when it finds nothing in time."""
    deadline = time.monotonic() + seconds
    while (found := probe()) is None:
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(POLL_SECONDS)
    return found


@dataclass(frozen=True)
class Site:
    """A namespace, and what tests do in it."""

    cluster: Cluster
    namespace: str
    controller: Controller | Installation
    folder: Path

    def kubectl(self, *arguments: str, stdin: str | None = None, seconds: float = 60) -> str:
        return self.cluster.kubectl("--namespace", self.namespace, *arguments, stdin=stdin, seconds=seconds)

    def apply(self, *manifests: Json) -> None:
        for manifest in manifests:
            logger.info("applying %s %s", manifest["kind"], manifest["metadata"]["name"])
        self.kubectl(
            "apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
        )

    def get(self, kind: str, name: str) -> Json:
        found: Json = json.loads(self.kubectl("get", kind, name, "--output=json"))
        return found

    def every(self, kind: str, *arguments: str) -> list[Json]:
        found: list[Json] = json.loads(self.kubectl("get", kind, "--output=json", *arguments))["items"]
        return found

    def pods(self, scale_set: str) -> dict[str, Json]:
        """By name."""
        found = self.every("pods", f"--selector=rollkeeper.io/scale-set={scale_set}")
        return {pod["metadata"]["name"]: pod for pod in found}

    def wait(self, name: str, condition: str, seconds: float) -> None:
        """Let kubectl wait for a condition or a field."""
        logger.info("waiting for %s: %s", name, condition)
        self.kubectl("wait", name, f"--for={condition}", f"--timeout={seconds:.0f}s", seconds=seconds + 30)

    def wait_for_proven(self, scale_set: str, version: str, replicas: int, seconds: float) -> None:
        """All instances are healthy and the version counts as good."""
        name = f"scaleset/{scale_set}"
        self.wait(name, f"jsonpath={{.status.provenImageVersion}}={version}", seconds)
        self.wait(name, f"jsonpath={{.status.readyReplicas}}={replicas}", seconds)

    def runs(self, scale_set: str, version: str) -> list[Json]:
        """The runs to a version."""
        runs = [run for run in self.every("upgraderuns") if run["spec"]["scaleSetName"] == scale_set]
        return [run for run in runs if run["spec"].get("imageVersion") == version]

    def run_to(self, scale_set: str, version: str, seconds: float = 30) -> str:
        """The name of the run to a version, which the controller makes."""

        def started() -> str | None:
            return next((str(run["metadata"]["name"]) for run in self.runs(scale_set, version)), None)

        return until(f"a run of {scale_set} to {version}", started, seconds)

    def model_run(self, scale_set: str, revision: str, seconds: float = 30) -> str:
        """The name of the run to a model, which the controller makes."""

        def started() -> str | None:
            runs = [run for run in self.every("upgraderuns") if run["spec"]["scaleSetName"] == scale_set]
            found = (r for r in runs if r.get("status", {}).get("targetModelRevision") == revision)
            return next((str(r["metadata"]["name"]) for r in found if r["spec"]["type"] == "Model"), None)

        return until(f"a run of {scale_set} to {revision}", started, seconds)

    def new_model(self, scale_set: str, before: str, seconds: float = 30) -> str:
        """The newest model of a set, when it is another than before."""

        def newest() -> str | None:
            found = self.get("scaleset", scale_set)["status"].get("modelRevision")
            return found if found != before else None

        return until(f"another model of {scale_set} than {before}", newest, seconds)

    def finished(self, run: str, seconds: float) -> Json:
        """The status of a run that has ended."""
        self.wait(f"upgraderun/{run}", "condition=Finished", seconds)
        status: Json = self.get("upgraderun", run)["status"]
        logger.info("%s: %s, %s", run, status["runningStatus"]["code"], status.get("message"))
        return status

    def shell(self, pod: str, script: str) -> str:
        """The output of a script in an instance."""
        return self.kubectl("exec", pod, "--", "/bin/sh", "-c", script).strip()

    def served(self, pod: str) -> str:
        """The version that an instance serves over HTTP."""
        return self.cluster.kubectl(
            "get", "--raw", f"/api/v1/namespaces/{self.namespace}/pods/{pod}:{PORT}/proxy/version"
        ).strip()

    @contextmanager
    def watching(self, scale_set: str) -> Iterator[PodWatch]:
        """A record of the pods of a set for the time of the `with` block."""
        command = [
            str(self.cluster.program),
            f"--kubeconfig={self.cluster.kubeconfig}",
            f"--namespace={self.namespace}",
        ]
        watch = PodWatch(command, scale_set, self.folder / f"watch-{time.monotonic_ns()}")
        with watch:
            yield watch

    def report(self) -> Iterator[tuple[str, str]]:
        """Title and text of what helps to understand a failure."""
        for title, words in (
            ("objects", "get scalesets,upgraderuns,imageversions,pods,persistentvolumeclaims --output=wide"),
            ("scale sets", "get scalesets --output=yaml"),
            ("upgrade runs", "get upgraderuns --output=yaml"),
            ("events", "get events --sort-by=.lastTimestamp"),
        ):
            try:
                yield title, self.kubectl(*words.split())
            except ProgramError as error:
                yield title, str(error)
        yield "controller log", self.controller.log()
