"""A controller process in a simulation: its caches fed by hand, its queue a set of keys, its time the cluster's."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from rollkeeper.controllers.manager import Manager
from rollkeeper.controllers.resources import IMAGE_SOURCES, IMAGE_VERSIONS, SCALE_SETS, UPGRADE_RUNS
from rollkeeper.controllers.waking import Work
from rollkeeper.instances.virtual_machines.resources import GUESTS, MACHINES
from rollkeeper.kube.api import KubeApi
from rollkeeper.kube.errors import ApiError
from rollkeeper.kube.events import EventRecorder
from rollkeeper.kube.queue import Priority, WorkQueue
from rollkeeper.kube.resources import CLAIMS, CONFIG_MAPS_METADATA, CONTROLLER_REVISIONS, NODES, PODS
from tests.simulation.clock import START
from tests.simulation.cluster import Cluster
from tests.simulation.faults import Call, FaultyApi, Killed, Plan, no_faults
from tests.simulation.feed import Feed
from tests.simulation.machine import Machine, ObservedClock

T = TypeVar("T")

MOST_ROUNDS = 1000
ROUNDS_OF_TWO = 100
CALL = 0.02
"""Seconds that calls take, where that matters."""
RETRY = timedelta(seconds=1)


class DirtyKeys:
    """What the work queue is to the manager: keys to look at, now or later, on virtual time."""

    def __init__(self, now: "VirtualNow") -> None:
        self._now = now
        self.due: dict[Work, datetime] = {}
        self.working: frozenset[Work] = frozenset()

    def __len__(self) -> int:
        return sum(at <= self._now() for at in self.due.values())

    @property
    def delayed(self) -> int:
        return len(self.due) - len(self)

    def add(self, key: Work, _priority: Priority = Priority.CHANGE) -> None:
        self.due[key] = self._now()

    def add_after(self, key: Work, seconds: float, _priority: Priority = Priority.CHANGE) -> None:
        at = self._now() + timedelta(seconds=seconds)
        self.due[key] = min(at, self.due.get(key, at))

    def pop_due(self) -> Work | None:
        ripe = sorted((at, key) for key, at in self.due.items() if at <= self._now())
        if not ripe:
            return None
        del self.due[ripe[0][1]]
        return ripe[0][1]


class VirtualNow:
    """The cluster's clock as a callable."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def __call__(self) -> datetime:
        return self._cluster.clock.now()


class WatchedApi(FaultyApi):
    """A FaultyApi that shows each call to a witness before it takes effect."""

    def __init__(
        self, api: KubeApi, plan: Plan, watch: Callable[[Call], None] | None, clock: ObservedClock | None
    ) -> None:
        super().__init__(api, plan)
        self._watch = watch
        self._clock = clock

    def _call(self, *args: Any, **kwargs: Any) -> Call:
        call = super()._call(*args, **kwargs)
        if self._watch is not None:
            self._watch(call)
        return call

    async def _make(self, call: Call, act: Callable[[], Awaitable[T]]) -> T:
        try:
            return await super()._make(call, act)
        finally:
            if self._clock is not None:
                self._clock.answered()


