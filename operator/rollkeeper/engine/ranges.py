"""Ordinals as compact ranges, `0-3,7`: statuses must not grow with the number of instances."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

Ordinals = frozenset[int]
NONE: Ordinals = frozenset()

_USER_RANGE = re.compile(r"\s*(\d{1,5})\s*(?:-\s*(\d{1,5})\s*)?")


@lru_cache(maxsize=4096)
def parse(text: str) -> Ordinals:
    """The ordinals of a range string that this controller wrote. Raises ValueError when it is none."""
    return frozenset(_expand(text)) if text else NONE


def _expand(text: str) -> Iterator[int]:
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def parse_user(text: str) -> Ordinals:
    """The ordinals that a user named: any order, overlaps and blanks allowed.

    Raises ValueError with a sentence for the user when a part is no range or runs backwards.
    """
    found: set[int] = set()
    for part in text.split(","):
        match = _USER_RANGE.fullmatch(part)
        if match is None:
            raise ValueError(f"{part.strip()!r} is no ordinal and no range: write for example 0-3,7")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise ValueError(f"range {part.strip()} runs backwards: write {last}-{first}")
        found.update(range(first, last + 1))
    return frozenset(found)


def render(ordinals: Iterable[int]) -> str:
    """The shortest range string of some ordinals: sorted, no overlaps."""
    parts: list[str] = []
    first = last = -2
    for ordinal in sorted(ordinals):
        if ordinal == last + 1:
            last = ordinal
            continue
        if last >= 0:
            parts.append(_part(first, last))
        first = last = ordinal
    if last >= 0:
        parts.append(_part(first, last))
    return ",".join(parts)


def _part(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
