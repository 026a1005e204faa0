"""Times and durations in words."""

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")


def parse(text: str | None) -> datetime | None:
    """A time of an API object."""
    return datetime.fromisoformat(text) if text else None


def short(duration: timedelta) -> str:
    """As kubectl's AGE: `45s`, `3m10s`, `5h`, `12d`."""
    seconds = max(0, int(duration.total_seconds()))
    if seconds < 120:
        return f"{seconds}s"
    if seconds < 600:
        return f"{seconds // 60}m" + (f"{seconds % 60}s" if seconds % 60 else "")
    if seconds < 3 * 3600:
        return f"{seconds // 60}m"
    if seconds < 48 * 3600:
        return f"{seconds // 3600}h"
    return f"{seconds // 86400}d"


def age(text: str | None, now: datetime) -> str:
    """How long ago a time of an API object is; `-` when it is not known."""
    time = parse(text)
    return short(now - time) if time is not None else "-"


def seconds(text: str) -> float:
    """`90`, `90s`, `5m`, `1h30m` in seconds. Raises ValueError with a sentence for the user."""
    parts = _PART.findall(text.strip())
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        raise ValueError(f"{text!r} is no duration: write for example 90s, 5m or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def clock(time: datetime) -> str:
    """`12:00:01`, in UTC, as the controller's messages have it."""
    return f"{time.astimezone(UTC):%H:%M:%S}"
