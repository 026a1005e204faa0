"""What a model relies on that is not part of it: ConfigMaps, Secrets, classes, a service account (T8).

A pod that misses one hangs in ContainerCreating, or is refused; a run that began all the same would lose its first
batch to it. So they are looked for before a start and before each batch.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rollkeeper.engine import machine_models

Json = Mapping[str, Any]

CLUSTER_SCOPED = frozenset({"PriorityClass", "StorageClass"})
FRESH = timedelta(seconds=10)
"""How long an answer is good for the occasion that it was asked for."""


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """An object that pods of a model need, by kind and name; in the set's namespace, unless its kind has none."""

    kind: str
    name: str

    def __str__(self) -> str:
        """`ConfigMap app`."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class ReferenceCheck:
    """What came of looking for a model's references, for one occasion: a start, a batch."""

    revision: str
    at: datetime
    missing: tuple[Reference, ...] = ()
    retry_at: datetime | None = None
    """When to look again for those that are missing."""

    def is_fresh(self, now: datetime) -> bool:
        """Whether it need not be looked again yet."""
        return now < (self.retry_at or self.at + FRESH)


def of_model(model: Json) -> tuple[Reference, ...]:
    """Everything that instances of a model can't start without; what is marked optional is left out."""
    if machine_models.is_machine(model):
        return tuple(sorted({Reference(*named) for named in machine_models.references_of(model)}))
    spec = model["template"]["spec"]
    containers = [*spec.get("initContainers", ()), *spec["containers"]]
    found = {*_classes(spec), *_of_volumes(spec.get("volumes", ())), *_of_environments(containers)}
    return tuple(sorted(found))


def of_claims(templates: Iterable[Json]) -> tuple[Reference, ...]:
    """The storage classes of claim templates; the default class is Kubernetes' own affair."""
    names = {template["spec"].get("storageClassName") for template in templates}
    return tuple(sorted(Reference("StorageClass", name) for name in names if name))


def _classes(spec: Json) -> Iterator[Reference]:
    for kind, name in (
        ("ServiceAccount", spec.get("serviceAccountName") or spec.get("serviceAccount")),
        ("PriorityClass", spec.get("priorityClassName")),
    ):
        if name:
            yield Reference(kind, name)


def _of_volumes(volumes: Sequence[Json]) -> Iterator[Reference]:
    for volume in volumes:
        yield from _of_source(volume.get("configMap"), "ConfigMap", "name")
        yield from _of_source(volume.get("secret"), "Secret", "secretName")
        for source in (volume.get("projected") or {}).get("sources") or ():
            yield from _of_source(source.get("configMap"), "ConfigMap", "name")
            yield from _of_source(source.get("secret"), "Secret", "name")


def _of_environments(containers: Sequence[Json]) -> Iterator[Reference]:
    for container in containers:
        for source in container.get("envFrom") or ():
            yield from _of_source(source.get("configMapRef"), "ConfigMap", "name")
            yield from _of_source(source.get("secretRef"), "Secret", "name")
        for variable in container.get("env") or ():
            value = variable.get("valueFrom") or {}
            yield from _of_source(value.get("configMapKeyRef"), "ConfigMap", "name")
            yield from _of_source(value.get("secretKeyRef"), "Secret", "name")


def _of_source(source: Json | None, kind: str, field: str) -> Iterator[Reference]:
    if source and not source.get("optional") and source.get(field):
        yield Reference(kind, source[field])
