"""The cluster that everything is measured on, with our kinds in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.controller import ROOT
from hack.localcluster import LocalCluster, Settings, User

QPS = 500
NODES = 10


@contextmanager
def cluster_for(*users: User, out: Path) -> Iterator[LocalCluster]:
    """A cluster of our own for the time of the `with` block; its logs are in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    settings = Settings(nodes=NODES, controller_manager_qps=QPS, scheduler_qps=QPS, users=users)
    with LocalCluster(settings, directory=out / "cluster") as cluster:
        cluster.kubectl("apply", "--filename", str(ROOT / "crds"))
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "--filename", str(ROOT / "crds"))
        yield cluster
