"""The API server's clock, seen from here (rule I10): a wrong clock on the controller's node must do no harm.

Times in objects (creation, conditions, readiness) are the API server's. Comparing them with a local clock that is
minutes wrong would end bake times early or never. So `now` is the local monotonic clock plus an offset learned from
the `Date` header of the answers.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

_DATE_RESOLUTION = 1.0
"""A Date header is cut to the second: the server's clock was at it or up to this many seconds later."""

_DRIFT = 500e-6
"""Seconds a second that two clocks may part: the fastest that NTP slews one."""


@lru_cache(maxsize=16)
def _seconds(date: str) -> float | None:
    """Seconds since the epoch of an HTTP date, None for nonsense. Cached: busy seconds bring the same text often."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None


class ServerClock:
    """Tells the API server's time.

    Each answer bounds the offset between the server's clock and our monotonic one to an interval: the header was
    written between sending the request and receiving the answer, at a time known to one second. Intervals of many
    answers are intersected, so that the estimate soon is much finer than a second. An interval that does not meet
    the others means that the server's clock (or, after a suspend, ours) was set: then it alone counts.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._low = 0.0
        self._high = 0.0
        self._learned_at: float | None = None
        self._latest = float("-inf")

    def monotonic(self) -> float:
        """Seconds of the clock that `observe` takes its times from."""
        return self._monotonic()

    @property
    def synced(self) -> bool:
        """Whether an answer has been seen; before, `now` is the local wall clock."""
        return self._learned_at is not None

    @property
    def uncertainty(self) -> timedelta | None:
        """How far `now` may be from the server's clock, at most; None before the first answer."""
        if self._learned_at is None:
            return None
        return timedelta(seconds=(self._high - self._low) / 2 + self._drifted())

    def now(self) -> datetime:
        """The API server's time in UTC, aware. Does not run backwards unless the server's clock was set back.

        The local wall clock is used before the first answer only, so its jumps do not matter later.
        """
        if self._learned_at is None:
            return datetime.fromtimestamp(self._wall(), UTC)
        estimate = self._monotonic() + (self._low + self._high) / 2
        # A new answer may move the estimate back by a part of a second: stand still instead, so that of two
        # timestamps written one after the other the second is never the smaller.
        self._latest = max(self._latest, estimate)
        return datetime.fromtimestamp(self._latest, UTC)

    def observe(self, date: str | None, sent: float, received: float) -> None:
        """Learns from one answer: its Date header, and the monotonic times around the request. Nonsense is ignored."""
        seconds = _seconds(date) if date else None
        if seconds is None or received < sent:
            return
        low, high = seconds - received, seconds + _DATE_RESOLUTION - sent
        slack = self._drifted() if self._learned_at is not None else 0.0
        if self._learned_at is not None and low <= self._high + slack and high >= self._low - slack:
            low, high = max(low, self._low - slack), min(high, self._high + slack)
        else:
            self._latest = float("-inf")
        self._low, self._high, self._learned_at = low, high, self._monotonic()

    def _drifted(self) -> float:
        """Seconds that the clocks may have parted since the last answer."""
        since = self._monotonic() - self._learned_at if self._learned_at is not None else 0.0
        return max(since, 0.0) * _DRIFT
