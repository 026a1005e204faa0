"""What the applications in containers answer, on virtual time: by image, and by how long the container has run."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from rollkeeper.api.v1alpha1.health import ApplicationHealth
from rollkeeper.engine.application import Answer, silence
from rollkeeper.health.endpoint import answer_to, place
from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.resources import PODS
from tests.simulation.clock import VirtualClock
from tests.simulation.objects import parse_time
from tests.simulation.server import ApiServer


@dataclass(frozen=True)
class Says:
    """From `after` seconds after its container's start on it answers with that status and body; 0: not at all."""

    after: float = 0
    status: int = 200
    body: str = ""


def rich(state: str, after: float = 0) -> Says:
    return Says(after, body=json.dumps({"ApplicationHealthState": state}))


@dataclass
class Applications:
    """An `Endpoint` of the prober's. Applications that nobody has set answer at once that they are healthy."""

    server: ApiServer
    clock: VirtualClock
    asked: int = 0
    """How often any was asked."""
    _known: dict[str, Sequence[Says]] = field(default_factory=dict)
    _in_pods: dict[tuple[str, str], Sequence[Says]] = field(default_factory=dict)

    def set(self, image: str, *says: Says, pods: Collection[str] | None = None) -> None:
        """What the application of an image says: everywhere, or in the pods of these names only."""
        if pods is None:
            self._known[image] = says
        for pod in pods or ():
            self._in_pods[image, pod] = says

    async def ask(self, address: str, asked: ApplicationHealth) -> Answer:
        self.asked += 1
        where = place(address, asked)
        says = self._says(address)
        if says is None or says.status == 0:
            return silence(asked, f"no answer from {where}: Connection refused")
        if asked.protocol == "TCP":
            return Answer("Healthy", f"connected to {where}")
        return answer_to(asked, says.status, says.body.encode(), where)

    async def close(self) -> None:
        """Nothing is held."""

    def _says(self, address: str) -> Says | None:
        pod = next((p for p in self.server.store.items(PODS, "default") if p["status"].get("podIP") == address), None)
        started = _started(pod) if pod is not None else None
        if pod is None or started is None:
            return None
        seconds = (self.clock.now() - parse_time(started)).total_seconds()
        script = self._script(pod["spec"]["containers"][0]["image"], pod["metadata"]["name"])
        return next((says for says in reversed(script) if says.after <= seconds), None)

    def _script(self, image: str, pod: str) -> Sequence[Says]:
        return self._in_pods.get((image, pod)) or self._known.get(image) or (rich("Healthy"),)


def _started(pod: JsonObject) -> str | None:
    """Since when the OS container runs."""
    first = (pod["status"].get("containerStatuses") or [{}])[0]
    found: str | None = first.get("state", {}).get("running", {}).get("startedAt")
    return found
