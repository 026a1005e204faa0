"""A limit on our own calls: a controller gone wild must not take the API server from everybody else."""

import asyncio


class TokenBucket:
    """Lets `burst` calls through at once and `qps` calls a second in the long run, first come, first served."""

    def __init__(self, qps: float, burst: int) -> None:
        if qps <= 0 or burst < 1:
            raise ValueError(f"a rate limit needs qps > 0 and burst >= 1, not {qps} and {burst}")
        self._qps = qps
        self._burst = burst
        self._tokens = float(burst)
        self._filled_at: float | None = None

    async def take(self) -> None:
        """Returns when the caller may make one call."""
        now = asyncio.get_running_loop().time()
        if self._filled_at is not None:
            self._tokens = min(float(self._burst), self._tokens + (now - self._filled_at) * self._qps)
        self._filled_at = now
        # The balance may go below zero: it is the queue. Whoever comes next waits for the debts before its own, so
        # the order is kept without a lock.
        self._tokens -= 1
        if self._tokens >= 0:
            return
        try:
            await asyncio.sleep(-self._tokens / self._qps)
        except asyncio.CancelledError:
            self._tokens += 1
            raise
