"""A pod's status as its kubelet writes it: whole seconds, conditions with transition times, waiting reasons."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from rollkeeper.kube.api import JsonObject
from tests.simulation.images import Running, State, Step, Terminated, Waiting, image_id
from tests.simulation.objects import condition, earlier, is_true


@dataclass
class Container:
    """One container on its node, as the kubelet knows it."""

    name: str
    image: str
    pod: str
    """For messages: `web-0_default(uid)`."""
    steps: Iterator[Step]
    state: State = field(default_factory=Waiting)
    since: str = ""
    """When `state` began."""
    in_hook: float = 0
    """Seconds of its postStart hook, in which it runs already but is not reported yet."""
    started_at: str | None = None
    """When it last began to run."""
    running_image: str | None = None
    """The image of the container that runs or ran last: after an in-place change the old one, until the swap."""
    starts: int = 0
    last: JsonObject | None = None
    """How it ended the last time."""

    def enter(self, state: State, now: str) -> None:
        """Go over to another state; a start after an end is a restart."""
        if isinstance(state, Running) and not isinstance(self.state, Running):
            self.started_at = earlier(now, self.in_hook)
            self.running_image = self.image
            self.starts += 1
        if isinstance(state, Terminated):
            self.last = self._ended(state, now)
        if state != self.state:
            self.since = now
        self.state = state

    def end(self, exit_code: int, now: str) -> None:
        """Stopped from outside: its pod goes, or its image was changed in place."""
        if isinstance(self.state, Running):
            self.enter(Terminated(exit_code, "Completed" if exit_code == 0 else "Error"), now)

    def status(self) -> JsonObject:
        running = isinstance(self.state, Running)
        made: JsonObject = {
            "name": self.name,
            "image": self.running_image or self.image,
            "imageID": image_id(self.running_image) if self.running_image else "",
            "ready": isinstance(self.state, Running) and self.state.ready,
            "started": running,
            "restartCount": max(0, self.starts - 1),
            "state": self._state(),
            "lastState": {"terminated": self.last} if self._restarted() else {},
        }
        if self.starts:
            made["containerID"] = self._id()
        return made

    def _restarted(self) -> bool:
        return self.last is not None and not isinstance(self.state, Terminated)

    def _state(self) -> JsonObject:
        match self.state:
            case Running():
                return {"running": {"startedAt": self.started_at}}
            case Terminated():
                return {"terminated": self.last}
            case Waiting(reason, message):
                text = message.format(image=self.image, container=self.name, pod=self.pod)
                return {"waiting": {"reason": reason, **({"message": text} if text else {})}}

    def _ended(self, state: Terminated, now: str) -> JsonObject:
        times = {"startedAt": self.started_at or now, "finishedAt": now}
        said = {"message": state.message} if state.message else {}
        return {"exitCode": state.exit_code, "reason": state.reason, **said, **times, "containerID": self._id()}

    def _id(self) -> str:
        return f"simulated://{self.pod}/{self.name}/{self.starts}"


def of_pod(
    pod: JsonObject,
    containers: Iterable[Container],
    now: str,
    *,
    inits: Sequence[JsonObject] = (),
    ended: bool = False,
) -> JsonObject:
    """The status of a pod on a node that works; `ended`: nothing of it will run again."""
    statuses = [container.status() for container in containers]
    unready = [status["name"] for status in statuses if not status["ready"]]
    meta, old = pod["metadata"], pod["status"]
    phase = _phase(statuses, "Never" if ended else pod["spec"]["restartPolicy"])
    excuse = _unready(unready) if phase in {"Pending", "Running"} else {"reason": "PodFailed"}
    ready = excuse if unready else _closed_gates(pod)
    conditions = [
        ("PodReadyToStartContainers", True, {}),
        ("Initialized", all(status["ready"] for status in inits), {}),
        ("Ready", not ready, ready),
        ("ContainersReady", not unready, excuse if unready else {}),
        ("PodScheduled", True, {}),
    ]
    made = {
        **old,
        "phase": phase,
        "observedGeneration": meta["generation"],
        "conditions": _with_own(pod, [_condition(pod, *given, now) for given in conditions]),
        "hostIP": "192.0.2.1",
        "podIP": old.get("podIP") or _address(meta["uid"]),
        "startTime": old.get("startTime", now),
        "containerStatuses": statuses,
    }
    return {**made, "initContainerStatuses": list(inits)} if inits else made


def _address(uid: str) -> str:
    """An address of the pod's own: uids are numbered."""
    number = int(uid.rpartition("-")[2])
    return f"10.{64 + number // 65536 % 16}.{number // 256 % 256}.{number % 256}"


def unscheduled(pod: JsonObject, message: str, now: str) -> JsonObject:
    """The status that the scheduler writes when it finds no node."""
    excuse = {"reason": "Unschedulable", "message": message}
    scheduled = _condition(pod, "PodScheduled", False, excuse, now)
    return {**pod["status"], "conditions": _with_own(pod, [scheduled])}


def on_lost_node(pod: JsonObject, now: str) -> JsonObject:
    """What the node controller writes when a node is silent: it knows nothing of the containers."""
    conditions = [
        _condition(pod, "Ready", False, {}, now) if given["type"] == "Ready" else given
        for given in pod["status"].get("conditions", [])
    ]
    return {**pod["status"], "conditions": conditions}


def evicted(pod: JsonObject, reason: str, message: str, now: str) -> JsonObject:
    """The status of a pod that failed as a whole: it will not run again."""
    excuse = {"reason": "PodFailed"}
    conditions = [_condition(pod, kind, False, excuse, now) for kind in ("Ready", "ContainersReady")]
    status = {**pod["status"], "phase": "Failed", "reason": reason, "message": message}
    return {**status, "conditions": _with_own(pod, conditions)}


def _phase(statuses: list[JsonObject], restart_policy: str) -> str:
    """The kubelet's rules: a container that never ran keeps the pod Pending, one that crashed does not."""
    states = [(status["state"], bool(status["lastState"])) for status in statuses]
    if any("waiting" in state and not ran for state, ran in states):
        return "Pending"
    if restart_policy == "Always" or any("running" in state or "waiting" in state for state, _ in states):
        return "Running"
    return "Succeeded" if all(state["terminated"]["exitCode"] == 0 for state, _ in states) else "Failed"


def _unready(names: list[str]) -> JsonObject:
    return {"reason": "ContainersNotReady", "message": f"containers with unready status: [{' '.join(names)}]"}


def _closed_gates(pod: JsonObject) -> JsonObject:
    """Why a pod with ready containers is not ready; empty: it is."""
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates", [])]
    closed = [gate for gate in gates if not is_true(pod, gate)]
    if not closed:
        return {}
    texts = [f'corresponding condition of pod readiness gate "{gate}" does not exist.' for gate in closed]
    return {"reason": "ReadinessGatesNotReady", "message": ", ".join(texts)}


def _condition(pod: JsonObject, kind: str, holds: bool, excuse: JsonObject, now: str) -> JsonObject:
    status = "True" if holds else "False"
    before = condition(pod, kind)
    since = before["lastTransitionTime"] if before is not None and before["status"] == status else now
    return {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": since, **excuse}


def _with_own(pod: JsonObject, conditions: list[JsonObject]) -> list[JsonObject]:
    """These conditions, and those that others wrote."""
    own = {made["type"] for made in conditions}
    return [*conditions, *(given for given in pod["status"].get("conditions", []) if given["type"] not in own)]
