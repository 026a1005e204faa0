"""What the scans of an ImageSource cost, counted: of a real registry, and of the API server (V7, I7)."""

from collections import Counter

from hack.localregistry import LocalRegistry
from rollkeeper.controllers.caches import Caches
from rollkeeper.controllers.image_sources import ImageSourceController
from rollkeeper.controllers.pull_secrets import PullSecrets
from rollkeeper.controllers.resources import IMAGE_SOURCES, IMAGE_VERSIONS
from rollkeeper.controllers.usage import Users
from rollkeeper.kube.events import EventRecorder
from rollkeeper.registry.client import Registries
from tests.registry.asking import asking
from tests.registry.front import Front, front_of
from tests.simulation.cluster import Cluster
from tests.simulation.faults import READS, FaultyApi

PATH = "os/scans"
INTERVAL = 300
LIST = f"GET /v2/{PATH}/tags/list"
SCANNED = {"patch imagesources/status": 1}


def manifest_of(tag: str) -> str:
    return f"HEAD /v2/{PATH}/manifests/{tag}"


class Scans:
    """A source, and a controller that scans it; the cluster is in memory."""

    def __init__(self, front: Front, registries: Registries) -> None:
        self.cluster, self.caches, self.front = Cluster(), Caches(), front
        self.api, now = FaultyApi(self.cluster.api), self.cluster.clock.now
        spec = {"gallery": "g", "definition": "d", "repository": f"{front.host}/{PATH}", "intervalSeconds": INTERVAL}
        metadata = {"name": "os", "namespace": "default"}
        body = {"apiVersion": "rollkeeper.io/v1alpha1", "kind": "ImageSource", "metadata": metadata, "spec": spec}
        self.cluster.server.create(IMAGE_SOURCES, "default", body)
        users = Users(self.caches, "images", lambda _key: None)
        recorder = EventRecorder(self.api, "test", now=now)
        self.controller = ImageSourceController(
            self.api, self.caches, users, recorder, registries, PullSecrets(self.api), now
        )

    async def scan(self) -> tuple[list[str], Counter[str]]:
        """Requests to the registry, in order, and writes to the API server, in one scan."""
        self.caches.image_sources.replace(self.cluster.server.list(IMAGE_SOURCES, None))
        self.caches.image_versions.replace(self.cluster.server.list(IMAGE_VERSIONS, None))
        asked, called = len(self.front.asked), len(self.api.log)
        assert await self.controller.reconcile(("default", "os")) == INTERVAL
        self.cluster.advance(INTERVAL)
        writes = Counter(call.kind for call in self.api.log[called:] if call.verb not in READS)
        return [line.partition("?")[0] for line in self.front.asked[asked:]], writes


async def test_v7_requests_and_writes_of_a_scan(registry: LocalRegistry) -> None:
    """Each tag is asked for once, each version written once; a scan that finds nothing new writes when it was."""
    for tag in ("1.0.0", "1.1.0", "latest"):
        registry.push(PATH, tag)
    with front_of(registry.host) as front:
        async with asking() as registries:
            scans = Scans(front, registries)
            known = [manifest_of("1.1.0"), manifest_of("1.0.0")]
            assert await scans.scan() == ([LIST, *known], {"create imageversions": 2, **SCANNED})
            assert await scans.scan() == ([LIST, *known], SCANNED)
            registry.push(PATH, "1.2.0")
            assert await scans.scan() == ([LIST, manifest_of("1.2.0"), *known], {"create imageversions": 1, **SCANNED})
