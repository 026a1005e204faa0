"""What the pages tell people to type exists: commands and options, targets of make, fields of manifests and patches."""

import json
import re
import shlex
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from rollkeeper.api.crd import KINDS, root_schema
from rollkeeper.cli.app import build
from tests.docs.markdown import PAGES, ROOT, parsed, read

Schema = dict[str, Any]
EXAMPLES = sorted((ROOT / "examples").rglob("*.yaml"))
SCHEMAS = {kind.name: root_schema(kind) for kind in KINDS}
NAMES = {name: kind.name for kind in KINDS for name in (kind.name.lower(), kind.plural, kind.short_name)}
_OURS = re.compile(r"(?:kubectl rollkeeper|(?:(?<=\$ )|(?<=\()|^)rollkeeper)(?= [a-z])[^|;#`)\n]*", re.MULTILINE)
_PATCH = re.compile(r"kubectl patch (?P<kind>\w+) [^\n`]*?(?P<body>'\{.*?\}')(?= |$|\n|`)")
_MAKE = re.compile(r"(?:`|^|\$ )make ([a-z][-a-z0-9]*)", re.MULTILINE)
ids = [str(page.relative_to(ROOT)) for page in PAGES]
pages = pytest.mark.parametrize("page", PAGES, ids=ids)


def typed(page: Path) -> str:
    """Everything of a page that people may type: blocks of code and code in sentences, a line each."""
    text = page.read_text(encoding="utf-8")
    blocks = [block.text.replace("\\\n", " ") for block in read(page).blocks if block.language in {"console", "bash"}]
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", text)])


@lru_cache
def commands() -> dict[str, set[str]]:
    """The commands and their options."""
    group = typer.main.get_command(build([], plugin=False))
    found: dict[str, Any] = group.commands  # type: ignore[attr-defined]
    return {
        name: {option for p in command.params for option in (*p.opts, *p.secondary_opts)} | {"--help"}
        for name, command in found.items()
    }


def wrong_words(line: str) -> str | None:
    """What is wrong with a call of ours."""
    words = shlex.split(line, posix=False)
    words = words[2 if words[0] == "kubectl" else 1 :]
    if words[0] not in commands():
        return f"{line}: there is no command {words[0]}"
    options = {word.split("=")[0] for word in words if word.startswith("-") and word != "-"}
    unknown = options - commands()[words[0]]
    return f"{line}: {words[0]} has no {', '.join(sorted(unknown))}" if unknown else None


@pages
def test_commands_and_options_exist(page: Path) -> None:
    calls = [match[0].strip() for match in _OURS.finditer(typed(page))]
    assert [said for call in calls if (said := wrong_words(call))] == []


@pages
def test_targets_of_make_exist(page: Path) -> None:
    there = set(re.findall(r"^([a-z][-a-z0-9]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(_MAKE.findall(typed(page))) <= there


def unknown_fields(schema: Schema, value: object, path: str) -> Iterator[str]:
    """The fields of a value that its schema does not know; the API server would drop them without a word."""
    if isinstance(value, list):
        for item in value:
            yield from unknown_fields(schema.get("items", {}), item, f"{path}[]")
    if not isinstance(value, dict) or "properties" not in schema:
        return
    for name, child in value.items():
        if name in schema["properties"]:
            yield from unknown_fields(schema["properties"][name], child, f"{path}.{name}")
        elif not schema.get("x-kubernetes-preserve-unknown-fields"):
            yield f"{path}.{name}"


def of_manifest(document: Any) -> list[str]:
    """The unknown fields of a manifest, if it is one of ours."""
    if not isinstance(document, dict) or document.get("kind") not in SCHEMAS:
        return []
    parts = {part: document[part] for part in ("spec", "status") if part in document}
    return list(unknown_fields(SCHEMAS[document["kind"]], parts, document["kind"]))


@pages
def test_manifests_have_known_fields(page: Path) -> None:
    blocks = [block.text for block in read(page).blocks if block.language == "yaml"]
    documents = [document for text in blocks for document in yaml.safe_load_all(text)]
    assert [field for document in documents for field in of_manifest(document)] == []


@pytest.mark.parametrize("file", EXAMPLES, ids=[str(file.relative_to(ROOT)) for file in EXAMPLES])
def test_examples_have_known_fields(file: Path) -> None:
    documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    assert [field for document in documents for field in of_manifest(document)] == []


@pages
def test_patches_have_known_fields(page: Path) -> None:
    found = []
    for match in _PATCH.finditer(typed(page)):
        if match["kind"] in NAMES:
            kind = NAMES[match["kind"]]
            body = {k: v for k, v in json.loads(match["body"].strip("'")).items() if k != "metadata"}
            found += list(unknown_fields(SCHEMAS[kind], body, kind))
    assert found == []


@pytest.mark.parametrize(
    "call", ["kubectl rollkeeper begin web", "kubectl rollkeeper start web --versoin 1.0.0", "rollkeeper run --fast"]
)
def test_wrong_calls_are_found(call: str) -> None:
    assert [wrong_words(match[0]) for match in _OURS.finditer(call)] != [None]


def test_unknown_fields_are_found() -> None:
    wrong = {"kind": "ScaleSet", "spec": {"replica": 1, "extensions": [{"nam": "a"}], "template": {"spec": {"x": 1}}}}
    assert of_manifest(wrong) == ["ScaleSet.spec.replica", "ScaleSet.spec.extensions[].nam"]
    patch = parsed('```console\n$ kubectl patch sset web --type=merge -p \'{"spec": {"replicas": 2}}\'\n```\n')
    assert [match["body"] for block in patch.blocks for match in _PATCH.finditer(block.text)]
