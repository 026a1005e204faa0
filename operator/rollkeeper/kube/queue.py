"""The work queue: what has to be looked at again, each thing once, never by two workers at the same time.

Keeps client-go's contract (`util/workqueue`), with two priorities.
"""

import asyncio
import heapq
import itertools
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from enum import IntEnum
from typing import Generic, TypeVar

from rollkeeper.kube.backoff import Backoff
from rollkeeper.kube.errors import ApiError

K = TypeVar("K", bound=Hashable)

_PATIENCE = 8
"""After so many changes in a row one resync gets its turn: resyncs find missed events, and must not starve."""

logger = logging.getLogger(__name__)


class Priority(IntEnum):
    """Who waits for the work. The smaller number goes first."""

    CHANGE = 0
    """Somebody changed something."""
    RESYNC = 1
    """The periodic look at everything."""


class ShutDown(Exception):  # noqa: N818 - not an error: it ends the workers
    """The queue gives out no more work."""


class WorkQueue(Generic[K]):
    """Keys that wait for a worker.

    - A key that is added twice before a worker takes it is worked on once.
    - A key that is added while it is worked on runs again afterwards, never beside itself.
    - `add_after` keeps the earliest time; `add` does not cancel it.

    Time is the event loop's. Not for threads. `on_wait` is told how many seconds each key that a worker takes was
    ready for.
    """

    def __init__(self, *, backoff: Backoff | None = None, on_wait: Callable[[float], None] | None = None) -> None:
        self._backoff = backoff if backoff is not None else Backoff(first=0.5, maximum=300.0)
        self._on_wait = on_wait
        self._ready: dict[Priority, OrderedDict[K, float]] = {priority: OrderedDict() for priority in Priority}
        self._again: dict[K, Priority] = {}
        self._working: set[K] = set()
        self._due: dict[K, tuple[float, Priority]] = {}
        self._timers: list[tuple[float, int, K]] = []
        self._order = itertools.count()
        self._alarm: asyncio.TimerHandle | None = None
        self._failures: dict[K, int] = {}
        self._changes_in_a_row = 0
        self._wakeup = asyncio.Event()
        self._shut_down = False

    def __len__(self) -> int:
        """How many keys are ready and wait for a worker."""
        return sum(len(keys) for keys in self._ready.values())

    @property
    def working(self) -> frozenset[K]:
        """Keys that workers hold now."""
        return frozenset(self._working)

    @property
    def delayed(self) -> int:
        """How many keys wait for their time."""
        return len(self._due)

    def failures(self, key: K) -> int:
        """How often in a row the key has failed."""
        return self._failures.get(key, 0)

    def add(self, key: K, priority: Priority = Priority.CHANGE) -> None:
        """Makes the key ready. After `shut_down`: nothing."""
        if self._shut_down:
            return
        if key in self._working:
            self._again[key] = min(priority, self._again.get(key, priority))
            return
        if key in self._ready[Priority.CHANGE]:
            return
        since = time.monotonic()
        if priority is Priority.CHANGE:
            since = self._ready[Priority.RESYNC].pop(key, since)
        self._ready[priority].setdefault(key, since)
        self._wakeup.set()

    def add_after(self, key: K, seconds: float, priority: Priority = Priority.CHANGE) -> None:
        """Makes the key ready after some seconds, or earlier if an earlier time is already set."""
        if self._shut_down:
            return
        if seconds <= 0:
            self.add(key, priority)
            return
        due = asyncio.get_running_loop().time() + seconds
        known = self._due.get(key)
        if known is not None:
            priority = min(priority, known[1])
        if known is not None and known[0] <= due:
            self._due[key] = (known[0], priority)
            return
        self._due[key] = (due, priority)
        heapq.heappush(self._timers, (due, next(self._order), key))
        if len(self._timers) > 2 * len(self._due) + 64:  # most are of keys whose earlier time came first
            self._timers = [timer for timer in self._timers if self._due.get(timer[2], (None,))[0] == timer[0]]
            heapq.heapify(self._timers)
        self._set_alarm()

    def add_backoff(self, key: K, priority: Priority = Priority.CHANGE) -> float:
        """Makes the key ready after a delay that grows with its failures, and returns the delay in seconds."""
        failures = self._failures.get(key, 0) + 1
        self._failures[key] = failures
        delay = self._backoff.delay(failures)
        self.add_after(key, delay, priority)
        return delay

    def forget(self, key: K) -> None:
        """Ends the key's failures: the next `add_backoff` starts small again."""
        self._failures.pop(key, None)

    async def get(self) -> K:
        """Waits for a key and hands it out; give it back with `done`. Raises ShutDown."""
        while not self._shut_down:
            taken = self._pop()
            if taken is not None:
                key, since = taken
                self._working.add(key)
                if self._on_wait is not None:
                    self._on_wait(time.monotonic() - since)
                return key
            self._wakeup.clear()
            await self._wakeup.wait()
        raise ShutDown

    def done(self, key: K) -> None:
        """Gives a key back. If it was added in the meantime it is ready again."""
        self._working.discard(key)
        priority = self._again.pop(key, None)
        if priority is not None:
            self.add(key, priority)

    def shut_down(self) -> None:
        """Ends the queue: `get` raises at once, whatever is left.

        Other than client-go it does not drain: a process that stops begins nothing new, and the next leader looks at
        every object anyway.
        """
        self._shut_down = True
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._wakeup.set()

    def _pop(self) -> tuple[K, float] | None:
        """The next key, and since when it was ready."""
        changes, resyncs = self._ready[Priority.CHANGE], self._ready[Priority.RESYNC]
        if changes and (not resyncs or self._changes_in_a_row < _PATIENCE):
            self._changes_in_a_row += 1
            return changes.popitem(last=False)
        self._changes_in_a_row = 0
        return resyncs.popitem(last=False) if resyncs else None

    def _set_alarm(self) -> None:
        """One timer for the earliest key: 10,000 timers of the event loop would cost more than one heap."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._timers:
            self._alarm = asyncio.get_running_loop().call_at(self._timers[0][0], self._ring)

    def _ring(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._timers and self._timers[0][0] <= now:
            due, _, key = heapq.heappop(self._timers)
            entry = self._due.get(key)
            if entry is not None and entry[0] == due:  # else an earlier time was set later, and has already come
                del self._due[key]
                self.add(key, entry[1])
        self._set_alarm()


Handler = Callable[[K], Awaitable[float | None]]
"""Works on one key. Returns the seconds after which to look again, or None: only when something changes."""


async def run_workers(queue: WorkQueue[K], workers: int, handler: Handler[K]) -> None:
    """Runs workers until the queue is shut down and each has finished its key.

    A handler that raises has its key tried again with growing delays. An error of the API is one line in the log;
    anything else is a fault of ours and comes with its trace. When cancelled, the handlers are cancelled too.
    """
    async with asyncio.TaskGroup() as group:
        for number in range(workers):
            group.create_task(_work(queue, handler), name=f"worker-{number}")


async def _work(queue: WorkQueue[K], handler: Handler[K]) -> None:
    while True:
        try:
            key = await queue.get()
        except ShutDown:
            return
        try:
            await _attend(queue, handler, key)
        finally:
            queue.done(key)


async def _attend(queue: WorkQueue[K], handler: Handler[K], key: K) -> None:
    try:
        again = await handler(key)
    except ApiError as error:
        delay = queue.add_backoff(key)
        logger.warning("%s: failed %d times, again in %.1f s: %s", key, queue.failures(key), delay, error)
    except Exception:
        delay = queue.add_backoff(key)
        logger.exception("%s: failed %d times, again in %.1f s", key, queue.failures(key), delay)
    else:
        queue.forget(key)
        if again is not None:
            queue.add_after(key, again)
