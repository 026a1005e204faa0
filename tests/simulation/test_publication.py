"""A version is published, and many sets follow its image: what that costs, call by call, and who is looked at (V3, T1).

What is counted here is what decides how soon the last of a thousand sets begins: `bench.publish` measures that.
"""

from collections import defaultdict
from typing import Any

import pytest

from rollkeeper.controllers.resources import IMAGE_VERSIONS, SCALE_SETS
from rollkeeper.controllers.waking import Work
from tests.simulation.cluster import Cluster
from tests.simulation.faults import Call
from tests.simulation.images import Images, healthy
from tests.simulation.objects_of_ours import IMAGE, image_version, scale_set
from tests.simulation.process import Process

SETS = 12
OTHER = {**IMAGE, "sku": "other"}

TO_THE_FIRST_EVICTION = [
    "create pods (dry run)",  # M3: what the API server refuses is found before anything is touched
    "create upgraderuns",
    "patch scalesets/status",  # I4: the set names the run before it starts
    "patch upgraderuns/status",  # I9: the batch, and what its instances ran before
    "patch scalesets/status",  # F7: the batch, should the run be removed by force
    "evict pods/eviction",
]


class Fleet:
    """Sets that follow one image, one that follows another, and a controller that tells whom it looks at."""

    def __init__(self) -> None:
        self.cluster = Cluster(zones=("a",), room=10_000, images=Images(healthy(1, 1)))
        self.process = Process(self.cluster)
        self.looked_at: list[Work] = []
        reconcile = self.process.manager.reconcile

        async def noted(work: Work) -> float | None:
            self.looked_at.append(work)
            return await reconcile(work)

        self.process.manager.reconcile = noted  # type: ignore[method-assign]
        self.publish("1.0.0")
        self.cluster.server.create(IMAGE_VERSIONS, "default", _other_version())
        for number in range(SETS):
            self._create(f"set-{number}", scale_set(2))
        self._create("other", scale_set(2, spec={"imageReference": OTHER}))
        self.run(60)
        self.looked_at.clear()

    def _create(self, name: str, manifest: dict[str, Any]) -> None:
        manifest["metadata"]["name"] = name
        self.cluster.server.create(SCALE_SETS, "default", manifest)

    def publish(self, version: str) -> None:
        self.cluster.server.create(IMAGE_VERSIONS, "default", image_version(version))

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.process.settle()
            self.cluster.advance(1)

    def sets_looked_at(self) -> set[str]:
        return {name for kind, _, name in self.looked_at if kind == "ScaleSet"}


def _other_version() -> dict[str, Any]:
    manifest = image_version("1.0.0")
    manifest["metadata"]["name"] = "other"
    manifest["spec"] |= OTHER
    return manifest


def of_set(call: Call) -> str:
    """`set-3`, of the pod `set-3-0` and the run `set-3-1-1-0-abcde` too."""
    return "-".join(call.name.split("-")[:2])


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return Fleet()


def test_calls_to_the_first_eviction_of_each_set(fleet: Fleet) -> None:
    """Each is needed by a rule; one more a set would be a thousand more before the last set begins."""
    begin = len(fleet.process.api.log)
    fleet.publish("1.1.0")
    fleet.process.settle()
    calls: dict[str, list[str]] = defaultdict(list)
    for call in fleet.process.api.log[begin:]:
        if call.resource != IMAGE_VERSIONS and TO_THE_FIRST_EVICTION[-1] not in calls[of_set(call)]:
            calls[of_set(call)].append(call.kind)
    assert dict(calls) == {f"set-{number}": TO_THE_FIRST_EVICTION for number in range(SETS)}
    fleet.run(120)


def test_only_the_sets_that_follow_the_image_are_looked_at(fleet: Fleet) -> None:
    """T1, V3: those, and none of another image."""
    fleet.looked_at.clear()
    fleet.publish("1.2.0")
    fleet.process.settle()
    assert fleet.sets_looked_at() == {f"set-{number}" for number in range(SETS)}
    fleet.run(120)


def test_what_a_version_says_of_itself_wakes_no_set(fleet: Fleet) -> None:
    """I7: a status that changes while a thousand sets use the version must not have them all looked at."""
    fleet.looked_at.clear()
    found = fleet.cluster.server.get(IMAGE_VERSIONS, "default", "webserver-1.2.0")["status"]["conditions"]
    told = [{**c, "message": "told by somebody else"} for c in found]
    fleet.cluster.server.merge_patch(
        IMAGE_VERSIONS, "default", "webserver-1.2.0", {"status": {"conditions": told}}, subresource="status"
    )
    fleet.process.settle()
    assert {kind for kind, _, _ in fleet.looked_at} == {"ImageVersion"}
