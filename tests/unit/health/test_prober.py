"""H4: who is asked when, how many at once, and what is told; on an event loop whose clock jumps."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from rollkeeper.api.v1alpha1.health import ApplicationHealth
from rollkeeper.engine.application import Answer
from rollkeeper.engine.snapshot import Application, ApplicationState
from rollkeeper.health.prober import Prober, Subject
from rollkeeper.kube.errors import Unavailable
from tests.unit.engine.builders import at
from tests.unit.kube.virtual_time import now, virtual_time

YES, NO = Answer("Healthy", "yes"), Answer("Unhealthy", "no")
STARTED = at(-1000)


def subject(uid: str = "a", known: ApplicationState | None = "Healthy", **fields: Any) -> Subject:
    how = {key: fields.pop(key) for key in ("intervalSeconds", "numberOfProbes", "gracePeriodSeconds") if key in fields}
    asked = ApplicationHealth.model_validate({"protocol": "HTTP", "port": 80, "requestPath": "/", **how})
    told = Application(known, at(-10), "before") if known else None
    started = fields.pop("started", STARTED)
    made = Subject(uid, "default", f"web-{uid}", f"10.0.0.{uid}", started, started, asked, told)
    return replace(made, **fields)


@dataclass
class Room:
    """An endpoint that takes `seconds` to answer, and notes who asked when; a prober beside it, without chance."""

    answers: dict[str, Answer | Exception] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    told: list[tuple[str, str, datetime]] = field(default_factory=list)
    fails: int = 0
    open: int = 0
    most: int = 0
    closed: bool = False

    async def ask(self, address: str, _asked: ApplicationHealth) -> Answer:
        uid = address.rpartition(".")[2]
        self.times[uid].append(now() - 1000)
        self.open += 1
        self.most = max(self.most, self.open)
        await asyncio.sleep(self.seconds.get(uid, 0))
        self.open -= 1
        answer = self.answers.get(uid, YES)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        self.closed = True

    async def tell(self, about: Subject, found: Application) -> None:
        if self.fails:
            self.fails -= 1
            raise Unavailable(0, "Lost", "lost")
        self.told.append((about.uid, found.state, found.since))

    def prober(self, **fields: Any) -> Prober:
        return Prober(self, self.tell, lambda: at(now() - 1000), **{"spread": lambda _most: 0.0, **fields})


async def after(seconds: float, prober: Prober) -> None:
    """What happens in so many seconds."""
    running = asyncio.create_task(prober.run())
    await asyncio.sleep(seconds)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert running.cancelled()


@virtual_time
async def test_h4_each_is_asked_every_interval() -> None:
    room = Room(seconds={"a": 1})
    prober = room.prober()
    for who in (subject("a"), subject("b", intervalSeconds=12)):
        prober.follow(who)
    await after(31, prober)
    assert room.times == {"a": [0, 5, 10, 15, 20, 25, 30], "b": [0, 12, 24]}
    assert (room.told, room.closed) == ([], True), "they are as their pods say"


@virtual_time
async def test_turns_spread_over_the_interval_and_come_a_little_early() -> None:
    room = Room()
    asked_for: list[float] = []

    def spread(most: float) -> float:
        asked_for.append(most)
        return most / 2

    prober = room.prober(spread=spread)
    prober.follow(subject("a", intervalSeconds=10))
    prober.follow(subject("b", None, intervalSeconds=10))
    await after(20, prober)
    assert room.times == {"a": [5, 14.5], "b": [0.5, 10, 19.5]}, "who is not known at all is asked first"
    assert asked_for[:2] == [10, 1]


@virtual_time
async def test_h4_a_hung_application_keeps_nobody_else_waiting() -> None:
    room = Room(seconds={"a": 5})
    prober = room.prober()
    for uid in "abc":
        prober.follow(subject(uid))
    await after(11, prober)
    assert room.times == {uid: [0, 5, 10] for uid in "abc"}


@virtual_time
async def test_h4_no_more_than_so_many_at_once() -> None:
    room, late = Room(seconds=dict.fromkeys("abcd", 4)), list[float]()
    prober = room.prober(at_once=2, on_turn=late.append)
    for uid in "abcd":
        prober.follow(subject(uid))
    await after(9, prober)
    assert room.most == 2
    assert room.times["c"] == [4]
    assert late[:4] == [0, 0, 4, 4]


@virtual_time
async def test_h4_only_what_is_new_is_told() -> None:
    room = Room()
    prober = room.prober()
    prober.follow(subject("a", numberOfProbes=2))
    running = asyncio.create_task(prober.run())
    await asyncio.sleep(6)
    room.answers["a"] = NO
    await asyncio.sleep(20)
    running.cancel()
    assert room.told[0] == ("a", "Unhealthy", at(15))
    known = Application("Unhealthy", at(15), "no, 2 times")
    assert len(room.told) > 1, "until the pod says so"
    told = len(room.told)
    prober.follow(replace(subject("a", numberOfProbes=2), known=known))
    await after(20, prober)
    assert len(room.told) == told


@virtual_time
async def test_what_could_not_be_told_is_told_again() -> None:
    room = Room(answers={"a": NO}, fails=2)
    prober = room.prober()
    prober.follow(subject("a"))
    await after(11, prober)
    assert room.told == [("a", "Unhealthy", at(10))]


@virtual_time
async def test_somebody_elses_word_is_corrected() -> None:
    """A leader that was replaced may write last."""
    room = Room()
    prober = room.prober()
    prober.follow(subject("a"))
    running = asyncio.create_task(prober.run())
    await asyncio.sleep(1)
    prober.follow(subject("a", "Unhealthy"))
    await asyncio.sleep(5)
    running.cancel()
    assert room.told == [("a", "Healthy", at(5))]


@virtual_time
async def test_a_container_that_starts_anew_is_initializing_again() -> None:
    room = Room(answers={"a": Answer("Unhealthy", "refused", silent=True)})
    prober = room.prober()
    prober.follow(subject("a"))
    prober.follow(subject("a", None, started=at(0), gracePeriodSeconds=12))
    await after(16, prober)
    assert [(state, since) for _, state, since in room.told] == [
        *[("Initializing", at(s)) for s in (0, 5, 10)],
        ("Unhealthy", at(15)),
    ]


@virtual_time
async def test_a_kubelets_clock_that_is_ahead_does_no_harm() -> None:
    """I10: what is told must not look older than the container that it is about."""
    room = Room(answers={"a": NO})
    prober = room.prober()
    prober.follow(subject("a", None, started=at(60)))
    await after(1, prober)
    assert room.told == [("a", "Unhealthy", at(60))]


@virtual_time
async def test_an_answer_that_comes_too_late_counts_no_more() -> None:
    """The question was to an address that the pod has no longer, or to a pod that is gone."""
    room = Room(answers={"a": NO, "b": NO}, seconds={"a": 3, "b": 3})
    prober = room.prober()
    prober.follow(subject("a"))
    prober.follow(subject("b"))
    running = asyncio.create_task(prober.run())
    await asyncio.sleep(1)
    prober.forget("a")
    prober.follow(subject("b", address="10.0.0.c"))
    await asyncio.sleep(20)
    running.cancel()
    assert room.told == []
    assert (room.times["a"], room.times["b"]) == ([0], [0])
    assert room.times["c"] == [1, 6, 11, 16]
    assert len(prober) == 1


@virtual_time
async def test_an_answer_that_cannot_be_read_stops_nothing() -> None:
    room = Room(answers={"a": UnicodeError("?")})
    prober = room.prober()
    prober.follow(subject("a"))
    await after(6, prober)
    assert [state for _, state, _ in room.told] == ["Unhealthy", "Unhealthy"]


@virtual_time
async def test_it_says_once_a_minute_that_it_falls_behind(caplog: pytest.LogCaptureFixture) -> None:
    room = Room(seconds=dict.fromkeys("abcdefg", 5))
    prober = room.prober(at_once=1)
    for uid in "abcdefg":
        prober.follow(subject(uid))
    await after(100, prober)
    assert [record.getMessage() for record in caplog.records] == [
        "application health falls behind: a turn is 10s late (interval 5s); 7 instances, 1 asked at once",
        "application health falls behind: a turn is 30s late (interval 5s); 7 instances, 1 asked at once",
    ]
