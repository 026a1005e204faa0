"""A whole cluster in memory, put together."""

from collections.abc import Sequence

from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.resources import PODS
from tests.simulation.admission import PodQuota, RefuseImages, refuse_marked
from tests.simulation.applications import Applications
from tests.simulation.clock import VirtualClock
from tests.simulation.images import Images
from tests.simulation.kubelet import Kubelet, Timings
from tests.simulation.kubevirt import KubeVirt
from tests.simulation.memory_api import MemoryApi


class Cluster:
    """API server, controllers, scheduler and kubelets on one clock; one node in each of `zones`."""

    def __init__(
        self,
        *,
        zones: Sequence[str] = ("a", "b", "c"),
        room: int = 1000,
        images: Images | None = None,
        timings: Timings | None = None,
        controller_delay: float = 0,
    ) -> None:
        self.clock = VirtualClock()
        self.api = MemoryApi(self.clock, controller_delay=controller_delay)
        self.server = self.api.server
        self.images = images if images is not None else Images()
        self.kubelet = Kubelet(self.server, self.images, timings)
        self.kubevirt = KubeVirt(self.server)
        self.applications = Applications(self.server, self.clock)
        self.quota = PodQuota(self.server)
        self.refused_images = RefuseImages()
        self.server.admission += [self.quota, self.refused_images, refuse_marked]
        for number, zone in enumerate(zones):
            self.kubelet.nodes.add(f"node-{number}", zone, room=room)

    def advance(self, seconds: float = 0) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    def pods(self, namespace: str = "default") -> dict[str, JsonObject]:
        """By name. Not to be changed."""
        return {pod["metadata"]["name"]: pod for pod in self.server.store.items(PODS, namespace)}
