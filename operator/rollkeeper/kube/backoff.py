"""How long to wait after failures: one rule for the work queue, the reflectors and the client's retries."""

import random
from dataclasses import dataclass


def jitter(seconds: float, share: float) -> float:
    """A duration in [seconds x (1 - share), seconds]: many clients that failed together must not return together."""
    return seconds * random.uniform(1 - share, 1)  # noqa: S311 - spreads load, guards no secret


@dataclass(frozen=True)
class Backoff:
    """Exponential: `first` seconds after the first failure, doubled by each further one, `maximum` at most."""

    first: float = 0.5
    maximum: float = 300.0
    share: float = 0.5
    """The part of the delay that is random, from 0 to 1."""

    def delay(self, failures: int) -> float:
        """Seconds to wait after that many failures in a row (1 or more)."""
        doublings = min(max(failures, 1) - 1, 40)  # past that the cap has long been reached, and floats overflow
        return jitter(min(self.first * 2.0**doublings, self.maximum), self.share)
