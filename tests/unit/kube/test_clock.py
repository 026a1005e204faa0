from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollkeeper.kube.clock import ServerClock

EPOCH = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


class World:
    """A server whose clock is `offset` seconds ahead of the monotonic one, seen over calls that take time."""

    def __init__(self, ahead: float = 0.0, wall: float = 0.0) -> None:
        self.time = 5000.0
        self.wall = wall
        self.ahead = ahead
        self.clock = ServerClock(lambda: self.time, lambda: self.wall)

    @property
    def server(self) -> datetime:
        return EPOCH + timedelta(seconds=self.time + self.ahead)

    def call(self, there: float = 0.01, back: float = 0.01) -> None:
        sent = self.time
        self.time += there
        date = format_datetime(self.server, usegmt=True)
        self.time += back
        self.clock.observe(date, sent, self.time)

    def error(self) -> float:
        return (self.clock.now() - self.server).total_seconds()


def test_before_the_first_answer_it_is_the_local_clock() -> None:
    world = World(wall=EPOCH.timestamp())
    assert world.clock.now() == EPOCH
    assert not world.clock.synced
    assert world.clock.uncertainty is None


def test_one_answer_is_right_to_a_second() -> None:
    world = World(ahead=3600.3, wall=17.0)
    world.call()
    assert world.clock.synced
    assert abs(world.error()) <= 0.52
    assert world.clock.now().tzinfo is UTC


def test_many_answers_are_much_better() -> None:
    world = World(ahead=0.77)
    for _ in range(50):
        world.time += 0.137
        world.call()
    assert abs(world.error()) < 0.05


def test_a_jump_of_the_local_wall_clock_does_not_matter() -> None:
    world = World(wall=EPOCH.timestamp())
    world.call()
    before = world.clock.now()
    world.wall += 86_400
    world.time += 1
    assert (world.clock.now() - before).total_seconds() == pytest.approx(1)


@pytest.mark.parametrize("jump", [-7200.0, 7200.0])
def test_i10_it_follows_a_server_whose_clock_was_set(jump: float) -> None:
    world = World()
    for _ in range(20):
        world.time += 0.3
        world.call()
    world.ahead += jump
    world.call()
    assert abs(world.error()) <= 0.52


def test_a_slow_answer_does_not_widen_what_is_known() -> None:
    world = World(ahead=0.4)
    for _ in range(20):
        world.time += 0.21
        world.call()
    world.call(there=9.0, back=0.1)
    assert abs(world.error()) < 0.15


@pytest.mark.parametrize("date", [None, "", "yesterday", "Mon, 99 Foo 2026 00:00:00 GMT"])
def test_nonsense_is_ignored(date: str | None) -> None:
    world = World()
    world.call()
    before = world.clock.now()
    world.clock.observe(date, world.time, world.time)
    assert world.clock.now() == before


@given(
    ahead=st.floats(-5, 5),
    calls=st.lists(st.tuples(st.floats(0, 30), st.floats(0, 3), st.floats(0, 3)), min_size=1, max_size=30),
)
def test_it_stays_within_its_uncertainty_and_never_runs_backwards(
    ahead: float, calls: list[tuple[float, float, float]]
) -> None:
    world = World(ahead)
    latest = None
    for pause, there, back in calls:
        world.time += pause
        world.call(there, back)
        now = world.clock.now()
        uncertainty = world.clock.uncertainty
        assert uncertainty is not None
        if latest is None:
            assert abs(world.error()) <= uncertainty.total_seconds() + 1e-5
        else:
            assert now >= latest
            assert now <= max(world.server + uncertainty, latest) + timedelta(microseconds=10)
            assert now >= world.server - uncertainty - timedelta(microseconds=10)
        latest = now
