"""Inputs as they come: any text, any JSON, and what is nearly right, which reaches deeper than noise."""

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings

T = TypeVar("T")
Json = Any
Path = tuple[str | int, ...]

FUZZED = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
VALUES: st.SearchStrategy[Json] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
MARKS = ('"', "\\", ":", "/", "@", "-", ",", ".", "=", " ", "[", "%")
DEEP = "[" * 100_000
"""JSON that no decoder can follow to its end."""


@st.composite
def nearly(draw: st.DrawFn, right: Sequence[str]) -> str:
    """One of the right texts with a piece cut out, put in, or doubled."""
    text = draw(st.sampled_from(right))
    for _ in range(draw(st.integers(0, 3))):
        first, last = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
        piece = draw(st.text(max_size=4) | st.sampled_from(MARKS))
        text = text[:first] + draw(st.sampled_from((piece, text[first:last] * 2, ""))) + text[last:]
    return text


def texts(*right: str) -> st.SearchStrategy[str]:
    """Any text, and such that are nearly right."""
    return st.text(max_size=60) | nearly(right)


@st.composite
def changed(draw: st.DrawFn, right: Json, *, keep: Callable[[Path], bool] = lambda _: False) -> Json:
    """A JSON value with some of its parts taken out or replaced by anything; not those to keep."""
    value = copy.deepcopy(right)
    for _ in range(draw(st.integers(1, 3))):
        places = [path for path in paths(value) if path and not keep(path)]
        if not places:
            break
        *way, last = draw(st.sampled_from(places))
        parent = value
        for step in way:
            parent = parent[step]
        if draw(st.booleans()):
            del parent[last]
        else:
            parent[last] = draw(VALUES)
    return value


@st.composite
def thinned(draw: st.DrawFn, right: Json, *, keep: Callable[[Path], bool]) -> Json:
    """A JSON value as an API server may show it too: optional parts are missing."""
    value = copy.deepcopy(right)
    for _ in range(draw(st.integers(0, 8))):
        places = [path for path in paths(value) if path and not keep(path)]
        if not places:
            break
        *way, last = draw(st.sampled_from(places))
        parent = value
        for step in way:
            parent = parent[step]
        del parent[last]
    return value


def paths(value: Json, here: Path = ()) -> Iterator[Path]:
    """Where the parts of a JSON value are."""
    yield here
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*here, key))
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from paths(inner, (*here, number))


def bodies(right: Json) -> st.SearchStrategy[bytes]:
    """Answers over HTTP: noise, JSON of any kind, and JSON that is nearly right."""
    near = changed(right).map(lambda value: json.dumps(value).encode())
    return st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()) | near


def refused_or(parse: Callable[[], T], *errors: type[Exception]) -> T | None:
    """What was read; None when it was refused with one of these errors, each with a sentence for a person."""
    try:
        return parse()
    except errors as error:
        sentence = str(error)
    assert sentence
    return None
