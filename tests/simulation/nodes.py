"""The nodes of a simulation: zones, room, silence."""

from collections import Counter
from dataclasses import dataclass, field

from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.resources import CLAIMS, NODES, PODS
from tests.simulation.controllers import claims_of
from tests.simulation.objects import key_of, timestamp
from tests.simulation.pods import TAINTS
from tests.simulation.server import ApiServer

ZONE = "topology.kubernetes.io/zone"
COPIED_TO_PODS = (ZONE, "topology.kubernetes.io/region")


@dataclass
class _Node:
    room: int
    pods: set[str] = field(default_factory=set)
    lost: bool = False
    silences: int = 0


class Nodes:
    """Objects in the API server, and what is on each."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._nodes: dict[str, _Node] = {}
        self._of_pod: dict[str, str] = {}

    def add(self, name: str, zone: str = "", *, room: int = 110, labels: dict[str, str] | None = None) -> None:
        """A new node that is ready; `room` is how many pods it takes."""
        self._nodes[name] = _Node(room)
        marks = {"kubernetes.io/hostname": name, **({ZONE: zone} if zone else {}), **(labels or {})}
        status = {"capacity": {"pods": str(room)}, "conditions": [self._ready("True")]}
        self._server.create(NODES, None, {"metadata": {"name": name, "labels": marks}, "spec": {}, "status": status})

    def set_room(self, name: str, room: int) -> None:
        """Pods that are there stay, even if there are more."""
        self._nodes[name].room = room
        node = self._server.stored(NODES, ("", name))
        self._server.set_status(NODES, ("", name), {**node["status"], "capacity": {"pods": str(room)}})

    def cordon(self, name: str, unschedulable: bool = True) -> None:
        """No new pods."""
        self._server.merge_patch(NODES, None, name, {"spec": {"unschedulable": unschedulable or None}})

    def remove(self, name: str) -> None:
        """No pod may be on it any more."""
        self._server.delete(NODES, None, name)
        del self._nodes[name]

    # --- for the kubelet --------------------------------------------------------------------------------------------

    def choose(self, pod: JsonObject) -> tuple[str | None, str]:
        """The emptiest node that takes the pod (the first by name, if several are), else None and why."""
        if missing := self._missing_claim(pod):
            return None, missing
        refused: Counter[str] = Counter()
        fits = []
        for name, node in sorted(self._nodes.items()):
            if why := self._refusal(name, node, pod):
                refused[why] += 1
            else:
                fits.append((len(node.pods), name))
        if fits:
            return min(fits)[1], ""
        reasons = ", ".join(f"{count} {why}" for why, count in sorted(refused.items()))
        return None, f"0/{len(self._nodes)} nodes are available: {reasons or 'none exist'}."

    def bind(self, pod: JsonObject, name: str) -> None:
        """As the binding subresource does it: the node's zone is copied, the generation stays."""
        meta = pod["metadata"]
        self._nodes[name].pods.add(meta["uid"])
        self._of_pod[meta["uid"]] = name
        node = self._server.stored(NODES, ("", name))
        found = {key: node["metadata"]["labels"][key] for key in COPIED_TO_PODS if key in node["metadata"]["labels"]}
        if found:
            meta = {**meta, "labels": {**meta.get("labels", {}), **found}}
        self._server.write(PODS, {**pod, "metadata": dict(meta), "spec": {**pod["spec"], "nodeName": name}})
        for claim in claims_of(pod):
            stored = self._server.stored(CLAIMS, (meta["namespace"], claim))
            self._server.set_status(CLAIMS, key_of(stored), {**stored["status"], "phase": "Bound"})

    def leave(self, uid: str) -> None:
        """The pod is gone; its room is free."""
        self._nodes[self._of_pod.pop(uid)].pods.discard(uid)

    def is_lost(self, name: str) -> bool:
        return self._nodes[name].lost

    def silence(self, name: str) -> int:
        """The node is lost from now on; the number tells this silence from a later one."""
        node = self._nodes[name]
        node.lost = True
        node.silences += 1
        return node.silences

    def still_silent(self, name: str, silence: int) -> bool:
        node = self._nodes[name]
        return node.lost and node.silences == silence

    def speak(self, name: str) -> None:
        """The node is there again."""
        self._nodes[name].lost = False
        self._mark(name, "True", [])

    def mark_unknown(self, name: str) -> None:
        """The node controller has given the node up for now."""
        taint = {"key": TAINTS[1], "effect": "NoExecute", "timeAdded": self._now()}
        self._mark(name, "Unknown", [taint])

    def _mark(self, name: str, status: str, taints: list[JsonObject]) -> None:
        node = self._server.stored(NODES, ("", name))
        if node["status"]["conditions"][0]["status"] != status:
            conditions = [self._ready(status)]
            self._server.set_status(NODES, ("", name), {**node["status"], "conditions": conditions})
        self._server.merge_patch(NODES, None, name, {"spec": {"taints": taints or None}})

    def _ready(self, status: str) -> JsonObject:
        reason = {"True": "KubeletReady", "Unknown": "NodeStatusUnknown"}[status]
        return {"type": "Ready", "status": status, "reason": reason, "lastTransitionTime": self._now()}

    def _refusal(self, name: str, node: _Node, pod: JsonObject) -> str:
        stored = self._server.stored(NODES, ("", name))
        if stored["spec"].get("unschedulable"):
            return "node(s) were unschedulable"
        if stored["status"]["conditions"][0]["status"] != "True":
            return f"node(s) had untolerated taint {{{TAINTS[1]}: }}"
        wanted = pod["spec"].get("nodeSelector", {})
        if any(stored["metadata"]["labels"].get(key) != value for key, value in wanted.items()):
            return "node(s) didn't match Pod's node affinity/selector"
        return "Too many pods" if len(node.pods) >= node.room else ""

    def _missing_claim(self, pod: JsonObject) -> str:
        """What the scheduler says of a claim that is not there, or going."""
        for name in claims_of(pod):
            claim = self._server.store.get(CLAIMS, (pod["metadata"]["namespace"], name))
            if claim is None:
                return f'persistentvolumeclaim "{name}" not found'
            if "deletionTimestamp" in claim["metadata"]:
                return f'persistentvolumeclaim "{name}" is being deleted'
        return ""

    def _now(self) -> str:
        return timestamp(self._server.clock.now())
