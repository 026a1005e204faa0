"""Reads manifests as kubectl does, and remembers on which line each field stands."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rollkeeper.api.validation import Path as Field
from rollkeeper.cli.plugin.errors import CommandError

STDIN = "-"
_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """Times stay as they are written: JSON, which is what the API server gets, knows none."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != _TIMESTAMP]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Manifest:
    """One object of a file."""

    source: str
    """The file; `-`: standard input."""
    value: Any
    node: yaml.Node

    def line(self, field: Field = ()) -> int:
        """The line of a field; of one that is not there: of what it should be in."""
        node, line = self.node, self.node.start_mark.line
        for step in field:
            found = _step(node, step)
            if found is None:
                break
            node, line = found
        return int(line) + 1

    def repeated(self) -> Iterator[tuple[int, str]]:
        """Keys that stand twice in one mapping, of which the last would win unseen: line and name."""
        yield from _repeated(self.node)


def _step(node: yaml.Node, step: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((value, key.start_mark.line) for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step].start_mark.line
    return None


def _repeated(node: yaml.Node) -> Iterator[tuple[int, str]]:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated(item)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        if key.value in seen:
            yield key.start_mark.line + 1, str(key.value)
        seen.add(key.value)
        yield from _repeated(value)


def read(sources: Iterable[str]) -> list[Manifest]:
    """All objects of files, folders and `-`, lists taken apart. Raises CommandError for what can't be read."""
    return [manifest for source in sources for name, text in _texts(source) for manifest in _parsed(name, text)]


def _texts(source: str) -> Iterator[tuple[str, str]]:
    if source == STDIN:
        yield source, sys.stdin.read()
        return
    path = Path(source)
    files = sorted(p for p in path.rglob("*") if p.suffix in _SUFFIXES) if path.is_dir() else [path]
    if not files:
        raise CommandError(f"{source}: no .yaml, .yml or .json file is in that folder")
    for file in files:
        try:
            yield str(file), file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise CommandError(f"{file}: can't be read: {reason}") from None


def _parsed(source: str, text: str) -> Iterator[Manifest]:
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is not None:
                yield from _flat(Manifest(source, loader.construct_document(node), node))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise CommandError(f"{source}:{mark.line + 1 if mark else 1}: no YAML: {error.problem}") from None
    finally:
        loader.dispose()


def _flat(manifest: Manifest) -> Iterator[Manifest]:
    """`kind: List`, as kubectl prints several objects and kustomize writes them, is taken apart."""
    value = manifest.value
    if isinstance(value, dict) and str(value.get("kind", "")).endswith("List") and isinstance(value.get("items"), list):
        items = _step(manifest.node, "items")
        for index, item in enumerate(value["items"]):
            found = _step(items[0], index) if items else None
            if found is not None:
                yield from _flat(Manifest(manifest.source, item, found[0]))
    elif value is not None:  # an empty document, as after a trailing ---
        yield manifest
