"""The chart as Helm renders it. What the API server says of it is in tests/cluster/test_chart.py."""

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.helm import CHART, HelmError, helm, template
from rollkeeper.api.v1alpha1.names import FINALIZER_RUN, FINALIZER_VERSION, PREFIX_OTHERS_VERSION
from tests.chart.renderings import GOLDEN, NAMESPACE, VALUES, values

JsonMap = dict[str, Any]
CRDS = Path(__file__).parents[2] / "crds"
SECURITY = CRDS.parent / "docs" / "security.md"


def rendered(values: JsonMap) -> list[JsonMap]:
    return [document for document in yaml.safe_load_all(template(NAMESPACE, values)) if document]


@pytest.mark.parametrize("name", VALUES)
def test_it_renders_as_reviewed(name: str) -> None:
    golden = GOLDEN / f"{name}.yaml"
    now = template(NAMESPACE, values(name))
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(now, encoding="utf-8")
    kept = golden.read_text(encoding="utf-8")
    difference = "\n".join(difflib.unified_diff(kept.splitlines(), now.splitlines(), "reviewed", "now", lineterm=""))
    assert now == kept, f"{difference}\nUPDATE_GOLDEN=1 takes it over"


def test_every_reviewed_rendering_is_rendered() -> None:
    assert {path.stem for path in GOLDEN.glob("*.yaml")} == VALUES.keys()


def test_helm_finds_nothing_to_complain_of() -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART))


def test_its_notes_name_what_keeps_objects_after_an_uninstall() -> None:
    """The same finalizers as docs/operating.md: who has uninstalled already reads these."""
    notes = helm("install", "it", str(CHART), "--dry-run=client", f"--namespace={NAMESPACE}").partition("NOTES:")[2]
    operating = (SECURITY.parent / "operating.md").read_text(encoding="utf-8")
    for finalizer in (FINALIZER_RUN, FINALIZER_VERSION, f"{PREFIX_OTHERS_VERSION}NAMESPACE"):
        assert finalizer in notes
        assert finalizer in operating


def test_it_installs_the_version_that_it_lies_beside() -> None:
    chart = _read(CHART / "Chart.yaml")
    version = tomllib.loads((CRDS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert chart["version"] == chart["appVersion"] == version


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"replica": 3}, "replica"),
        ({"replicas": "two"}, "replicas"),
        ({"image": {"digest": "latest"}}, "digest"),
        ({"watchNamespaces": ["Team A"]}, "watchNamespaces"),
        ({"watchNamespaces": ["a", "a"]}, "watchNamespaces"),
        ({"controller": {"logLevel": "LOUD"}}, "logLevel"),
        ({"metrics": {"port": 80}}, "port"),
        ({"metrics": {"serviceMonitor": {"interval": "often"}}}, "interval"),
        ({"serviceAccount": {"create": False}}, "serviceAccount.name is needed"),
    ],
)
def test_wrong_values_are_refused(given: JsonMap, complaint: str) -> None:
    with pytest.raises(HelmError, match=complaint):
        template(NAMESPACE, given)


def test_every_value_that_the_schema_knows_has_a_default() -> None:
    """The other way round, Helm itself refuses a default that the schema does not know."""

    def missing(schema: JsonMap, defaults: JsonMap, where: str = "") -> list[str]:
        found = []
        for key, inner in schema.get("properties", {}).items():
            if key not in defaults:
                found.append(where + key)
            elif isinstance(defaults[key], dict):
                found += missing(inner, defaults[key], f"{where}{key}.")
        return found

    schema = yaml.safe_load((CHART / "values.schema.json").read_text(encoding="utf-8"))
    defaults = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert missing(schema, defaults) == ["global", "resources.claims"]


class TestDefinitions:
    def test_they_are_those_of_this_tree_and_are_kept(self) -> None:
        found = {d["metadata"]["name"]: d for d in rendered({}) if d["kind"] == "CustomResourceDefinition"}
        wanted = {d["metadata"]["name"]: d for d in map(_read, CRDS.glob("*.yaml"))}
        for name, definition in wanted.items():
            assert found[name]["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
            assert found[name]["spec"] == definition["spec"]
        assert found.keys() == wanted.keys()

    def test_they_can_go_with_the_release(self) -> None:
        found = [d for d in rendered({"crds": {"keep": False}}) if d["kind"] == "CustomResourceDefinition"]
        assert found
        assert all("annotations" not in d["metadata"] for d in found)

    def test_they_can_be_left_out(self) -> None:
        assert not [d for d in rendered({"crds": {"install": False}}) if d["kind"] == "CustomResourceDefinition"]


class TestRights:
    def roles(self, values: JsonMap) -> list[JsonMap]:
        """What is bound to the controller."""
        documents = rendered({**values, "crds": {"install": False}})
        bound = {d["roleRef"]["name"] for d in documents if d["kind"].endswith("Binding")}
        return [d for d in documents if d["kind"] in {"Role", "ClusterRole"} and d["metadata"]["name"] in bound]

    @pytest.mark.parametrize("name", ["default", "namespaced"])
    def test_no_wildcard_and_no_secret(self, name: str) -> None:
        for role in self.roles(VALUES[name]):
            for rule in role["rules"]:
                assert "*" not in "".join(rule["apiGroups"] + rule["resources"] + rule["verbs"])
                assert "secrets" not in rule["resources"]

    def test_e2_secrets_can_be_read_by_name_where_that_is_asked_for(self) -> None:
        rules = [rule for role in self.roles(VALUES["secrets"]) for rule in role["rules"]]
        assert [rule["verbs"] for rule in rules if "secrets" in rule["resources"]] == [["get"]]

    def test_the_page_on_security_lists_every_right(self) -> None:
        """As resource and verb; docs/security.md says besides what each is for."""
        given = {
            (resource, verb)
            for role in self.roles({"rbac": {"readSecrets": True}, "kubevirt": {"enabled": True}})
            for rule in role["rules"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        }
        rows = re.findall(r"^\| `([a-z/]+)` \| ([a-z, ]+) \|", SECURITY.read_text(encoding="utf-8"), re.MULTILINE)
        assert {(resource, verb) for resource, verbs in rows for verb in verbs.split(", ")} == given

    def test_namespaced_mode_asks_for_nothing_on_the_whole_cluster(self) -> None:
        roles = self.roles(VALUES["namespaced"])
        assert {(role["kind"], role["metadata"]["namespace"]) for role in roles} == {
            ("Role", NAMESPACE),
            ("Role", "team-a"),
            ("Role", "team-b"),
            ("Role", "images"),
        }
        kinds = {d["kind"] for d in rendered({**VALUES["namespaced"], "crds": {"install": False}})}
        assert not {kind for kind in kinds if kind.startswith("Cluster")}

    def test_scale_sets_namespaces_get_what_the_cluster_role_has_but_nodes(self) -> None:
        def rules(role: JsonMap) -> set[str]:
            return {f"{r['apiGroups']} {r['resources']} {r['verbs']}" for r in role["rules"]}

        (whole,) = (role for role in self.roles({}) if role["kind"] == "ClusterRole")
        (one,) = (r for r in self.roles(VALUES["namespaced"]) if r["metadata"]["namespace"] == "team-a")
        assert rules(whole) - rules(one) == {
            "[''] ['nodes'] ['list', 'watch']",
            "['scheduling.k8s.io'] ['priorityclasses'] ['get']",
            "['storage.k8s.io'] ['storageclasses'] ['get']",
        }


def _read(path: Path) -> JsonMap:
    found: JsonMap = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found
