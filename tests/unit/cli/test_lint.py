"""What lint says of manifests: the same as the API server, on the cases that are tried there."""

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import cel
import pytest
import yaml

from rollkeeper.api.crd import KINDS, Kind, root_schema
from rollkeeper.cli.plugin.errors import CommandError, Ended
from rollkeeper.cli.plugin.lint import command, manifests
from rollkeeper.cli.plugin.options import Options
from tests.cluster.manifests import CUSTOM, image_version, made, scale_set, template, upgrade_run
from tests.cluster.test_crds import ACCEPTED, REFUSED
from tests.unit.cli.objects import Json

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def said(tmp_path: Path) -> "Said":
    return Said(tmp_path / "all.yaml")


class Said:
    """Writes objects into a file, and lints it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __call__(self, *objects: Json) -> list[str]:
        return self.of("---\n".join(yaml.safe_dump(one, sort_keys=False) for one in objects))

    def of(self, text: str) -> list[str]:
        self._file.write_text(text, encoding="utf-8")
        found = command.check(manifests.read([str(self._file)]))
        return [str(one).removeprefix(f"{self._file}:") for one in found]


@pytest.mark.parametrize(("manifest", "says"), REFUSED.values(), ids=REFUSED)
def test_what_the_server_refuses_is_refused_in_its_words(said: Said, manifest: Json, says: tuple[str, ...]) -> None:
    """The table is tried on a real API server by tests/cluster/test_crds.py."""
    told = "\n".join(said(manifest))
    assert [words for words in says if words not in told] == [], told


@pytest.mark.parametrize("manifest", ACCEPTED.values(), ids=ACCEPTED)
def test_what_the_server_accepts_is_accepted(said: Said, manifest: Json) -> None:
    errors = [line for line in said(manifest) if ": note: " not in line]
    only_for_the_controller = ["Platform is for the controller alone"] if "startedBy" in manifest["spec"] else []
    assert len(errors) == len(only_for_the_controller), errors


def test_the_examples_are_sound() -> None:
    """Coming from a StatefulSet is a story of its own, about a set of the same name."""
    takeover = EXAMPLES / "from-statefulset"
    others = [str(path) for path in EXAMPLES.iterdir() if path != takeover and path.suffix in {"", ".yaml"}]
    assert command.check(manifests.read(others)) == []
    assert command.check(manifests.read([str(takeover)])) == []


LINES = """\
apiVersion: rollkeeper.io/v1alpha1
kind: ScaleSet
metadata:
  name: web
spec:
  replica: 3
  imageReference:
    gallery: golden
    definition: web
    version: "1.10"
  health:
    source: Probe
  template:
    spec:
      containers:
        - name: os
          image: ignored
        - name: os
---
apiVersion: rollkeeper.io/v1alpha1
kind: UpgradeRun
metadata:
  name: now
