"""What all kinds share: base model, metadata, conditions."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from rollkeeper.api.v1alpha1 import rules


class Model(BaseModel):
    """Base of all API models.

    Unknown fields are ignored, not refused: a newer CRD must not crash an older controller. Attribute docstrings
    become the descriptions in the CRD, so the documentation of a field is written once.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )

    def to_json(self) -> dict[str, Any]:
        """The object as the API server stores it: camelCase keys, absent instead of null."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def _none_as_empty(value: object) -> object:
    """`labels: null` is how some clients write "no labels"."""
    return {} if value is None else value


Ranges = Annotated[str, Field(max_length=65536)]
"""Ordinals as compact ranges: `0-3,7`."""

StringMap = Annotated[dict[str, str], BeforeValidator(_none_as_empty)]


class OwnerReference(Model):
    """Who a Kubernetes object belongs to."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False


class ObjectMeta(Model):
    """The part of a Kubernetes object's metadata that the engine reads."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: StringMap = Field(default_factory=dict)
    annotations: StringMap = Field(default_factory=dict)
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()


class Condition(Model):
    """A condition in the shape of metav1.Condition."""

    type: Annotated[str, Field(max_length=316)]
    """Name of the condition, in CamelCase."""
    status: Literal["True", "False", "Unknown"]
    """Whether the condition holds."""
    observed_generation: Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})] = 0
    """The generation of the object that the condition was set for."""
    last_transition_time: datetime
    """When the status last changed."""
    reason: Annotated[str, Field(min_length=1, max_length=1024)]
    """Why, as one CamelCase word for programs."""
    message: Annotated[str, Field(max_length=32768)] = ""
    """Why, as a sentence for people: with the numbers, and what to do."""


Conditions = Annotated[tuple[Condition, ...], Field(json_schema_extra=rules.list_map("type", at_most=32))]
"""Conditions of an object, each type once."""
