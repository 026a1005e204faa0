"""Scheduler, kubelets and node controller, as events on the virtual clock."""

import math
from dataclasses import dataclass, replace
from functools import partial

from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.resources import PODS
from tests.simulation import pod_status
from tests.simulation.clock import VirtualClock
from tests.simulation.images import Images, Running, State
from tests.simulation.nodes import Nodes
from tests.simulation.objects import Key, key_of, timestamp
from tests.simulation.pod_status import Container
from tests.simulation.provisioning import InitContainers, hook_of
from tests.simulation.server import ApiServer
from tests.simulation.store import Change

KILLED = 137


@dataclass(frozen=True)
class Timings:
    """In seconds."""

    schedule: float = 0
    """From a pod's creation to its node."""
    swap: float = 1
    """From an image changed in place to the end of the old container; the new one is what is reported next."""
    node_monitor_grace: float = 40
    """From a node's silence to Ready=Unknown, and its pods unready."""
    pod_eviction: float = 300
    """From there to the deletion of its pods."""


class Sandbox:
    """A pod on its node."""

    def __init__(self, key: Key, uid: str, node: str) -> None:
        self.key = key
        self.uid = uid
        self.node = node
        self.containers: dict[str, Container] = {}
        self.inits = InitContainers()
        self.initialized = False
        self.stopping = False
        self.failed = False
        """It was evicted from its node: no status but that one any more."""
        self.forced_ready: bool | None = None

    @property
    def name(self) -> str:
        return self.key[1]