class Process:
    """One controller. Killing it loses its memory; what it wrote stays.

    On a `machine` it tells the time as the real one does; else it simply knows it.
    """

    def __init__(
        self,
        cluster: Cluster,
        plan: Plan = no_faults,
        watch: Callable[[Call], None] | None = None,
        machine: Machine | None = None,
    ) -> None:
        self.cluster = cluster
        clock = machine.server_clock() if machine is not None else None
        self.api = WatchedApi(cluster.api, plan, watch, clock)
        self.errors: list[Exception] = []
        self.queue = DirtyKeys(VirtualNow(cluster))
        now = clock.now if clock is not None else VirtualNow(cluster)
        self.recorder = EventRecorder(self.api, "simulation", now=now)
        self.manager = Manager(
            api=self.api,
            recorder=self.recorder,
            now=now,
            images_namespace="images",
            queue=cast("WorkQueue[Work]", self.queue),
            endpoint=cluster.applications,
        )
        self.prober = self.manager.applications.prober
        self.prober.clock, self.prober.spread = cluster.clock.monotonic, first_turn
        caches = self.manager.caches
        stores: list[tuple[Any, Any]] = [
            (IMAGE_VERSIONS, caches.image_versions),
            (IMAGE_SOURCES, caches.image_sources),
            (SCALE_SETS, caches.scale_sets),
            (UPGRADE_RUNS, caches.runs),
            (PODS, caches.pods),
            (MACHINES, caches.machines),
            (GUESTS, caches.guests),
            (CLAIMS, caches.claims),
            (CONTROLLER_REVISIONS, caches.revisions),
            (NODES, caches.nodes),
            (CONFIG_MAPS_METADATA, caches.config_maps),
        ]
        self.feeds = [Feed(cluster.api, resource, store) for resource, store in stores]
        self.lagging: frozenset[int] = frozenset()
        """Feeds, by number, that bring nothing for now: a watch that is late, or down."""
        for feed in self.feeds:
            feed.sync()
        self.manager.presence.hears("feed")(None)
        self.manager.look_at_everything()
        self.manager.applications.start()

    def pump(self) -> int:
        """Brings the caches up to date, but for those that lag."""
        return sum(feed.pump() for number, feed in enumerate(self.feeds) if number not in self.lagging)

    def settle(self, *, pump: bool = True) -> None:
        """Works until nothing is due now. Raises Killed when the plan kills the process."""
        for _ in range(MOST_ROUNDS):
            if pump:
                self.pump()
            self.ask_applications()
            work = self.queue.pop_due()
            if work is None:
                self.cluster.advance(0)
                if not self.pump_if(pump) and not self.is_due():
                    return
                continue
            run(self.attend(work))
        raise AssertionError(f"the controller does not settle: {self.queue.due}")

    def ask_applications(self) -> None:
        """Those whose turn it is (H4)."""
        for turns in self.prober.pop_due():
            run(self.prober.probe(turns))

    def pump_if(self, pump: bool) -> int:
        return self.pump() if pump else 0

    def is_due(self) -> bool:
        """Whether it has something to do now."""
        return any(at <= self.cluster.clock.now() for at in self.queue.due.values())

    async def attend(self, work: Work) -> None:
        """Reconciles one object, as a worker of the queue does. Raises Killed."""
        try:
            again = await self.manager.reconcile(work)
        except Killed:
            raise
        except ApiError as error:
            self.errors.append(error)
            self.queue.add_after(work, RETRY.total_seconds())
        else:
            if again is not None:
                self.queue.add_after(work, again)

    def next_due(self) -> datetime | None:
        """When the controller wants to look again."""
        turn = self.prober.next_due()
        asks = [] if turn is None else [START + timedelta(seconds=turn)]
        return min([*self.queue.due.values(), *asks], default=None)


def first_turn(most: float) -> float:
    """In the place of chance: a first turn comes after a second, and the others when their interval is over."""
    return 1.0 if most >= 1 else 0.0


def settle_both(one: Process, other: Process) -> None:
    """Two controllers at once (I8): with `breathe` they take turns between any two calls. Raises Killed.

    While one has late caches they may undo each other's words, call for call; then time passes, and this returns.
    """
    both = (one, other)
    for number in range(ROUNDS_OF_TWO):
        for process in both:
            process.pump()
            process.ask_applications()
        todo = [(process, work) for process in both if (work := process.queue.pop_due()) is not None]
        if todo:
            run(_all(*(process.attend(work) for process, work in todo)))
            one.cluster.advance(CALL if number > ROUNDS_OF_TWO // 2 else 0)
            continue
        one.cluster.advance(0)
        if not sum(process.pump() for process in both) and not any(process.is_due() for process in both):
            return


async def _all(*work: Coroutine[Any, Any, None]) -> None:
    """Waits for all of it, so that nothing is left over when one is killed."""
    ended = await asyncio.gather(*work, return_exceptions=True)
    for error in ended:
        if error is not None:
            raise error


_LOOP = asyncio.new_event_loop()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine that waits for nothing but the cluster in memory."""
    try:
        return _LOOP.run_until_complete(work)
    except* Killed:
        raise Killed from None
