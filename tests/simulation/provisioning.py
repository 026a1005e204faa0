"""Init containers and postStart hooks on a simulated node.

Scripts are played: of a pod's custom data and Script extensions, which stand in its annotations, the line `sleep 5`
takes five seconds, and `fail some words` ends the hook with these as the last line of output.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from rollkeeper.instances import provisioning
from rollkeeper.kube.api import JsonObject
from tests.simulation.images import Running, Step, Terminated, Waiting
from tests.simulation.pod_status import Container

KILLED = 137
PAUSE = 10
_TOLD = re.compile(r"^step '?(?P<what>custom data|extension [-a-z0-9]+)'? (?P<how>stop|go-on) ", re.MULTILINE)


@dataclass
class InitContainers:
    """Those of one pod, one after the other."""

    stays: dict[str, bool] = field(default_factory=dict)
    """By name: whether it is a restartable one, which only has to start."""
    containers: dict[str, Container] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)

    def add(self, container: Container, *, stays: bool) -> None:
        container.state = Waiting("PodInitializing")
        self.containers[container.name] = container
        self.stays[container.name] = stays

    def is_done(self, name: str) -> bool:
        state = self.containers[name].state
        if self.stays[name]:
            return isinstance(state, Running) and state.ready
        return isinstance(state, Terminated) and state.exit_code == 0

    def next(self) -> Container | None:
        """The first that has still to begin, if those before it are done."""
        for name, container in self.containers.items():
            if name not in self.begun:
                return container
            if not self.is_done(name):
                return None
        return None

    @property
    def done(self) -> bool:
        return all(self.is_done(name) for name in self.containers)

    def statuses(self) -> list[JsonObject]:
        return [
            {**container.status(), "ready": self.is_done(name), "started": self.stays[name] and self.is_done(name)}
            for name, container in self.containers.items()
        ]


@dataclass(frozen=True)
class Hook:
    """What the postStart hook of a pod's OS container comes to."""

    seconds: float = 0
    failure: str = ""
    """The termination message that it leaves; empty: it ends well."""

    def played(self, steps: Iterator[Step]) -> Iterator[Step]:
        """The container's life with this hook in it: it is reported when the hook has ended, or never."""
        for step in steps:
            if not isinstance(step.state, Running):
                yield step
                continue
            if not self.failure:
                yield Step(step.after + self.seconds, step.state)
                yield from steps
                return
            after = step.after + self.seconds
            while True:
                yield Step(after, Terminated(KILLED, message=self.failure))
                yield Step(0, Waiting("CrashLoopBackOff", "back-off 10s restarting failed container"))
                after = PAUSE + self.seconds


def hook_of(pod: JsonObject, container: JsonObject) -> Hook:
    """Plays the scripts in their order."""
    exec_ = container.get("lifecycle", {}).get("postStart", {}).get("exec")
    seconds = 0.0
    for found in _TOLD.finditer(exec_["command"][-1]) if exec_ else ():
        failure = ""
        for line in _script(pod, found["what"]).splitlines():
            word, _, rest = line.partition(" ")
            seconds += float(rest) if word == "sleep" else 0
            failure = rest if word == "fail" else failure
        if failure and found["how"] == "stop":
            return Hook(seconds, f"{found['what']}: exit code 1: {failure}")
    return Hook(seconds)


def _script(pod: JsonObject, what: str) -> str:
    annotation = provisioning.CUSTOM_DATA
    if what.startswith("extension "):
        annotation = provisioning.SCRIPT_ANNOTATION + what.removeprefix("extension ")
    return str(pod["metadata"].get("annotations", {}).get(annotation, ""))
