"""JSON patches (RFC 6902), as far as the controller writes them."""

from collections.abc import Mapping, Sequence
from typing import Any

from rollkeeper.kube.api import JsonObject


class TestFailedError(Exception):
    """A `test` found something else, or a path leads nowhere."""


def apply(target: JsonObject, operations: Sequence[Mapping[str, Any]]) -> JsonObject:
    """The target, changed in place."""
    for operation in operations:
        _one(target, operation["op"], _steps(operation["path"]), operation.get("value"))
    return target


def _steps(path: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _one(target: Any, op: str, steps: list[str], value: Any) -> None:
    *way, last = steps
    for step in way:
        target = _child(target, step)
    key: Any = int(last) if isinstance(target, list) else last
    if op == "add":
        target[key] = value
        return
    found = _child(target, last)
    if op == "test" and found != value:
        raise TestFailedError(f"{'/'.join(steps)} is {found!r}, not {value!r}")
    if op == "replace":
        target[key] = value
    elif op == "remove":
        del target[key]


def _child(target: Any, step: str) -> Any:
    try:
        return target[int(step)] if isinstance(target, list) else target[step]
    except (KeyError, IndexError) as error:
        raise TestFailedError(f"there is no {step}") from error
