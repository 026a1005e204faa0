from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hack import crds
from rollkeeper.api.crd import KINDS, Kind, crd, root_schema

Node = dict[str, Any]

KEYS_OF_A_STRUCTURAL_SCHEMA = {
    "additionalProperties",
    "default",
    "description",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maxProperties",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "nullable",
    "properties",
    "required",
    "type",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
}

WITHOUT_DEFAULT = ("serviceFabric", "windowsConfiguration", "customData", "health", "osContainerName", "serviceName")
"""Optional fields whose absence means something."""
ASKED_FOR = {"spec.health.applicationHealth", "spec.serviceFabric", "spec.windowsConfiguration"}
"""Optional parents that a rule asks for where they are needed, and only there."""


def below(node: Node, path: str) -> Iterator[tuple[str, Node]]:
    """The node and all nodes below it, with their paths."""
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from below(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in node:
            yield from below(node[key], f"{path}[]")


def nodes(part: str, wanted: str = "") -> dict[str, Node]:
    """All nodes of the spec or the status of all kinds, by path; only those of a type where one is given."""
    found: dict[str, Node] = {}
    for kind in KINDS:
        root = root_schema(kind)["properties"][part]
        found |= dict(below(root, f"{kind.name}.{part}"))
    return {path: node for path, node in found.items() if wanted in ("", node.get("type"))}


def everything() -> dict[str, Node]:
    return {path: node for kind in KINDS for path, node in below(root_schema(kind), kind.name)}


kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def test_committed_files_are_what_the_models_say() -> None:
    assert crds.drift() == [], "run `make crds` and commit the result"


def test_drift_names_files_that_differ_are_missing_or_stand_for_no_kind(tmp_path: Path) -> None:
    crds.write(tmp_path)
    assert crds.drift(tmp_path) == []
    (tmp_path / "scalesets.yaml").write_text("edited by hand")
    (tmp_path / "imageversions.yaml").unlink()
    (tmp_path / "renamed.yaml").touch()
    assert crds.drift(tmp_path) == ["imageversions.yaml", "renamed.yaml", "scalesets.yaml"]
    crds.write(tmp_path)
    assert crds.drift(tmp_path) == []


def test_nodes_say_only_what_a_structural_schema_can_say() -> None:
    for path, node in everything().items():
        assert node.keys() <= KEYS_OF_A_STRUCTURAL_SCHEMA, path
        assert node.get("type") in {"object", "array", "string", "integer", "boolean"}, path
        assert node.get("default", "given") is not None, path
        assert set(node.get("required", ())) <= node.get("properties", {}).keys(), path


def test_lists_are_bounded_and_say_how_writers_share_them() -> None:
    """A rule that walks a list without a limit is refused for its cost."""
    for path, node in everything().items():
        if node.get("type") == "array":
            assert node["maxItems"] <= 100, path
            assert "x-kubernetes-list-type" in node, path


def test_strings_that_rules_may_read_are_bounded() -> None:
    """As for lists. Labels and annotations of templates (`labels[]`) aside, which no rule reads."""
    unbounded = {
        path for path, node in nodes("spec", "string").items() if not node.keys() & {"maxLength", "enum", "format"}
    }
    assert {path.rpartition(".")[2] for path in unbounded} == {"labels[]", "annotations[]"}


def test_numbers_have_a_width() -> None:
    for path, node in everything().items():
        if node.get("type") == "integer":
            assert node["format"] in {"int32", "int64"}, path


def test_every_field_is_explained() -> None:
    """What `kubectl explain` and docs/reference say. Of metadata a CRD may say nothing."""
    for path, node in {**nodes("spec"), **nodes("status")}.items():
        assert path.endswith("[]") or node["description"].endswith("."), path


def test_a_status_never_shows_what_nobody_counted() -> None:
    for path, node in nodes("status").items():
        assert node.get("default", -1) in (-1, {"observedGeneration": -1}), path


@kinds
def test_an_object_that_nobody_looked_at_never_counts_as_ready(kind: Kind) -> None:
    status = root_schema(kind)["properties"]["status"]
    assert status["default"] == {"observedGeneration": -1}
    assert status["properties"]["observedGeneration"]["default"] == -1


@kinds
def test_conditions_have_one_owner_each(kind: Kind) -> None:
    conditions = root_schema(kind)["properties"]["status"]["properties"]["conditions"]
    assert conditions["x-kubernetes-list-type"] == "map"
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert {"type", "status", "reason", "lastTransitionTime"} <= set(conditions["items"]["required"])


def test_defaults_of_leaves_apply_when_their_parents_are_left_out() -> None:
    """The server fills in a child only where the parent exists."""
    spec = root_schema(KINDS[0])["properties"]["spec"]
    for path, node in below(spec, "spec"):
        for name, child in node.get("properties", {}).items():
            leaves = [leaf for leaf in child.get("properties", {}).values() if "default" in leaf]
            if leaves and name not in node.get("required", ()) and f"{path}.{name}" not in ASKED_FOR:
                assert child["default"] == {}, f"{path}.{name}"
    assert not [name for name in WITHOUT_DEFAULT if "default" in spec["properties"][name]]


def test_rules_say_what_to_do() -> None:
    for path, node in everything().items():
        rules = node.get("x-kubernetes-validations", [])
        for rule in rules:
            assert len(rule["message"]) > 30, path
            assert not rule["message"].endswith("."), f"{path}: the server makes a list of the messages"
        assert len({rule["rule"] for rule in rules}) == len(rules), path


@kinds
def test_kinds_are_found_under_their_names(kind: Kind) -> None:
    made = crd(kind)
    names = made["spec"]["names"]
    assert made["metadata"]["name"] == f"{names['plural']}.rollkeeper.io"
    assert names["categories"] == ["rollkeeper"]
    assert made["spec"]["scope"] == "Namespaced"


def test_short_names_clash_with_nothing() -> None:
    assert [crd(kind)["spec"]["names"]["shortNames"] for kind in KINDS] == [["sset"], ["imgv"], ["uprun"], ["imgsrc"]]


@kinds
def test_columns_and_selectable_fields_stand_for_fields_that_exist(kind: Kind) -> None:
    """The server takes any path, and a column with a wrong one stays empty for ever."""
    schema = root_schema(kind)
    paths = [column.path for column in kind.columns] + list(kind.selectable)
    for path in paths:
        if path.startswith(".metadata") or "[?" in path:
            continue
        node = schema
        for name in path.removeprefix(".").split("."):
            node = node["properties"][name]
        assert node["type"] in {"string", "integer", "boolean"}
