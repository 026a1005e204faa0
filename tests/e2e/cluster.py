"""A cluster with real containers: that of KUBECONFIG, or one that kind makes for the time of the tests.

KUBECONFIG    a kind cluster that is there already; its current context names it. It is left as it was found, with our
              custom resource definitions in it.
KIND_IMAGE    node image for the cluster that is made, where kind's own can't be pulled
KIND_CONFIG   kind configuration for the cluster that is made
"""

import json
import os
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.e2e.programs import NoClusterError, ProgramError, logger, need, run

CREATE_SECONDS = 600


@dataclass(frozen=True)
class Cluster:
    """A kind cluster."""

    name: str
    kubeconfig: Path
    program: Path
    """kubectl"""

    def kubectl(self, *arguments: str, stdin: str | None = None, seconds: float = 60) -> str:
        """The standard output of a kubectl command."""
        body = None if stdin is None else stdin.encode()
        return run([self.program, f"--kubeconfig={self.kubeconfig}", *arguments], stdin=body, seconds=seconds)

    def load(self, images: Sequence[str]) -> None:
        """Put images of the local Docker into the nodes."""
        run(["kind", "load", "docker-image", "--name", self.name, *images], seconds=300)

    def let_go(self) -> None:
        """Takes off every finalizer of ours, where no controller is left that would."""
        for kind in ("scalesets", "upgraderuns", "imageversions"):
            items = json.loads(self.kubectl("get", kind, "--all-namespaces", "--output=json"))["items"]
            for meta in (item["metadata"] for item in items if item["metadata"].get("finalizers")):
                patch = ("--type=merge", "--patch", json.dumps({"metadata": {"finalizers": None}}))
                self.kubectl("--namespace", meta["namespace"], "patch", kind, meta["name"], *patch)

    def nodes(self) -> list[str]:
        """The containers that are its nodes."""
        return run(["kind", "get", "nodes", "--name", self.name]).split()


@contextmanager
def open_cluster() -> Iterator[Cluster]:
    """The cluster of KUBECONFIG where that is set, else one of our own for the time of the `with` block.

    Raises:
        NoClusterError: there is none and none can be made.
    """
    _need_docker()
    with tempfile.TemporaryDirectory(prefix="rollkeeper-e2e-") as folder:
        given = os.environ.get("KUBECONFIG", "")
        if given:
            yield _given_cluster(Path(given).expanduser().absolute(), Path(folder))
            return
        with _own_cluster(Path(folder)) as cluster:
            yield cluster


def _need_docker() -> None:
    need("docker", "build images and to run the nodes of the cluster")
    need("kind", "make the cluster and to load images into it")
    try:
        run(["docker", "info"], seconds=30)
    except ProgramError as error:
        message = f"Docker does not answer (DOCKER_HOST chooses another one): {error}"
        raise NoClusterError(message) from None


def _given_cluster(kubeconfig: Path, folder: Path) -> Cluster:
    if not kubeconfig.is_file():
        message = f"KUBECONFIG={kubeconfig} is not one existing file: correct it, or unset it to get a cluster"
        raise NoClusterError(message)
    known = run(["kind", "get", "clusters"]).split()
    context = yaml.safe_load(kubeconfig.read_text()).get("current-context", "")
    name = context.removeprefix("kind-")
    if context != f"kind-{name}" or name not in known:
        message = (
            f"{context}, the current context of KUBECONFIG={kubeconfig}, is not that of a kind cluster of this Docker "
            f"(there are: {', '.join(known) or 'none'}). These tests build images and load them with kind; into any "
            "other cluster they can't. Unset KUBECONFIG to have a cluster made"
        )
        raise NoClusterError(message)
    cluster = Cluster(name, kubeconfig, _kubectl(name, folder))
    version = cluster.kubectl("version", "--output=yaml").rpartition("gitVersion: ")[2].split()[0]
    logger.info("using the cluster of KUBECONFIG=%s: %s, Kubernetes %s", kubeconfig, context, version)
    return cluster


@contextmanager
def _own_cluster(folder: Path) -> Iterator[Cluster]:
    name = f"rollkeeper-e2e-{uuid.uuid4().hex[:6]}"
    kubeconfig = folder / "kubeconfig"
    command: list[str | Path] = [
        "kind",
        "create",
        "cluster",
        "--name",
        name,
        "--kubeconfig",
        kubeconfig,
        "--wait",
        "180s",
    ]
    for option, variable in (("--image", "KIND_IMAGE"), ("--config", "KIND_CONFIG")):
        if value := os.environ.get(variable):
            command += [option, value]
    logger.info("making the kind cluster %s (minutes, where its image must be pulled)", name)
    try:
        run(command, seconds=CREATE_SECONDS)
        yield Cluster(name, kubeconfig, _kubectl(name, folder))
    except ProgramError as error:
        if "create cluster" not in str(error):
            raise
        message = f"kind could not make a cluster: {error}"
        raise NoClusterError(message) from None
    finally:
        logger.info("taking the kind cluster %s away", name)
        run(["kind", "delete", "cluster", "--name", name, "--kubeconfig", kubeconfig], seconds=CREATE_SECONDS)


def _kubectl(name: str, folder: Path) -> Path:
    """The one that every kind node carries: it is there, and of the right version."""
    node = run(["kind", "get", "nodes", "--name", name]).split()[0]
    run(["docker", "cp", f"{node}:/usr/bin/kubectl", folder / "kubectl"])
    return folder / "kubectl"
