"""Time that passes only when a test says so."""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

MOST_CALLBACKS_AT_ONCE = 200_000
START = datetime(2026, 1, 1, tzinfo=UTC)


class Timer:
    """Something that is to happen; it can be called off."""

    def __init__(self, due: datetime, callback: Callable[[], None]) -> None:
        self.due = due
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self._callback = None

    @property
    def cancelled(self) -> bool:
        return self._callback is None

    def fire(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class VirtualClock:
    """The one clock of a simulation. What is due at the same moment happens in the order it was asked for."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._now = start
        self._timers: list[tuple[datetime, int, Timer]] = []
        self._asked = 0
        self._advancing = False

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        """Seconds since the simulation began."""
        return (self._now - self._start).total_seconds()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """With 0 seconds: at the next `advance`, never from within this call."""
        timer = Timer(self._now + timedelta(seconds=seconds), callback)
        self._asked += 1
        heapq.heappush(self._timers, (timer.due, self._asked, timer))
        return timer

    def next_due(self) -> datetime | None:
        """When the next thing happens; None: nothing will, however long one waits."""
        while self._timers and self._timers[0][2].cancelled:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def advance(self, seconds: float = 0) -> None:
        """Let time pass. What is due, and what that leads to within the time, happens on the way."""
        if seconds < 0:
            raise ValueError("time does not run backwards")
        if self._advancing:
            raise RuntimeError("what the clock calls may not advance it")
        self._advancing = True
        try:
            self._run_to(self._now + timedelta(seconds=seconds))
        finally:
            self._advancing = False

    def _run_to(self, end: datetime) -> None:
        at_once = 0
        while (due := self.next_due()) is not None and due <= end:
            at_once = at_once + 1 if due == self._now else 0
            if at_once > MOST_CALLBACKS_AT_ONCE:  # else two things that answer each other at once would hang the test
                raise RuntimeError(f"time stands still at {self._now}: something is scheduled again and again")
            self._now = due
            heapq.heappop(self._timers)[2].fire()
        self._now = end
