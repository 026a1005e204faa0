"""Is every watch still told of changes? A process that is deaf looks just like one that has nothing to do.

A restart helps where one connection hangs, a library has given up (kopf, whose login fails without a word), or
certificates were exchanged. It does not help while the API server is down: then every source is silent alike. So a
source is deaf when it has been silent for much longer than the others, or when nothing at all was heard for very long.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

DEAF_SECONDS = 600.0
"""The API server ends each stream after 5 minutes at most: two in a row were missed."""

NOTHING_SECONDS = 1800.0
"""Half an hour of nothing: a restart loses nothing, and reads the cluster's certificates anew."""

Sources = Callable[[], Iterable[Mapping[str, float | None]]]
"""Each source with the monotonic time of its last sign of life; None: it never had one."""


@dataclass(frozen=True)
class Liveness:
    """Judges the sources of a process that began at `started`, on the monotonic clock, in seconds.

    `resync` is how often the slowest source, the periodic list, is meant to be heard of.
    """

    sources: Sources
    resync: float = 0.0
    clock: Callable[[], float] = time.monotonic
    started: float = field(default_factory=time.monotonic)

    def ages(self) -> dict[str, float]:
        """Seconds since each source was heard of; since the start where it never was."""
        now = self.clock()
        return {
            name: now - max(self.started, heard if heard is not None else self.started)
            for contacts in self.sources()
            for name, heard in contacts.items()
        }

    def faults(self) -> list[str]:
        """Why the process should be restarted, as sentences; empty: it should not."""
        ages = self.ages()
        if not ages:
            return []
        youngest = min(ages.values())
        if youngest > NOTHING_SECONDS:
            return [f"nothing was heard of the API server for {youngest:.0f} s"]
        limit = DEAF_SECONDS + self.resync
        return [
            f"{name}: silent for {age:.0f} s, others for {youngest:.0f} s"
            for name, age in sorted(ages.items())
            if age - youngest > limit
        ]
