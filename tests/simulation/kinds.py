"""What differs from kind to kind: status, generation, defaults, which fields are immutable."""

from collections.abc import Callable
from dataclasses import dataclass

from rollkeeper.api import crd, validation
from rollkeeper.controllers.resources import IMAGE_SOURCES, IMAGE_VERSIONS, SCALE_SETS, UPGRADE_RUNS
from rollkeeper.instances.virtual_machines.resources import GUESTS, MACHINES
from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.resources import BUDGETS, CLAIMS, CONTROLLER_REVISIONS, NAMESPACES, NODES, PODS, Resource
from tests.simulation import answers, pods

MOST_STORED = 4000
CLAIM_FINALIZER = "kubernetes.io/pvc-protection"


def _same(obj: JsonObject) -> JsonObject:
    return obj


def _allow(_old: JsonObject, _new: JsonObject) -> None:
    return None


@dataclass(frozen=True)
class Kind:
    """How the server treats one kind. The defaults fit Lease, Event and whatever is not listed."""

    new_status: Callable[[], JsonObject] | None = None
    """None: the kind has no status subresource."""
    keeps_status: bool = False
    """A status in the body of a create is kept."""
    has_generation: bool = False
    custom: bool = False
    """Defined by a CRD: bodies must say the kind, and writes through the status subresource leave metadata alone."""
    defaults: Callable[[JsonObject], JsonObject] = _same
    """The object as it is stored; raises Invalid for what its schema refuses."""
    check_change: Callable[[JsonObject, JsonObject], None] = _allow


def custom(resource: Resource, kind: crd.Kind) -> Kind:
    """A custom resource of ours, treated as its CRD says."""
    checker = _Checker(crd.root_schema(kind))

    def defaults(obj: JsonObject) -> JsonObject:
        made, found = checker.check(obj)
        if found:
            raise answers.invalid(resource, obj["metadata"]["name"], ", ".join(found))
        return made

    return Kind(new_status=dict, has_generation=True, custom=True, defaults=defaults)


class _Checker:
    """Applies the schema of a kind, but not again to a spec or status that a write leaves as it is stored.

    Most writes change one of the two, and half of a simulation's time went into looking at the other.
    """

    def __init__(self, rules: JsonObject) -> None:
        self._rules = rules
        self._stored: dict[int, object] = {}
        """By identity, and kept alive by this, so that no other object can have it."""

    def check(self, obj: JsonObject) -> tuple[JsonObject, list[str]]:
        """The object as it is stored, and what the server would refuse of it."""
        done = {part: obj[part] for part in ("spec", "status") if self._stored.get(id(obj.get(part))) is not None}
        properties = {name: rule for name, rule in self._rules["properties"].items() if name not in done}
        required = [name for name in self._rules.get("required", []) if name not in done]
        rules = {**self._rules, "properties": properties, "required": required}
        made = validation.stored(rules, {name: value for name, value in obj.items() if name not in done})
        found = list(map(str, validation.faults(rules, made)))
        if len(self._stored) > MOST_STORED:
            self._stored.clear()
        if not found:
            self._stored |= {id(made[part]): made[part] for part in ("spec", "status") if part in made}
        return {**made, **done}, found


def _claim(obj: JsonObject) -> JsonObject:
    """An admission plugin sets this finalizer, so that no claim vanishes under a running pod."""
    metadata = obj["metadata"]
    if "resourceVersion" in metadata or CLAIM_FINALIZER in metadata.get("finalizers", []):
        return obj
    return {**obj, "metadata": {**metadata, "finalizers": [*metadata.get("finalizers", []), CLAIM_FINALIZER]}}


def _never(_old: JsonObject, new: JsonObject) -> None:
    """A revision takes no patch at all, not even of its labels.

    Its data is immutable byte by byte, and to apply a patch the server decodes it and encodes it again in a form that
    is not the client's.
    """
    raise answers.invalid(CONTROLLER_REVISIONS, new["metadata"]["name"], "data: Invalid value: field is immutable")


KINDS: dict[Resource, Kind] = {
    SCALE_SETS: custom(SCALE_SETS, crd.SCALE_SET),
    IMAGE_VERSIONS: custom(IMAGE_VERSIONS, crd.IMAGE_VERSION),
    IMAGE_SOURCES: custom(IMAGE_SOURCES, crd.IMAGE_SOURCE),
    UPGRADE_RUNS: custom(UPGRADE_RUNS, crd.UPGRADE_RUN),
    PODS: Kind(
        new_status=pods.new_status,
        has_generation=True,
        defaults=pods.with_defaults,
        check_change=pods.check_change,
    ),
    MACHINES: Kind(new_status=dict, has_generation=True, custom=True),
    GUESTS: Kind(custom=True),
    NODES: Kind(new_status=dict, keeps_status=True),
    NAMESPACES: Kind(new_status=lambda: {"phase": "Active"}),
    CLAIMS: Kind(new_status=lambda: {"phase": "Pending"}, defaults=_claim),
    BUDGETS: Kind(new_status=dict, has_generation=True),
    CONTROLLER_REVISIONS: Kind(check_change=_never),
}
