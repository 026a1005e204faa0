"""The controller as users get it: its image built and loaded, its chart installed with Helm."""

import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from hack.helm import CHART, helm
from hack.image.base import usable_base
from tests.e2e.cluster import Cluster
from tests.e2e.programs import logger, run

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "rollkeeper-e2e/controller"
RELEASE = "rollkeeper"
LEASE = "rollkeeper"
WAIT = "180s"
REPLICAS = 2


@dataclass(frozen=True)
class Edition:
    """One state of the project: its chart, and the image of its code."""

    name: str
    chart: Path
    revision: str

    @property
    def tag(self) -> str:
        """Of its image."""
        return f"{REPOSITORY}:{self.name}"


def this_edition() -> Edition:
    """The tree as it is."""
    return Edition("current", CHART, "the tree as it is")


def previous_edition(folder: Path) -> Edition:
    """What people upgrade from: the newest release; while there is none, the chart as it was before its last change."""
    tags = run(["git", "-C", ROOT, "tag", "--list", "v*", "--sort=-version:refname", "--merged"]).split()
    changes = run(["git", "-C", ROOT, "log", "-2", "--format=%H", "--", "charts/rollkeeper"]).split()
    revision = tags[0] if tags else changes[-1]
    assert tags or len(changes) == 2, "there is no older chart in this clone: fetch its history"
    archive = subprocess.run(["git", "-C", ROOT, "archive", revision], check=True, capture_output=True)  # noqa: S603, S607
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return Edition("previous", folder / "charts" / "rollkeeper", revision)


def build(edition: Edition) -> None:
    """Builds its image with its own recipe, on a base that is there."""
    logger.info("building %s from %s", edition.tag, edition.revision)
    by_part = _image_command(edition, "build", "--tag", edition.tag, "--base", usable_base())
    logger.info("%s by part:\n%s", edition.tag, by_part)


def inspect(edition: Edition) -> Json:
    """What Docker knows of its image."""
    (found,) = json.loads(run(["docker", "image", "inspect", edition.tag]))
    return dict(found)


def bill_of_materials(edition: Edition) -> Json:
    """As `make sbom` writes it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bom.json"
        _image_command(edition, "sbom", "--tag", edition.tag, "--output", str(file))
        return dict(json.loads(file.read_text(encoding="utf-8")))


def _image_command(edition: Edition, *words: str) -> str:
    """`python -m hack.image` of that edition's tree."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "hack.image", *words],
        cwd=edition.chart.parents[1],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(words)}:\n{done.stdout}{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Installation:
    """A release in a namespace of its own."""

    cluster: Cluster
    namespace: str

    def install(self, edition: Edition) -> str:
        """`helm install`; returns the notes. The definitions may be there already, applied by kubectl."""
        return self._helm("install", edition, "--take-ownership", "--force-conflicts")

    def upgrade(self, edition: Edition) -> str:
        """`helm upgrade`."""
        return self._helm("upgrade", edition)

    def uninstall(self) -> None:
        """`helm uninstall`."""
        helm("uninstall", RELEASE, f"--namespace={self.namespace}", "--wait", kubeconfig=self.cluster.kubeconfig)

    def _helm(self, verb: str, edition: Edition, *flags: str) -> str:
        values = self._values(edition)
        given = [f"--set-json={name}={json.dumps(value)}" for name, value in values.items()]
        where = (f"--namespace={self.namespace}", "--wait", f"--timeout={WAIT}")
        logger.info("helm %s of %s", verb, edition.revision)
        return helm(verb, RELEASE, str(edition.chart), *where, *given, *flags, kubeconfig=self.cluster.kubeconfig)

    def _values(self, edition: Edition) -> Mapping[str, object]:
        # The images of these tests were loaded into the nodes: there is no registry to ask for digests.
        return {"image": {"repository": REPOSITORY, "tag": edition.name}, "controller": {"resolveDigests": False}}

    def kubectl(self, *arguments: str, seconds: float = 60) -> str:
        return self.cluster.kubectl("--namespace", self.namespace, *arguments, seconds=seconds)

    def pods(self) -> dict[str, Json]:
        """The controller's own that are not terminating, by name."""
        found = json.loads(self.kubectl("get", "pods", "--output=json"))["items"]
        return {p["metadata"]["name"]: p for p in found if "deletionTimestamp" not in p["metadata"]}

    def lease(self) -> Json:
        """The Lease's spec."""
        found: Json = json.loads(self.kubectl("get", "lease", LEASE, "--output=json"))["spec"]
        return found

    def leader(self) -> str | None:
        """The name of the pod that leads; None while nobody does."""
        return str(self.lease().get("holderIdentity", "")).rpartition("-")[0] or None

    def python(self, pod: str, script: str) -> str:
        """What a script prints inside a controller's container."""
        return self.kubectl("exec", pod, "--", "python3", "-c", script).strip()

    def logs(self) -> list[Json]:
        """Every line that the pods have written, each an object."""
        lines = [line for pod in self.pods() for line in self.kubectl("logs", pod).splitlines()]
        return [json.loads(line) for line in lines]

    def log(self) -> str:
        """For a person who asks why a test failed."""
        parts = ("get pods,lease --output=wide", "get events", f"logs --selector=app.kubernetes.io/instance={RELEASE}")
        return "\n".join(self.kubectl(*part.split()) for part in parts)
