from datetime import datetime
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, create_model

from rollkeeper.api.structural import NotStructuralError, Schema, structural, without_defaults


class Leaf(BaseModel):
    """What a leaf is."""

    size: int = 3


def schema_of(annotation: object, default: object = ...) -> Schema:
    """The schema of a field with this annotation."""
    fields: Any = {"field": (annotation, default)}
    made: Schema = structural(create_model("Sample", **fields))["properties"]["field"]
    return made


LEAF = {
    "description": "What a leaf is.",
    "type": "object",
    "properties": {"size": {"type": "integer", "format": "int32", "default": 3}},
}
ANYTHING = {"x-kubernetes-preserve-unknown-fields": True}


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (str, {"type": "string"}),
        (bool, {"type": "boolean"}),
        (datetime, {"type": "string", "format": "date-time"}),
        (Literal["One"], {"type": "string", "enum": ["One"]}),
        (Literal["One", "Two"], {"type": "string", "enum": ["One", "Two"]}),
        (int | str, {"x-kubernetes-int-or-string": True}),
        (int | str | None, {"x-kubernetes-int-or-string": True}),
        (Any, ANYTHING),
        (dict[str, Any], {"type": "object", **ANYTHING}),
        (dict[str, str], {"type": "object", "additionalProperties": {"type": "string"}}),
        (
            tuple[str, ...],
            {"type": "array", "x-kubernetes-list-type": "atomic", "items": {"type": "string"}},
        ),
        (set[str], {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}),
        (Leaf, LEAF),
        (Leaf | None, LEAF),
        (
            Annotated[int, Field(gt=0, lt=9)],
            {
                "type": "integer",
                "format": "int32",
                "minimum": 0,
                "exclusiveMinimum": True,
                "maximum": 9,
                "exclusiveMaximum": True,
            },
        ),
        (
            Annotated[tuple[Leaf, ...], Field(json_schema_extra={"maxItems": 2, "x-kubernetes-list-type": "map"})],
            {"type": "array", "maxItems": 2, "x-kubernetes-list-type": "map", "items": LEAF},
        ),
    ],
    ids=str,
)
def test_annotations_become_structural(annotation: object, expected: Schema) -> None:
    assert schema_of(annotation) == expected


def test_absence_is_not_null() -> None:
    """A `default: null` is refused by the API server."""

    class Sample(BaseModel):
        name: str | None = None
        leaf: Leaf | None = None

    made = structural(Sample)
    assert "required" not in made
    assert made["properties"] == {"name": {"type": "string"}, "leaf": LEAF}


def test_parents_default_to_nothing_so_that_leaves_fill_themselves() -> None:
    assert schema_of(Leaf, Leaf(size=5))["default"] == {}


def test_what_stands_at_the_field_wins_over_the_class() -> None:
    assert schema_of(Annotated[Leaf, Field(description="This leaf.")])["description"] == "This leaf."
    assert schema_of(Annotated[Leaf | None, Field(description="This leaf.")])["description"] == "This leaf."


@pytest.mark.parametrize("annotation", [str | bool, Leaf | str, tuple[int, str]], ids=str)
def test_what_cannot_be_said_is_an_error_with_its_path(annotation: object) -> None:
    with pytest.raises(NotStructuralError, match=r"^Sample\.field"):
        schema_of(annotation)


def test_defaults_can_be_left_out_at_any_depth() -> None:
    class Inner(BaseModel):
        leaves: tuple[Leaf, ...] = ()
        by_name: dict[str, Leaf] = {}
        default: str = "a field of that name stays"

    made = without_defaults(structural(Inner))
    bare = {**LEAF, "properties": {"size": {"type": "integer", "format": "int32"}}}
    assert made["properties"] == {
        "leaves": {"type": "array", "x-kubernetes-list-type": "atomic", "items": bare},
        "by_name": {"type": "object", "additionalProperties": bare},
        "default": {"type": "string"},
    }
