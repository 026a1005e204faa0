"""Virtual time."""

from datetime import timedelta

import pytest

from tests.simulation import clock
from tests.simulation.clock import START, VirtualClock


def test_things_happen_in_order_and_at_their_time() -> None:
    virtual = VirtualClock()
    seen: list[tuple[str, float]] = []
    virtual.call_later(5, lambda: seen.append(("late", virtual.monotonic())))
    virtual.call_later(1, lambda: seen.append(("first", virtual.monotonic())))
    virtual.call_later(1, lambda: seen.append(("second", virtual.monotonic())))
    virtual.advance(4.5)
    assert seen == [("first", 1), ("second", 1)]
    assert virtual.now() == START + timedelta(seconds=4.5)
    virtual.advance(1)
    assert seen[-1] == ("late", 5)


def test_what_leads_to_more_within_the_time() -> None:
    virtual = VirtualClock()
    seen: list[float] = []

    def again() -> None:
        seen.append(virtual.monotonic())
        virtual.call_later(2, again)

    virtual.call_later(0, again)
    virtual.advance(5)
    assert seen == [0, 2, 4]
    assert virtual.next_due() == START + timedelta(seconds=6)


def test_a_cancelled_timer() -> None:
    virtual = VirtualClock()
    seen: list[int] = []
    virtual.call_later(1, lambda: seen.append(1)).cancel()
    assert virtual.next_due() is None
    virtual.advance(2)
    assert seen == []


def test_a_loop_without_delay_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "MOST_CALLBACKS_AT_ONCE", 100)
    virtual = VirtualClock()

    def again() -> None:
        virtual.call_later(0, again)

    again()
    with pytest.raises(RuntimeError, match="time stands still"):
        virtual.advance(1)


def test_no_callback_moves_time() -> None:
    virtual = VirtualClock()
    virtual.call_later(0, virtual.advance)
    with pytest.raises(RuntimeError, match="may not advance"):
        virtual.advance(1)
    with pytest.raises(ValueError, match="backwards"):
        virtual.advance(-1)
