"""Structural schemas as the API server applies them: prune, default, validate. CEL rules are not evaluated."""

import re
from collections.abc import Iterator
from typing import Any

from rollkeeper.kube.api import JsonObject

Schema = dict[str, Any]

_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def apply(schema: Schema, obj: JsonObject) -> JsonObject:
    """The object as it is stored: without unknown fields and with defaults; metadata is left alone."""
    made = _defaulted(schema, _pruned(schema, obj))
    return {**made, "metadata": obj["metadata"]}


def faults(schema: Schema, value: Any, path: str = "") -> Iterator[str]:
    """What the server would refuse, one sentence each."""
    if not _has_type(schema, value):
        yield f"{path}: Invalid value: must be of type {schema['type']}"
        return
    yield from _own_faults(schema, value, path)
    if isinstance(value, dict):
        for name in schema.get("required", []):
            if name not in value:
                yield f"{path}.{name}: Required value".lstrip(".")
        for name, child, below in _children(schema, value):
            yield from faults(below, child, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from faults(schema["items"], item, f"{path}[{index}]")


def _own_faults(schema: Schema, value: Any, path: str) -> Iterator[str]:
    if "enum" in schema and value not in schema["enum"]:
        yield f'{path}: Unsupported value: "{value}": supported values: {schema["enum"]}'
    if isinstance(value, str):
        if len(value) > schema.get("maxLength", len(value)):
            yield f"{path}: Too long: may not be more than {schema['maxLength']} bytes"
        if len(value) < schema.get("minLength", 0):
            yield f"{path}: Invalid value: should be at least {schema['minLength']} chars long"
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield f"{path}: Invalid value: should match '{schema['pattern']}'"
    elif isinstance(value, int | float):
        if value > schema.get("maximum", value):
            yield f"{path}: Invalid value: {value}: should be less than or equal to {schema['maximum']}"
        if value < schema.get("minimum", value):
            yield f"{path}: Invalid value: {value}: should be greater than or equal to {schema['minimum']}"
    elif isinstance(value, list):
        yield from _list_faults(schema, value, path)


def _list_faults(schema: Schema, value: list[Any], path: str) -> Iterator[str]:
    if len(value) > schema.get("maxItems", len(value)):
        yield f"{path}: Too many: {len(value)}: must have at most {schema['maxItems']} items"
    if len(value) < schema.get("minItems", 0):
        yield f"{path}: Invalid value: should have at least {schema['minItems']} items"
    if schema.get("x-kubernetes-list-type") == "map":
        keys = schema["x-kubernetes-list-map-keys"]
        seen = [tuple(item.get(key) for key in keys) for item in value]
        for index, key in enumerate(seen):
            if key in seen[:index]:
                yield f"{path}[{index}]: Duplicate value: {dict(zip(keys, key, strict=True))}"


def _has_type(schema: Schema, value: Any) -> bool:
    if value is None:
        return bool(schema.get("nullable")) or "type" not in schema
    if "type" not in schema:
        return True
    if isinstance(value, bool) and schema["type"] != "boolean":  # a Python bool is an int, a JSON one is not
        return False
    return isinstance(value, _TYPES[schema["type"]])


def _children(schema: Schema, value: JsonObject) -> Iterator[tuple[str, Any, Schema]]:
    """Fields that the schema says something about."""
    named = schema.get("properties", {})
    rest = schema.get("additionalProperties")
    for name, child in value.items():
        if name in named:
            yield name, child, named[name]
        elif isinstance(rest, dict):
            yield name, child, rest


def _pruned(schema: Schema, value: Any) -> Any:
    if isinstance(value, list):
        return [_pruned(schema.get("items", {_PRESERVE: True}), item) for item in value]
    if not isinstance(value, dict):
        return value
    known = {name: _pruned(below, child) for name, child, below in _children(schema, value)}
    if schema.get(_PRESERVE):
        return {**value, **known}
    return known


def _defaulted(schema: Schema, value: Any) -> Any:
    if isinstance(value, list):
        return [_defaulted(schema.get("items", {}), item) for item in value]
    if not isinstance(value, dict):
        return value
    made = dict(value)
    for name, below in schema.get("properties", {}).items():
        if made.get(name, ...) is None and not below.get("nullable"):
            del made[name]  # null for a field that can't be null means "not given"
        if name not in made and "default" in below:
            made[name] = below["default"]
    for name, child, below in list(_children(schema, made)):
        made[name] = _defaulted(below, child)
    return made
