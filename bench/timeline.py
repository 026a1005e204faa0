"""What became of the instances, and when; told of each change."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

State = Literal["old", "new", "down"]
"""Healthy on another image than the target, healthy on the target, or anything else: terminating, starting."""


class Sample(NamedTuple):
    """How many instances were what, from `seconds` after the start on."""

    seconds: float
    old: int
    new: int


@dataclass
class Timeline:
    """The story of one roll. It is told times of a monotonic clock, and tells seconds since `begin`."""

    instances: int
    target: str
    """The image that the roll is to bring."""
    samples: list[Sample] = field(default_factory=list)
    done: float | None = None
    """When every instance was healthy on the target."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set with `done`."""
    _begin: float | None = None
    _states: dict[str, State] = field(default_factory=dict)
    _counts: Counter[State] = field(default_factory=Counter)

    @property
    def most_unavailable(self) -> int:
        """The instances that were not healthy at once, at most."""
        return max(self.instances - sample.old - sample.new for sample in self.samples)

    def begin(self, at: float) -> None:
        """The roll is asked for now; what was noted before is how the fleet looks."""
        self._begin = at
        self.samples.append(Sample(0, self._counts["old"], self._counts["new"]))

    def note(self, name: str, state: State, at: float) -> None:
        """Takes what an instance has become."""
        before = self._states.get(name)
        if before is not None:
            self._counts[before] -= 1
        self._states[name] = state
        self._counts[state] += 1
        if self._begin is None:
            return
        seconds = at - self._begin
        self.samples.append(Sample(seconds, self._counts["old"], self._counts["new"]))
        if self._counts["new"] == self.instances:
            self.done = seconds
            self.over.set()

    def state_of(self, pod: Mapping[str, Any]) -> State:
        """What a pod that exists makes of its instance."""
        status = pod.get("status", {})
        conditions = status.get("conditions") or ()
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
        if "deletionTimestamp" in pod["metadata"] or not ready:
            return "down"
        # What runs, not what is asked for: a pod whose image was just changed in place is ready with the old one.
        return "new" if status["containerStatuses"][0]["image"] == self.target else "old"