class Kubelet:
    """All nodes' kubelets in one, with the scheduler that fills the nodes.

    Behaviour comes from `images`; nodes from `nodes`. Tests break things with `set_ready`, `fail_pod`, `vanish`,
    `lose_node`, `recover_node`.
    """

    def __init__(self, server: ApiServer, images: Images | None = None, timings: Timings | None = None) -> None:
        self.images = images if images is not None else Images()
        self.timings = timings if timings is not None else Timings()
        self.nodes = Nodes(server)
        self._server = server
        self._clock: VirtualClock = server.clock
        self._sandboxes: dict[str, Sandbox] = {}
        self._unscheduled: dict[str, Key] = {}
        self._scheduling = False
        server.store.subscribe(self._saw)

    # --- what tests do ----------------------------------------------------------------------------------------------

    def set_ready(self, namespace: str, name: str, ready: bool | None) -> None:
        """Force what the readiness probes of a pod say from now on; None: what its images say.

        A pod that waits for a node has none.
        """
        sandbox = self._sandbox(namespace, name)
        if sandbox is None:
            return
        sandbox.forced_ready = ready
        self._post(sandbox)

    def fail_pod(self, namespace: str, name: str, reason: str = "Evicted", message: str = "The node was low.") -> None:
        """The node throws the pod out: it stays, with phase Failed, until somebody deletes it."""
        sandbox = self._sandbox(namespace, name)
        if sandbox is None:
            raise LookupError(f"no node runs {name}")
        sandbox.failed = True
        pod = self._server.stored(PODS, sandbox.key)
        self._server.set_status(PODS, sandbox.key, pod_status.evicted(pod, reason, message, self._now()))

    def vanish(self, namespace: str, name: str) -> None:
        """The pod is removed by force, without grace."""
        self._server.finish(PODS, (namespace, name))

    def lose_node(self, name: str) -> None:
        """The node falls silent: nothing on it ends or is reported until it is back."""
        silence = self.nodes.silence(name)
        self._clock.call_later(self.timings.node_monitor_grace, lambda: self._give_up(name, silence))

    def remove_node(self, name: str) -> None:
        """The node is gone for good, and its pods with it, by force."""
        for sandbox in self._on(name):
            self._server.finish(PODS, sandbox.key)
        self.nodes.remove(name)

    def recover_node(self, name: str) -> None:
        """The node is back: its pods are reported as they are, and those that were deleted meanwhile end."""
        self.nodes.speak(name)
        for sandbox in [found for found in self._sandboxes.values() if found.node == name]:
            self._post(sandbox)
            if sandbox.stopping:
                self._stop_later(sandbox)
        self._schedule_later(0)

    # --- scheduler --------------------------------------------------------------------------------------------------

    def _saw(self, change: Change) -> None:
        """Only asks the clock for what is to be done: subscribers may not write."""
        if change.resource != PODS:
            self._schedule_later(0)  # a node or a claim more may be what a pod waits for
            return
        meta, spec = change.object["metadata"], change.object["spec"]
        uid, sandbox = meta["uid"], self._sandboxes.get(meta["uid"])
        if change.type == "DELETED":
            self._unscheduled.pop(uid, None)
            if self._sandboxes.pop(uid, None) is not None:
                self.nodes.leave(uid)
                self._schedule_later(0)
        elif sandbox is None and not spec.get("nodeName"):
            if uid not in self._unscheduled:
                self._unscheduled[uid] = key_of(change.object)
                self._schedule_later(self.timings.schedule)
        elif sandbox is not None:
            self._saw_change(sandbox, change.object)

    def _saw_change(self, sandbox: Sandbox, pod: JsonObject) -> None:
        if "deletionTimestamp" in pod["metadata"] and not sandbox.stopping:
            sandbox.stopping = True
            self._stop_later(sandbox)
        if pod["spec"].get("readinessGates"):  # its owner may have opened or closed one
            self._clock.call_later(0, partial(self._post_again, sandbox))
        for spec in pod["spec"]["containers"]:
            container = sandbox.containers.get(spec["name"])
            if container is not None and container.image != spec["image"]:
                container.image = spec["image"]
                self._clock.call_later(self.timings.swap, partial(self._swap, sandbox, container))

    def _schedule_later(self, seconds: float) -> None:
        """One round at a time: a thousand new pods are one round."""
        if self._unscheduled and not self._scheduling:
            self._scheduling = True
            self._clock.call_later(seconds, self._schedule)

    def _schedule(self) -> None:
        self._scheduling = False
        for uid, key in list(self._unscheduled.items()):
            pod = self._server.stored(PODS, key)
            if "deletionTimestamp" in pod["metadata"]:
                continue  # a finalizer keeps it; it will never run
            node, why = self.nodes.choose(pod)
            if node is None:
                self._server.set_status(PODS, key, pod_status.unscheduled(pod, why, self._now()))
            else:
                del self._unscheduled[uid]
                self._bind(pod, node)

    def _bind(self, pod: JsonObject, node: str) -> None:
        sandbox = Sandbox(key_of(pod), pod["metadata"]["uid"], node)
        self._sandboxes[sandbox.uid] = sandbox
        self.nodes.bind(pod, node)
        name = f"{sandbox.name}_{sandbox.key[0]}({sandbox.uid})"
        for spec in pod["spec"].get("initContainers", ()):
            stays = spec.get("restartPolicy") == "Always"
            steps = self.images.init_behaviour(spec["image"], sandbox.name, stays=stays).steps()
            sandbox.inits.add(Container(spec["name"], spec["image"], name, steps), stays=stays)
        for spec in pod["spec"]["containers"]:
            sandbox.containers[spec["name"]] = Container(spec["name"], spec["image"], name, iter(()))
        self._initialize(sandbox)
        self._post(sandbox)

    def _initialize(self, sandbox: Sandbox) -> None:
        """Begins with the next init container; when all are done, with the others."""
        while (init := sandbox.inits.next()) is not None:
            sandbox.inits.begun.add(init.name)
            self._next_step(sandbox, init)
        if sandbox.inits.done and not sandbox.initialized:
            sandbox.initialized = True
            for container in sandbox.containers.values():
                self._begin(sandbox, container)

    def _begin(self, sandbox: Sandbox, container: Container) -> None:
        pod = self._server.stored(PODS, sandbox.key)
        spec = next(spec for spec in pod["spec"]["containers"] if spec["name"] == container.name)
        hook = hook_of(pod, spec)
        container.in_hook = hook.seconds
        container.steps = hook.played(self.images.behaviour(container.image, sandbox.name).steps())
        self._next_step(sandbox, container)

    # --- kubelet ----------------------------------------------------------------------------------------------------

    def _next_step(self, sandbox: Sandbox, container: Container) -> None:
        steps = container.steps
        step = next(steps, None)
        if step is not None and step.after != math.inf:
            self._clock.call_later(step.after, lambda: self._enter(sandbox, container, steps, step.state))

    def _enter(self, sandbox: Sandbox, container: Container, steps: object, state: State) -> None:
        if self._sandboxes.get(sandbox.uid) is not sandbox or container.steps is not steps:
            return  # the pod is gone, or its image was changed and the container has another script
        container.enter(state, self._now())
        self._initialize(sandbox)
        self._post(sandbox)
        self._next_step(sandbox, container)

    def _swap(self, sandbox: Sandbox, container: Container) -> None:
        """An image changed in place: the pod stays ready, with the old image, until the new container runs or fails.

        So it does on a real node: pulling the image and making the container is one step, and a hook belongs to it.
        """
        if self._sandboxes.get(sandbox.uid) is not sandbox or not sandbox.initialized:
            return
        container.end(0, self._now())
        self._begin(sandbox, container)

    def _post_again(self, sandbox: Sandbox) -> None:
        if self._sandboxes.get(sandbox.uid) is sandbox:
            self._post(sandbox)

    def _post(self, sandbox: Sandbox, *, ended: bool = False) -> None:
        """Write the status; a lost node can't."""
        if self.nodes.is_lost(sandbox.node) or sandbox.failed:
            return
        pod = self._server.stored(PODS, sandbox.key)
        containers = list(sandbox.containers.values())
        if sandbox.forced_ready is not None:
            containers = [_forced(container, sandbox.forced_ready) for container in containers]
        inits = sandbox.inits.statuses()
        status = pod_status.of_pod(pod, containers, self._now(), inits=inits, ended=ended)
        self._server.set_status(PODS, sandbox.key, status)

    def _stop_later(self, sandbox: Sandbox) -> None:
        found = (self.images.behaviour(c.image, sandbox.name) for c in sandbox.containers.values())
        seconds = max((behaviour.termination_seconds for behaviour in found), default=0)
        if seconds != math.inf:
            self._clock.call_later(seconds, lambda: self._stop(sandbox))

    def _stop(self, sandbox: Sandbox) -> None:
        """The kubelet's last words are a status, in which the pod has failed; then it removes the pod."""
        if self._sandboxes.get(sandbox.uid) is not sandbox or self.nodes.is_lost(sandbox.node):
            return
        for container in sandbox.containers.values():
            container.end(KILLED, self._now())
            container.steps = iter(())
        self._post(sandbox, ended=True)
        self._server.finish(PODS, sandbox.key)

    # --- node controller --------------------------------------------------------------------------------------------

    def _give_up(self, node: str, silence: int) -> None:
        if not self.nodes.still_silent(node, silence):
            return
        self.nodes.mark_unknown(node)
        for sandbox in self._on(node):
            pod = self._server.stored(PODS, sandbox.key)
            self._server.set_status(PODS, sandbox.key, pod_status.on_lost_node(pod, self._now()))
        self._clock.call_later(self.timings.pod_eviction, lambda: self._evict_all(node, silence))

    def _evict_all(self, node: str, silence: int) -> None:
        if self.nodes.still_silent(node, silence):
            for sandbox in self._on(node):
                self._server.delete(PODS, *sandbox.key, uid=sandbox.uid)

    def _on(self, node: str) -> list[Sandbox]:
        return [sandbox for sandbox in self._sandboxes.values() if sandbox.node == node]

    def _sandbox(self, namespace: str, name: str) -> Sandbox | None:
        return self._sandboxes.get(self._server.stored(PODS, (namespace, name))["metadata"]["uid"])

    def _now(self) -> str:
        return timestamp(self._clock.now())


def _forced(container: Container, ready: bool) -> Container:
    """The container as its probe is told to see it; one that does not run is not ready either way."""
    return replace(container, state=Running(ready)) if isinstance(container.state, Running) else container
