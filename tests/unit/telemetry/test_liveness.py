"""When a restart would help: one source is deaf; and when it would not: the API server is down."""

import pytest

from rollkeeper.telemetry.liveness import Liveness

NOW = 100_000.0


def faults(*ages: float | None, up: float = 50_000, resync: float = 300) -> list[str]:
    """Sources a, b, … that were last heard of so many seconds ago, in a process that is `up` for so long."""
    heard = {name: None if age is None else NOW - age for name, age in zip("abcd", ages, strict=False)}
    return Liveness(lambda: (heard,), resync, clock=lambda: NOW, started=NOW - up).faults()


@pytest.mark.parametrize(
    ("ages", "up"),
    [
        ((5, 60, 310), 50_000),
        ((5, 900), 50_000),
        ((1_500, 1_600), 50_000),
        ((None, None), 500),
        ((None, 5), 899),
        ((), 50_000),
    ],
    ids=["all live", "just so", "the API server is down", "waits for its first list", "a slow start", "no sources"],
)
def test_alive(ages: tuple[float | None, ...], up: float) -> None:
    assert faults(*ages, up=up) == []


def test_a_watch_that_is_silent_while_others_are_not_is_deaf() -> None:
    assert faults(5, 906, 60) == ["b: silent for 906 s, others for 5 s"]


def test_a_watch_that_never_began_is_deaf_too() -> None:
    assert faults(5, None, up=910) == ["b: silent for 910 s, others for 5 s"]


def test_a_longer_resync_gives_more_time() -> None:
    assert faults(5, 906, resync=600) == []


def test_after_half_an_hour_of_nothing_a_restart_is_tried() -> None:
    assert faults(1_801, 1_900) == ["nothing was heard of the API server for 1801 s"]
