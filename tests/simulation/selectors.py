"""Label selectors: as text (`a=b,c in (x, y),!d`) and as the LabelSelector of a budget."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from rollkeeper.kube.api import JsonObject
from tests.simulation.answers import bad_request

Labels = Mapping[str, str]
Selector = Callable[[Labels], bool]

_SET = re.compile(r"^(?P<key>[^\s!=,()]+)\s+(?P<word>in|notin)\s+\((?P<values>[^()]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[^\s!=,()]+)\s*(?P<word>==|=|!=)\s*(?P<value>[^\s!=,()]*)$")
_EXISTS = re.compile(r"^(?P<no>!?)\s*(?P<key>[^\s!=,()]+)$")
_COMMA_OUTSIDE_PARENTHESES = re.compile(r",(?![^(]*\))")


@lru_cache(maxsize=1024)
def parse(text: str | None) -> Selector:
    """Raises Invalid for what is no selector."""
    if not text:
        return lambda _labels: True
    return _all([_term(part.strip()) for part in _COMMA_OUTSIDE_PARENTHESES.split(text)])


def of_object(selector: JsonObject | None) -> Selector:
    """A LabelSelector object: matchLabels and matchExpressions. None selects nothing, {} everything."""
    if selector is None:
        return lambda _labels: False
    terms = [_in(key, frozenset({value})) for key, value in selector.get("matchLabels", {}).items()]
    for expression in selector.get("matchExpressions", []):
        key, values = expression["key"], frozenset(expression.get("values", []))
        operators = {"In": _in(key, values), "NotIn": _not(_in(key, values)), "Exists": _exists(key)}
        operators["DoesNotExist"] = _not(_exists(key))
        terms.append(operators[expression["operator"]])
    return _all(terms)


def _term(text: str) -> Selector:
    if found := _SET.match(text):
        term = _in(found["key"], frozenset(value.strip() for value in found["values"].split(",")))
        return term if found["word"] == "in" else _not(term)
    if found := _EQUAL.match(text):
        term = _in(found["key"], frozenset({found["value"]}))
        return _not(term) if found["word"] == "!=" else term
    if found := _EXISTS.match(text):
        return _not(_exists(found["key"])) if found["no"] else _exists(found["key"])
    raise bad_request(f"unable to parse requirement: {text!r}")


def _all(terms: list[Selector]) -> Selector:
    return lambda labels: all(term(labels) for term in terms)


def _in(key: str, values: frozenset[str]) -> Selector:
    return lambda labels: labels.get(key) in values


def _exists(key: str) -> Selector:
    return lambda labels: key in labels


def _not(term: Selector) -> Selector:
    return lambda labels: not term(labels)
