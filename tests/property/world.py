"""A rollout that anything may happen to: faults that last for some time, and more than one controller."""

from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import Any

from rollkeeper.kube.api import JsonObject
from tests.simulation.faults import Killed, Plan, no_faults
from tests.simulation.machine import Machine
from tests.simulation.process import Process, settle_both
from tests.simulation.rollout import Rollout

BEHAVIOURS = ("good", "slow", "never ready", "crash loop", "not there", "relapses")
"""What instances of a version do."""
ZONES = ("a", "a", "b", "b", "c", "c")
"""Of node-0, node-1, and so on."""


class World(Rollout, ABC):
    """A Rollout whose controller may be killed, be late, or not be the only one."""

    def __init__(self, replicas: int, **kwargs: Any) -> None:
        super().__init__(replicas, zones=ZONES, machine=Machine, **kwargs)
        self.rival: Process | None = None
        self._rival_until: datetime | None = None
        self._late_until: datetime | None = None
        self._gap = False

    def live(self, seconds: float) -> None:
        """Lets time pass, from event to event; a killed controller is started again."""
        end = self.cluster.clock.now() + timedelta(seconds=seconds)
        while True:
            self.settle_or_restart()
            due = self._next_event()
            if due is None or due > end:
                break
            self.cluster.advance(max((due - self.cluster.clock.now()).total_seconds(), 0))
            self._end_what_is_over()
        self.cluster.advance(max((end - self.cluster.clock.now()).total_seconds(), 0))
        self._end_what_is_over()
        self.settle_or_restart()

    def _next_event(self) -> datetime | None:
        processes = (self.process, self.rival) if self.rival is not None else (self.process,)
        times = [self.cluster.clock.next_due(), *(process.next_due() for process in processes)]
        times += [self._rival_until, self._late_until]
        return min((t for t in times if t is not None), default=None)

    def settle_or_restart(self) -> None:
        try:
            self.settle()
        except Killed:
            self.say("the controller is killed and started again")
            self.restart()
            self.settle()

    def _work(self) -> None:
        if self.rival is None:
            self.process.settle()
        else:
            settle_both(self.process, self.rival)

    def restart(self, plan: Plan = no_faults) -> None:
        self._release_caches()
        super().restart(plan)
        self.process.api.breathe = self.rival is not None

    # What instances are.

    @abstractmethod
    def instances(self) -> dict[str, JsonObject]:
        """Pods or machines by their names."""

    @abstractmethod
    def publish_as(self, version: str, behaviour: str) -> None:
        """Publishes a version that behaves as one of `BEHAVIOURS`."""

    @abstractmethod
    def change_model(self, word: str) -> None:
        """What shapes instances is changed: the model is "good", "better", "best", or "bad": none gets healthy then."""

    @abstractmethod
    def vanish(self, ordinal: int) -> None:
        """Somebody removes an instance."""

    @abstractmethod
    def free_instances(self) -> None:
        """What people and the world did to instances is undone."""

    def has(self, ordinal: int) -> bool:
        """Whether an instance is there."""
        return f"web-{ordinal}" in self.instances()

    # Faults that last.

    def second_leader(self, seconds: float) -> None:
        """I8: the one before has not noticed yet that it leads no more."""
        elsewhere = Machine(self.cluster.clock)
        self.rival = self.rival or Process(self.cluster, watch=self.witness.before, machine=elsewhere)
        self.rival.api.breathe = self.process.api.breathe = True
        self._rival_until = self.cluster.clock.now() + timedelta(seconds=seconds)
        self.say(f"a second controller works for {seconds}s")

    def sleep(self, seconds: float) -> None:
        """The controller's machine stands still, and its monotonic clock with it (I10)."""
        assert self.machine is not None
        self.cluster.advance(seconds)
        self.machine.slept += timedelta(seconds=seconds)
        self._end_what_is_over()
        self.say(f"the controller's machine has slept for {seconds}s")

    def late_caches(self, feeds: frozenset[int], seconds: float, *, gap: bool) -> None:
        """Watches bring nothing for some time; with a `gap` they never tell what happened meanwhile, deletions too."""
        self._release_caches()
        self.process.lagging = feeds
        self._late_until = self.cluster.clock.now() + timedelta(seconds=seconds)
        self._gap = gap
        self.say(f"{len(feeds)} caches {'lose' if gap else 'are behind by'} {seconds}s")

    def _end_what_is_over(self) -> None:
        now = self.cluster.clock.now()
        if self._late_until is not None and now >= self._late_until:
            self._release_caches()
        if self._rival_until is not None and now >= self._rival_until:
            self._end_rival()

    def _release_caches(self) -> None:
        if self._late_until is None:
            return
        if self._gap:
            self.cluster.api.compact()
        self.process.lagging = frozenset()
        self._late_until = None
        self.say("the caches hear of changes again")

    def _end_rival(self) -> None:
        if self.rival is None:
            return
        self.rival.api.kill()
        self.rival = self._rival_until = None
        self.process.api.breathe = False
        self.say("the second controller has ended")

    def end_faults(self) -> None:
        """Calls arrive, caches are up to date, one controller works."""
        self.process.api.plan = no_faults
        self._release_caches()
        self._end_rival()
