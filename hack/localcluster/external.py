"""The cluster that KUBECONFIG names, used as it is: nothing is started, nothing is added, nothing is taken down."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from hack.localcluster.build import ensure_tools
from hack.localcluster.cluster import LocalCluster
from hack.localcluster.errors import ClusterError
from hack.localcluster.kubectl import kubectl
from hack.localcluster.report import Reporter
from hack.localcluster.settings import Settings


class Cluster(Protocol):
    """What tests may use of any cluster."""

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""

    @property
    def server(self) -> str:
        """The address of the API server."""

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """The standard output of a kubectl command."""


class ExternalCluster:
    """Somebody else's cluster."""

    def __init__(self, kubeconfig: Path, program: Path) -> None:
        self.kubeconfig = kubeconfig
        self._program = program
        view = json.loads(self.kubectl("config", "view", "--minify", "--output=json"))
        self.server: str = view["clusters"][0]["cluster"]["server"]

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """The standard output of a kubectl command."""
        return kubectl(self._program, self.kubeconfig, *arguments, stdin=stdin)

    def describe(self) -> str:
        """For the person whose cluster it is: they must notice when it is the wrong one."""
        version = json.loads(self.kubectl("version", "--output=json"))["serverVersion"]["gitVersion"]
        return f"using the cluster of KUBECONFIG={self.kubeconfig}: {self.server}, Kubernetes {version}"


def external_cluster(report: Reporter) -> ExternalCluster | None:
    """None where KUBECONFIG is not set.

    Raises:
        ClusterError: KUBECONFIG does not name one file that exists, or its cluster does not answer.
    """
    named = os.environ.get("KUBECONFIG", "")
    if not named:
        return None
    path = Path(named).expanduser().absolute()
    if not path.is_file():
        message = f"KUBECONFIG={named} is not one existing file; correct it, or unset it to get a local cluster"
        raise ClusterError(message)
    installed = shutil.which("kubectl")
    program = Path(installed) if installed else ensure_tools(Settings().kubernetes, report)["kubectl"]
    return ExternalCluster(path, program)


@contextmanager
def open_cluster(
    settings: Settings | None = None, *, directory: Path | None = None, report: Reporter | None = None
) -> Iterator[Cluster]:
    """The cluster of KUBECONFIG where that is set, else a local one for the time of the `with` block."""
    report = report or Reporter()
    if external := external_cluster(report):
        report.say(external.describe())
        yield external
        return
    with LocalCluster(settings, directory=directory, report=report) as cluster:
        yield cluster
