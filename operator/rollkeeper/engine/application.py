"""What an application says of its health, and the state that its answers add up to (H4)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from rollkeeper.api.v1alpha1.health import ApplicationHealth
from rollkeeper.engine.snapshot import Application, ApplicationState

Word = Literal["Healthy", "Unhealthy", "Unknown"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking once."""

    word: Word
    message: str
    """What was seen and where, for people: `HTTP 503 from http://10.0.0.7:8080/health`."""
    silent: bool = False
    """Nobody answered: no connection, or nothing came in time."""


@dataclass(frozen=True, slots=True)
class Course:
    """Where an instance stands, and the equal answers in a row that may change it."""

    state: ApplicationState = "Initializing"
    message: str = ""
    """Why it is in that state."""
    word: Word | None = None
    row: int = 0


def begin(known: Application | None) -> Course:
    """The course of an instance that is asked from now on: on from the state that its pod tells, if it tells one."""
    return Course(known.state, known.message) if known is not None else Course()


def silence(asked: ApplicationHealth, message: str) -> Answer:
    """The answer where there is none: Unknown is a word of mode Rich alone."""
    return Answer("Unknown" if asked.mode == "Rich" else "Unhealthy", message, silent=True)


def in_grace(asked: ApplicationHealth, started: datetime, now: datetime) -> bool:
    """Whether an instance whose OS container started then may still be Initializing."""
    return now < started + timedelta(seconds=asked.grace)


def after(course: Course, answer: Answer, asked: ApplicationHealth, *, initializing: bool) -> Course:
    """The course after one more answer. `initializing`: the grace period is not over.

    A state is left after `numberOfProbes` equal answers in a row. An instance that is Initializing settles on Healthy
    or Unhealthy only: while it boots nobody may be there to answer, or nobody who knows; that is what the grace period
    is for. When that is over and nothing has settled, nothing is known.
    """
    row = course.row + 1 if answer.word == course.word else 1
    boots = course.state == "Initializing" and initializing
    counted = Course(course.state, answer.message if boots else course.message, answer.word, row)
    if boots and (answer.silent or answer.word == "Unknown"):
        return counted
    if row >= asked.number_of_probes:
        return _settled(counted, answer, asked) if answer.word != course.state else counted
    if course.state == "Initializing" and not initializing:
        why = f"nothing settled within the grace period of {asked.grace}s; last: {answer.message}"
        return Course("Unknown", why, answer.word, row)
    return counted


def _settled(counted: Course, answer: Answer, asked: ApplicationHealth) -> Course:
    times = f", {asked.number_of_probes} times" if asked.number_of_probes > 1 else ""
    return Course(answer.word, f"{answer.message}{times}", counted.word, counted.row)
