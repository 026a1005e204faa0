"""Structural schemas as the API server applies them: default, prune, validate. CEL rules are for others."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rollkeeper.api.structural import Schema

Path = tuple[str | int, ...]
"""Where a value is in an object: names of fields, and positions in lists."""

_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What the server would refuse."""

    path: Path
    message: str

    def __str__(self) -> str:
        return f"{written(self.path)}: {self.message}"


def written(path: Path) -> str:
    """`spec.template.spec.containers[0].name`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def stored(schema: Schema, obj: dict[str, Any]) -> dict[str, Any]:
    """The object as it is stored: without unknown fields and with defaults; metadata is left alone."""
    made: dict[str, Any] = defaulted(schema, _pruned(schema, obj))
    return {**made, "metadata": obj["metadata"]}


def faults(schema: Schema, value: Any, path: Path = ()) -> Iterator[Fault]:  # noqa: ANN401 - JSON
    """What the server would refuse, one sentence each."""
    if not _has_type(schema, value):
        yield Fault(path, f"Invalid value: must be of type {schema['type']}")
        return
    yield from (Fault(path, message) for message in _own_faults(schema, value))
    if isinstance(value, dict):
        for name in schema.get("required", []):
            if name not in value:
                yield Fault((*path, name), "Required value")
    elif isinstance(value, list):
        yield from _duplicates(schema, value, path)
    for step, child, below in children(schema, value):
        yield from faults(below, child, (*path, step))


def unknown(schema: Schema, value: Any, path: Path = ()) -> Iterator[Path]:  # noqa: ANN401 - JSON
    """Fields that the schema does not know, and the server would drop or, asked strictly, refuse."""
    known = list(children(schema, value))
    if isinstance(value, dict) and "properties" in schema and not schema.get(_PRESERVE):
        names = {step for step, _, _ in known}
        yield from ((*path, name) for name in value if name not in names)
    for step, child, below in known:
        yield from unknown(below, child, (*path, step))


def children(schema: Schema, value: Any) -> Iterator[tuple[str | int, Any, Schema]]:  # noqa: ANN401 - JSON
    """The fields or items that the schema says something about, each with its own schema."""
    if isinstance(value, list):
        yield from ((index, item, schema["items"]) for index, item in enumerate(value) if "items" in schema)
    if not isinstance(value, dict):
        return
    named, rest = schema.get("properties", {}), schema.get("additionalProperties")
    for name, child in value.items():
        below = named.get(name, rest)
        if isinstance(below, dict):
            yield name, child, below


def defaulted(schema: Schema, value: Any) -> Any:  # noqa: ANN401 - JSON
    """The value with defaults, as deep as its parents are given."""
    if isinstance(value, list):
        return [defaulted(schema.get("items", {}), item) for item in value]
    if not isinstance(value, dict):
        return value
    made = dict(value)
    for name, below in schema.get("properties", {}).items():
        if made.get(name, ...) is None and not below.get("nullable"):
            del made[name]  # null for a field that can't be null means "not given"
        if name not in made and "default" in below:
            made[name] = below["default"]
    for name, child, below in list(children(schema, made)):
        made[name] = defaulted(below, child)
    return made


def _own_faults(schema: Schema, value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if "enum" in schema and value not in schema["enum"]:
        supported = ", ".join(f'"{one}"' for one in schema["enum"])
        yield f'Unsupported value: "{value}": supported values: {supported}'
    if isinstance(value, str):
        yield from _text_faults(schema, value)
    elif isinstance(value, int | float):
        if value > schema.get("maximum", value):
            yield f"Invalid value: {value}: should be less than or equal to {schema['maximum']}"
        if value < schema.get("minimum", value):
            yield f"Invalid value: {value}: should be greater than or equal to {schema['minimum']}"
    elif isinstance(value, list):
        if len(value) > schema.get("maxItems", len(value)):
            yield f"Too many: {len(value)}: must have at most {schema['maxItems']} items"
        if len(value) < schema.get("minItems", 0):
            yield f"Invalid value: should have at least {schema['minItems']} items"


def _text_faults(schema: Schema, value: str) -> Iterator[str]:
    if len(value) > schema.get("maxLength", len(value)):
        yield f"Too long: may not be more than {schema['maxLength']} bytes"
    if len(value) < schema.get("minLength", 0):
        yield f"Invalid value: should be at least {schema['minLength']} chars long"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"Invalid value: should match '{schema['pattern']}'"
    if schema.get("format") == "date-time" and not _is_time(value):
        yield f'Invalid value: "{value}": must be of type date-time, like "2026-01-02T03:04:05Z"'


def _is_time(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _duplicates(schema: Schema, value: list[Any], path: Path) -> Iterator[Fault]:
    if schema.get("x-kubernetes-list-type") != "map":
        return
    keys = schema["x-kubernetes-list-map-keys"]
    seen = [tuple(item.get(key) for key in keys) if isinstance(item, dict) else None for item in value]
    for index, key in enumerate(seen):
        if key is not None and key in seen[:index]:
            yield Fault((*path, index), f"Duplicate value: {dict(zip(keys, key, strict=True))}")


def _has_type(schema: Schema, value: Any) -> bool:  # noqa: ANN401 - JSON
    if value is None:
        return bool(schema.get("nullable")) or "type" not in schema
    if "type" not in schema:
        return True
    if isinstance(value, bool) and schema["type"] != "boolean":  # a Python bool is an int, a JSON one is not
        return False
    return isinstance(value, _TYPES[schema["type"]])


def _pruned(schema: Schema, value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return [_pruned(schema.get("items", {_PRESERVE: True}), item) for item in value]
    if not isinstance(value, dict):
        return value
    known = {name: _pruned(below, child) for name, child, below in children(schema, value)}
    return {**value, **known} if schema.get(_PRESERVE) else known
