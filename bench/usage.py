"""What processes and users have used: CPU seconds from /proc, writes from the audit log."""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.cluster.audit import Write

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, its threads and its children, so far."""
    own = sum(_ticks(pid)) / _TICKS
    return own + sum(cpu_seconds(child) for child in _children(pid))


def _ticks(pid: int) -> list[int]:
    """User, system, and both of the children that have ended: fields 14 to 17 of proc_pid_stat(5)."""
    after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return [int(field) for field in after_name[11:15]]


def _children(pid: int) -> list[int]:
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in lists for child in path.read_text(encoding="utf-8").split()]


def writes(log: Iterable[Write], users: frozenset[str]) -> Counter[str]:
    """The writes of some users, counted as `verb resource`."""
    return Counter(f"{write.verb} {write.resource}" for write in log if write.user in users)
