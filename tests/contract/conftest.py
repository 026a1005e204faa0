"""The two worlds of the contract suite: the cluster in memory, and a real API server."""

from collections.abc import AsyncIterator

import pytest

from hack.localcluster import Cluster
from tests.cluster.conftest import cluster
from tests.contract.worlds import MemoryWorld, World, real_world

__all__ = ["cluster"]


@pytest.fixture(params=["memory", "real"])
def real_cluster(request: pytest.FixtureRequest) -> Cluster | None:
    """None stands for the cluster in memory: no real one is started for its sake."""
    if request.param == "memory":
        return None
    found: Cluster = request.getfixturevalue("cluster")
    return found


@pytest.fixture
async def world(real_cluster: Cluster | None) -> AsyncIterator[World]:
    """An API and a namespace of the test's own."""
    if real_cluster is None:
        yield MemoryWorld()
        return
    async with real_world(real_cluster) as found:
        yield found
