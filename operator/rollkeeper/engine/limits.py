"""Percent limits: all are strict, 20% exactly passes (B9), and every one that stops something prints its numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `total`, held against a limit in percent."""

    count: int
    total: int
    limit: int

    @property
    def exceeded(self) -> bool:
        """B9: strictly more than the limit."""
        return self.count * 100 > self.limit * self.total

    def sentence(self, what: str) -> str:
        """`5 of 20 upgraded instances unhealthy (25%, limit 20%)`, `what` being "upgraded instances unhealthy"."""
        percent = round(self.count * 100 / self.total, 1) if self.total else 0
        return f"{self.count} of {self.total} {what} ({percent:g}%, limit {self.limit}%)"


def batch_size(percent: int, replicas: int) -> int:
    """B1: rounded down, at least one. 10 -> 2, 9 -> 1, 1 -> 1."""
    return max(1, replicas * percent // 100)
