"""A real API server with our CRDs, one for all tests; the tests fail where none can be had."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hack.localcluster import Cluster, open_cluster

CRDS = Path(__file__).resolve().parents[2] / "crds"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster of KUBECONFIG, or a local one with an audit log; the CRDs are those of this tree."""
    with open_cluster() as opened:
        opened.kubectl("apply", "--filename", str(CRDS))
        opened.kubectl("wait", "--for=condition=Established", "--timeout=60s", "--filename", str(CRDS))
        yield opened


@contextmanager
def fresh_namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace that nobody else uses."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own."""
    with fresh_namespace(cluster) as name:
        yield name