spec: {}
"""


def test_each_finding_has_its_line(said: Said) -> None:
    told = [line.split(": ") for line in said.of(LINES)]
    assert [(line, field) for line, _, field, *_ in told] == [
        ("6", "spec.replica"),
        ("10", "spec.imageReference.version"),
        ("12", "spec.health.source"),
        ("18", "spec.template.spec.containers[1]"),
        ("24", "spec.scaleSetName"),
    ]


def _rules(schema: Json) -> Iterator[Json]:
    yield from schema.get("x-kubernetes-validations", ())
    below = [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]
    for child in below:
        if isinstance(child, dict):
            yield from _rules(child)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.name))
def test_every_rule_uses_only_what_can_be_evaluated_here(kind: Kind) -> None:
    """A function that is not known would make its rule pass unseen."""
    known = {"matches", "size", "contains", "split", "int", "has"}
    for rule in _rules(root_schema(kind)):
        used = {name for name in cel.compile(rule["rule"]).functions() if name.isidentifier()}
        assert used <= known, rule["rule"]


def test_lists_several_documents_and_json_are_read(said: Said) -> None:
    """As kubectl prints them and kustomize writes them; empty documents are none."""
    items = {"apiVersion": "v1", "kind": "List", "items": [image_version(), upgrade_run(imageVersion="x")]}
    assert said.of(f"---\n{json.dumps(items)}\n---\n---\n")[0].endswith("in quotes, like '1.10.0', or 'latest'")
    assert said.of("apiVersion: v1\nkind: Secret\nstringData:\n  a: 2026-01-02\n") == []


def test_times_without_quotes_stay_text(said: Said) -> None:
    assert said.of(yaml.safe_dump(image_version()) + "  publishedTime: 2026-01-02T03:04:05Z\n") == []


def test_a_key_that_stands_twice(said: Said) -> None:
    (told,) = said.of(yaml.safe_dump(upgrade_run()) + "kind: UpgradeRun\n")
    assert "kind: stands here twice" in told


def test_another_version_or_kind_of_ours(said: Said) -> None:
    (told,) = said({**upgrade_run(), "kind": "Upgraderun"})
    assert told.endswith("v1alpha1 has ScaleSet, ImageVersion, UpgradeRun, ImageSource")


def _whole(*objects: Json) -> list[Json]:
    return [scale_set(replicas=3), image_version(), *objects]


TOGETHER: dict[str, tuple[Sequence[Json], str]] = {
    "a set that is elsewhere": ([upgrade_run()], "note: UpgradeRun run: spec.scaleSetName: scale set web is not among"),
    "a version that is elsewhere": (
        _whole(upgrade_run(imageVersion="9.0.0")),
        "note: UpgradeRun run: spec.imageVersion: version 9.0.0 of golden/web is not among these files",
    ),
    "instances that the set has not": (_whole(upgrade_run(instances="1-4")), "3-4: scale set web has 3 instances"),
    "a range that runs backwards": ([upgrade_run(instances="3-1")], "range 3-1 runs backwards: write 1-3"),
    "the controller's sender": ([upgrade_run(startedBy="Platform")], "Platform is for the controller alone"),
    "another version than the pin (T4)": (
        [scale_set(imageReference={**CUSTOM, "version": "1.0.0"}), image_version(), upgrade_run(imageVersion="2.0.0")],
        "scale set web is pinned to 1.0.0",
    ),
    "a version for another OS (V3)": (
        [scale_set(imageReference={**CUSTOM, "version": "1.0.0"}), image_version(osType="Windows")],
        "version 1.0.0 of golden/web is for Windows, the set is Linux",
    ),
    "a version for another region (V4)": (
        _whole(upgrade_run(imageVersion="1.1.0"), {**image_version(version="1.1.0", targetRegions=[{"name": "east"}]),
                                                   "metadata": {"name": "v2"}}),
        "version 1.1.0 of golden/web is not for sets without a region",
    ),
    "a version twice (V7)": (_whole({**image_version(), "metadata": {"name": "v2"}}), "is at"),
    "an object twice": (_whole(scale_set()), "the last one applied would win"),
    "a script that its ConfigMap has not (E2)": (
        [scale_set(customData={"configMapKeyRef": {"name": "boot", "key": "run"}}),
         {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "boot"}, "data": {"ran": "a"}}],
        "ConfigMap boot has no key run",
    ),
    "an image that is ignored": (
        [scale_set(template=template({"name": "os", "image": "a"}))],
        "note: ScaleSet web: spec.template.spec.containers[0].image: is ignored",
    ),
    "no name": ([made("UpgradeRun", "", {"scaleSetName": "web"})], "metadata.name: Required value"),
    "no such name": ([made("UpgradeRun", "Web", {"scaleSetName": "web"})], "Web is no name"),
}  # fmt: skip


@pytest.mark.parametrize(("objects", "says"), TOGETHER.values(), ids=TOGETHER)
def test_what_does_not_fit_together(said: Said, objects: Sequence[Json], says: str) -> None:
    told = said(*objects)
    assert [line for line in told if says in line], told


def _lint(*sources: str, output: str = "") -> int:
    with pytest.raises(Ended) as end:
        command.lint(Options(output=output), sources)
    return end.value.code


def test_exit_codes_and_the_last_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(yaml.safe_dump(upgrade_run()), encoding="utf-8")
    bad.write_text(yaml.safe_dump(upgrade_run(instances="x")), encoding="utf-8")
    assert _lint(str(good)) == 0, "a note is no error"
    assert capsys.readouterr().out.splitlines()[-1] == "1 object checked: 1 note"
    assert _lint(str(tmp_path), output="json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["objects"], told["findings"][0]["file"], told["findings"][0]["line"]) == (2, str(bad), 6)


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(yaml.safe_dump(upgrade_run(type="Kernel"))))
    assert _lint("-") == 1
    assert capsys.readouterr().out.startswith("-:7: UpgradeRun run: spec.type: Unsupported value")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("not-there.yaml", None, "can't be read: No such file or directory"),
        ("a.yaml", "a: [", "a.yaml:1: no YAML"),
        ("empty", "", "no .yaml, .yml or .json file"),
    ],
)
def test_what_can_not_be_read(tmp_path: Path, name: str, text: str | None, says: str) -> None:
    path = tmp_path / name
    if text == "":
        path.mkdir()
    elif text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(CommandError, match=says):
        manifests.read([str(path)])
