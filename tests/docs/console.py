"""Reads the commands of a page's console blocks with what they print, and compares that with what they really print.

A command begins with `$ `; a here-document, a loop or a backslash at the end carries it on. What follows is its output.
A line of `…` stands for any lines. Ages, times, generated names and the width of columns may differ.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.docs.markdown import Block

PROMPT = "$ "
ANY = "…"

_HERE = re.compile(r"<<-?\s*'?(\w+)'?")
_SAME = (
    (re.compile(r"\b(?:\d+(?:d|h|m|s|ms))+\b"), "AGE"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?Z?\b"), "TIME"),
    (re.compile(r"\b((?:web|shop)-(?:\d+-\d+-\d+|user|model))-[a-z0-9]{5}\b"), r"\1-NAME"),
    (re.compile(r"[ \t]+"), " "),
)


@dataclass(frozen=True)
class Step:
    """A command, and what the page says that it prints."""

    command: str
    output: tuple[str, ...]
    line: int
    """Where it stands in the page, from 1."""


def steps(block: Block) -> Iterator[Step]:
    """The steps of a console block. Output before the first command is an error of the page."""
    lines = block.text.splitlines()
    at = 0
    while at < len(lines):
        if not lines[at].startswith(PROMPT):
            raise ValueError(f"line {block.line + 1 + at} is neither a command nor the output of one: {lines[at]}")
        end = _end_of_command(lines, at)
        last = next((n for n in range(end, len(lines)) if lines[n].startswith(PROMPT)), len(lines))
        command = "\n".join([lines[at].removeprefix(PROMPT), *lines[at + 1 : end]])
        yield Step(command, tuple(line for line in lines[end:last] if line.strip()), block.line + 1 + at)
        at = last


def _end_of_command(lines: list[str], at: int) -> int:
    """The index after the last line of the command that begins at `at`."""
    if here := _HERE.search(lines[at]):
        return lines.index(here[1], at) + 1
    if lines[at].endswith("; do"):
        return next(n for n in range(at, len(lines)) if lines[n].strip() == "done") + 1
    while lines[at].endswith("\\"):
        at += 1
    return at + 1


def differs(said: tuple[str, ...], printed: str) -> str | None:
    """Where what was printed is not what the page says; None when it is."""
    wanted = [line if line == ANY else _plain(line) for line in said]
    found = [_plain(line) for line in printed.splitlines() if line.strip()]
    return None if _matches(wanted, found) else "\n".join(["the page says", *said, "but it is", printed])


def _matches(wanted: list[str], found: list[str]) -> bool:
    if not wanted:
        return not found
    if wanted[0] == ANY:
        return any(_matches(wanted[1:], found[n:]) for n in range(len(found) + 1))
    return bool(found) and wanted[0] == found[0] and _matches(wanted[1:], found[1:])


def _plain(line: str) -> str:
    for pattern, instead in _SAME:
        line = pattern.sub(instead, line)
    return line.strip()
