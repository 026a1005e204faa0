"""What one roll writes, counted: what each instance needs, and beside it the same whatever their number (I7, I9).

`bench` and `bench.in_place` measure what that takes.
"""

from collections import Counter

import pytest

from rollkeeper.controllers.resources import IMAGE_VERSIONS, SCALE_SETS
from tests.simulation.cluster import Cluster
from tests.simulation.faults import READS
from tests.simulation.images import Images, healthy
from tests.simulation.objects_of_ours import image_version, scale_set
from tests.simulation.process import Process

BESIDES = {
    "create pods (dry run)": 1,  # M3
    "patch imageversions": 1,  # V7: the finalizer, before the first use
    "create upgraderuns": 1,
    "patch upgraderuns/status": 6,  # I9: a batch each, and the end (F9)
    "patch upgraderuns": 1,  # F9: the finalizer is taken off
    "patch scalesets/status": 9,  # I4: names the run; I9, F7: a batch each, then none in hand; F9: the end
    "patch imageversions/status": 4,  # V7: two versions, each when the run begins to use it and when that is over
}
"""The writes of a roll in five batches that no instance is charged for."""

EACH = {"Recreate": {"evict pods/eviction", "create pods"}, "InPlaceIfPossible": {"patch pods"}}


@pytest.mark.parametrize("method", EACH)
@pytest.mark.parametrize("replicas", [10, 40])
def test_i7_writes_of_a_roll(replicas: int, method: str) -> None:
    """So 500 instances are changed in place by 1.05 writes each, and replaced by 2.05."""
    assert rolled(replicas, method) == BESIDES | dict.fromkeys(EACH[method], replicas)


def rolled(replicas: int, method: str) -> Counter[str]:
    """The writes of one roll, 20% of the instances at a time."""
    cluster = Cluster(zones=("a",), room=10_000, images=Images(healthy(1, 1)))
    process = Process(cluster)
    manifest = scale_set(replicas)
    manifest["spec"]["upgradePolicy"]["replacementMethod"] = method
    cluster.server.create(IMAGE_VERSIONS, "default", image_version("1.0.0"))
    cluster.server.create(SCALE_SETS, "default", manifest)
    go_on(process, 60)
    begin = len(process.api.log)
    cluster.server.create(IMAGE_VERSIONS, "default", image_version("1.1.0"))
    go_on(process, 120)
    return Counter(call.kind for call in process.api.log[begin:] if call.verb not in READS)


def go_on(process: Process, seconds: int) -> None:
    for _ in range(seconds):
        process.settle()
        process.cluster.advance(1)
