"""How containers behave, by the image they run: a behaviour is a sequence of states and when they begin."""

import hashlib
import itertools
import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Waiting:
    """Not running; the reason is the kubelet's word."""

    reason: str = "ContainerCreating"
    message: str = ""


@dataclass(frozen=True)
class Running:
    """Running; `ready` is what its readiness probe says."""

    ready: bool


@dataclass(frozen=True)
class Terminated:
    """Ended by itself; under restartPolicy Always a Waiting or Running follows."""

    exit_code: int
    reason: str = "Error"
    message: str = ""
    """What it left in its termination message."""


State = Waiting | Running | Terminated


@dataclass(frozen=True)
class Step:
    """`state` begins `after` seconds after the one before (the first: after the pod was bound)."""

    after: float
    state: State


@dataclass(frozen=True)
class Behaviour:
    """What a container does from the moment that its pod is bound to a node."""

    steps: Callable[[], Iterator[Step]]
    termination_seconds: float = 1
    """How long it takes to stop when its pod is deleted; infinite: it never does (a stuck finalizer of a volume)."""


def healthy(start: float = 1, ready: float = 2, *, termination: float = 1) -> Behaviour:
    """Starts `start` seconds after it was bound, and is ready `ready` seconds after that."""
    return _listed([Step(start, Running(ready=False)), Step(ready, Running(ready=True))], termination)


def slow(start: float = 120, ready: float = 60) -> Behaviour:
    """As `healthy`, with patience: a large image, a long boot."""
    return healthy(start, ready)


def never_ready(start: float = 1) -> Behaviour:
    """Starts, and its readiness probe never succeeds."""
    return _listed([Step(start, Running(ready=False))])


def ready_then_unready(start: float = 1, ready: float = 2, *, after: float = 30, back: float = math.inf) -> Behaviour:
    """Is ready for `after` seconds, then not; ready again `back` seconds later, if ever."""
    steps = [Step(start, Running(ready=False)), Step(ready, Running(ready=True)), Step(after, Running(ready=False))]
    return _listed([*steps, Step(back, Running(ready=True))])


def image_pull_backoff(after: float = 1, *, message: str = "not found") -> Behaviour:
    """The image can't be pulled; `message` is what the registry says."""

    def steps() -> Iterator[Step]:
        error = f'failed to pull and unpack image "{{image}}": {message}'
        yield Step(after, Waiting("ErrImagePull", error))
        yield Step(after, Waiting("ImagePullBackOff", f'Back-off pulling image "{{image}}": ErrImagePull: {error}'))

    return Behaviour(steps)


def crash_loop(
    start: float = 1, runs: float = 1, *, ready: bool = False, exit_code: int = 1, said: str = ""
) -> Behaviour:
    """Ends `runs` seconds after each start; the pauses between double from 10 to 300 seconds, as the kubelet's do."""

    def steps() -> Iterator[Step]:
        yield Step(start, Running(ready=ready))
        for crash in itertools.count():
            pause = min(10 * 2**crash, 300)
            yield Step(runs, Terminated(exit_code, message=said))
            message = f"back-off {pause}s restarting failed container={{container}} pod={{pod}}"
            yield Step(0, Waiting("CrashLoopBackOff", message))
            yield Step(pause, Running(ready=ready))

    return Behaviour(steps)


def completes(after: float = 0) -> Behaviour:
    """Ends well `after` seconds after it was started: an init container."""
    return _listed([Step(after, Terminated(0, "Completed"))])


def _listed(steps: list[Step], termination: float = 1) -> Behaviour:
    return Behaviour(lambda: iter(steps), termination)


@dataclass
class Images:
    """Which image behaves how. A change counts for containers that are started after it."""

    default: Behaviour = field(default_factory=healthy)
    _known: dict[str, Behaviour] = field(default_factory=dict)
    _in_pods: dict[tuple[str, str], Behaviour] = field(default_factory=dict)

    def set(self, image: str, behaviour: Behaviour, *, pods: Collection[str] | None = None) -> None:
        """How `image` behaves: everywhere, or in the pods of these names only."""
        if pods is None:
            self._known[image] = behaviour
        for pod in pods or ():
            self._in_pods[image, pod] = behaviour

    def behaviour(self, image: str, pod: str) -> Behaviour:
        return self._in_pods.get((image, pod)) or self._known.get(image, self.default)

    def init_behaviour(self, image: str, pod: str, *, stays: bool) -> Behaviour:
        """Of an init container; where nothing is set it ends well at once, or runs and stays ready."""
        known = self._in_pods.get((image, pod)) or self._known.get(image)
        return known or (healthy(0, 0) if stays else completes())


def image_id(image: str) -> str:
    """What the node calls the image; the same image has the same id everywhere."""
    if "@sha256:" in image:
        return image
    head, slash, tail = image.rpartition("/")
    repository = f"{head}{slash}{tail.partition(':')[0]}"
    return f"{repository}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"
