"""Asks every instance that is followed, again and again, and tells when the state of one has changed (H4).

Each instance has a turn of its own, jittered, so that a thousand of them spread over the interval; it has the next one
when the last question is answered, so a hung application costs one time-out an interval and keeps nobody else waiting.
How many are asked at once is bounded.
"""

import asyncio
import heapq
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from rollkeeper.api.v1alpha1.health import ApplicationHealth
from rollkeeper.engine import application
from rollkeeper.engine.application import Answer, Course
from rollkeeper.engine.snapshot import Application
from rollkeeper.health.endpoint import Endpoint
from rollkeeper.kube.errors import ApiError

SOON = 1.0
"""Seconds within which an instance that nobody knows anything of is asked first."""

JITTER = 0.1
"""The part of an interval by which a turn may come early, so that turns drift apart."""

COMPLAIN_EVERY = 60.0
"""Seconds between two log lines about turns that come late."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Subject:
    """An instance whose application is to be asked."""

    uid: str
    namespace: str
    name: str
    address: str
    started: datetime
    """When its OS container started: what was found before counts no longer."""
    provisioned: datetime
    """From when on its application may be there, which is later where scripts run in the container first (E2)."""
    asked: ApplicationHealth
    known: Application | None
    """What its pod tells."""


Tell = Callable[[Subject, Application], Awaitable[None]]
"""Writes the state of an application where people and the engine read it. Raises ApiError."""


def spread(most: float) -> float:
    """Some time from 0 to so many seconds."""
    return random.uniform(0, most)  # noqa: S311 - spreads load, guards no secret


@dataclass(eq=False)
class _Turns:
    """One subject with its course."""

    subject: Subject
    course: Course
    due: float


@dataclass
class Prober:
    """Follows subjects. `now` is the API server's time (I10); `tell` is called only when there is something new.

    `run` drives it on the event loop. `pop_due` and `probe` are its parts, for who has a clock of another kind.
    """

    endpoint: Endpoint
    tell: Tell
    now: Callable[[], datetime]
    clock: Callable[[], float] | None = None
    """Monotonic seconds; None: the event loop's."""
    at_once: int = 500
    """Questions that may be open at the same time."""
    spread: Callable[[float], float] = spread
    on_turn: Callable[[float], None] | None = None
    """Told of each turn: seconds that it came late. Must not raise."""
    _followed: dict[str, _Turns] = field(default_factory=dict)
    _heap: list[tuple[float, int, _Turns]] = field(default_factory=list)
    _count: int = 0
    _wakeup: asyncio.Event = field(default_factory=asyncio.Event)
    _complained: float = float("-inf")

    def __post_init__(self) -> None:
        """The bound."""
        self._slots = asyncio.Semaphore(self.at_once)

    def __len__(self) -> int:
        """How many subjects are followed."""
        return len(self._followed)

    def follow(self, subject: Subject) -> None:
        """Asks it from now on. Known already: takes note of what has changed."""
        turns = self._followed.get(subject.uid)
        if turns is not None and _asks_the_same(turns.subject, subject):
            turns.subject = subject
            return
        course = application.begin(subject.known)
        if turns is not None and subject.known is None and turns.subject.started == subject.started:
            course = Course(turns.course.state, turns.course.message)
        most = SOON if subject.known is None or turns is not None else float(subject.asked.interval_seconds)
        made = _Turns(subject, course, self._time() + self.spread(most))
        self._followed[subject.uid] = made
        self._schedule(made)

    def forget(self, uid: str) -> None:
        """Asks it no more."""
        self._followed.pop(uid, None)

    def next_due(self) -> float | None:
        """When the next turn comes, on the monotonic clock."""
        while self._heap and not self._is_followed(self._heap[0][2]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self) -> list[_Turns]:
        """Whose turn it is."""
        now, ripe = self._time(), []
        while (due := self.next_due()) is not None and due <= now:
            ripe.append(heapq.heappop(self._heap)[2])
        return ripe

    async def probe(self, turns: _Turns) -> None:
        """One turn: asks, counts the answer, tells what is new, and sets the next turn."""
        async with self._slots:
            if not self._is_followed(turns):
                return
            self._note_delay(turns)
            answer = await self._ask(turns.subject)
        if not self._is_followed(turns):
            return
        subject = turns.subject
        initializing = application.in_grace(subject.asked, subject.provisioned, self.now())
        turns.course = application.after(turns.course, answer, subject.asked, initializing=initializing)
        await self._tell(turns)
        interval = float(subject.asked.interval_seconds)
        turns.due = max(turns.due + interval - self.spread(interval * JITTER), self._time())
        self._schedule(turns)

    async def run(self) -> None:
        """Runs until it is cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._wakeup.clear()
                    for turns in self.pop_due():
                        group.create_task(self.probe(turns))
                    await self._sleep()
        finally:
            await self.endpoint.close()

    async def _sleep(self) -> None:
        due = self.next_due()
        try:
            async with asyncio.timeout(None if due is None else max(due - self._time(), 0)):
                await self._wakeup.wait()
        except TimeoutError:
            return

    async def _ask(self, subject: Subject) -> Answer:
        try:
            return await self.endpoint.ask(subject.address, subject.asked)
        except Exception as error:
            # What an application sends must not stop the questions to all others; and an answer that we can't read is
            # one that says nothing.
            logger.exception("can't read the answer of %s/%s", subject.namespace, subject.name)
            return application.silence(subject.asked, f"can't read its answer: {type(error).__name__}")

    async def _tell(self, turns: _Turns) -> None:
        subject, course = turns.subject, turns.course
        if subject.known is not None and subject.known.state == course.state:
            return
        found = Application(course.state, max(self.now(), subject.started), course.message)
        try:
            await self.tell(subject, found)
        except ApiError as error:  # told again after the next answer: the pod does not tell it yet
            logger.warning("can't tell that %s/%s is %s: %s", subject.namespace, subject.name, course.state, error)

    def _note_delay(self, turns: _Turns) -> None:
        late = self._time() - turns.due
        if self.on_turn is not None:
            self.on_turn(late)
        interval = turns.subject.asked.interval_seconds
        if late > interval and self._time() - self._complained > COMPLAIN_EVERY:
            self._complained = self._time()
            logger.warning(
                "application health falls behind: a turn is %.0fs late (interval %ds); %d instances, %d asked at once",
                late,
                interval,
                len(self),
                self.at_once,
            )

    def _schedule(self, turns: _Turns) -> None:
        self._count += 1
        heapq.heappush(self._heap, (turns.due, self._count, turns))
        self._wakeup.set()

    def _is_followed(self, turns: _Turns) -> bool:
        return self._followed.get(turns.subject.uid) is turns

    def _time(self) -> float:
        return self.clock() if self.clock is not None else asyncio.get_running_loop().time()


def _asks_the_same(one: Subject, other: Subject) -> bool:
    return replace(one, known=None) == replace(other, known=None)
