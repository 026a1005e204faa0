"""From pydantic's JSON schema to the structural schema that a CRD must have.

Kubernetes takes only a part of JSON Schema: no references, no alternatives, no null, exclusive bounds as booleans, and
unknown fields by a key of its own. What can't be rewritten is an error here, not at the API server.
"""

from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]

_DROPPED = {"title", "$defs", "discriminator", "examples", "readOnly", "writeOnly"}
_REFUSED = {"prefixItems", "oneOf", "allOf", "not", "patternProperties", "propertyNames", "$ref", "anyOf", "const"}
_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_LIST_TYPE = "x-kubernetes-list-type"
_BOUNDS = (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum"))
_NULL: Schema = {"type": "null"}


_ORDER = ("description", "type", "format", "enum", "default", "nullable")
"""Keys that people look for first; then the others by name, and what nests at the end."""
_NESTING = ("required", "properties", "items", "additionalProperties")


class NotStructuralError(ValueError):
    """A model uses something that no structural schema can say."""


def structural(model: type[BaseModel]) -> Schema:
    """The structural schema of a model.

    Raises:
        NotStructuralError: The model has tuples of fixed length, unions or the like; the message has the path.
    """
    raw = model.model_json_schema(by_alias=True)
    return _rewrite(raw, raw.get("$defs", {}), model.__name__)


def without_defaults(schema: Schema) -> Schema:
    """The schema without any default.

    For statuses: a default there would show counts that nobody counted.
    """
    made = {key: value for key, value in schema.items() if key != "default"}
    if "properties" in made:
        made["properties"] = {name: without_defaults(child) for name, child in made["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(made.get(key), dict):
            made[key] = without_defaults(made[key])
    return made


def _rewrite(node: Schema, defs: dict[str, Schema], path: str) -> Schema:
    """One node and everything below it."""
    made = _plain(_inlined(node, defs), defs, path)
    made = {key: value for key, value in made.items() if key not in _DROPPED}
    _rewrite_values(made)
    if unknown := _REFUSED & made.keys():
        raise NotStructuralError(f"{path}: {', '.join(sorted(unknown))} can't be said in a structural schema")
    if "type" not in made and "x-kubernetes-int-or-string" not in made:
        made[_PRESERVE] = True
    _rewrite_children(made, defs, path)
    return {key: made[key] for key in sorted(made, key=_place)}


def _place(key: str) -> tuple[int, str]:
    """Where a key stands among the others."""
    if key in _ORDER:
        return _ORDER.index(key), ""
    if key in _NESTING:
        return 100 + _NESTING.index(key), ""
    return 50, key


def _inlined(node: Schema, defs: dict[str, Schema]) -> Schema:
    """The node with its reference followed; what stands beside the reference wins."""
    while "$ref" in node:
        beside = {key: value for key, value in node.items() if key != "$ref"}
        node = {**defs[node["$ref"].removeprefix("#/$defs/")], **beside}
    return node


def _plain(node: Schema, defs: dict[str, Schema], path: str) -> Schema:
    """The node without `anyOf`: `X | None` is an X that may be absent, `int | str` has a key of its own."""
    if "anyOf" not in node:
        return node
    beside = {key: value for key, value in node.items() if key != "anyOf"}
    if beside.get("default", ...) is None:
        del beside["default"]
    choices = [choice for choice in node["anyOf"] if choice != _NULL]
    if {choice.get("type") for choice in choices} == {"integer", "string"}:
        return {**beside, "x-kubernetes-int-or-string": True}
    if len(choices) != 1:
        raise NotStructuralError(f"{path}: a union; use optional members and a rule that exactly one is given")
    return _plain({**_inlined(choices[0], defs), **beside}, defs, path)


def _rewrite_values(node: Schema) -> None:
    """The keys of one node that have another form in Kubernetes, in place."""
    if "const" in node:
        node["enum"] = [node.pop("const")]
    for exclusive, bound in _BOUNDS:
        if exclusive in node:
            node[bound] = node[exclusive]
            node[exclusive] = True
    if node.get("type") == "integer":
        node.setdefault("format", "int32")
    if isinstance(node.get("default"), dict):
        # The members have defaults of their own: two copies of one default would drift apart.
        node["default"] = {}
    if node.get("type") == "array":
        node.setdefault(_LIST_TYPE, "set" if node.pop("uniqueItems", False) else "atomic")
    if node.get("additionalProperties") is True:
        node[_PRESERVE] = True
    if isinstance(node.get("additionalProperties"), bool):
        del node["additionalProperties"]


def _rewrite_children(node: Schema, defs: dict[str, Schema], path: str) -> None:
    if "properties" in node:
        node["properties"] = {
            name: _rewrite(child, defs, f"{path}.{name}") for name, child in node["properties"].items()
        }
    for key in ("items", "additionalProperties"):
        if key in node:
            node[key] = _rewrite(node[key], defs, f"{path}.{key}")
