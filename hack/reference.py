"""Writes docs/reference/*.md: every field of our kinds, from the same models that the CRDs are made from.

`python -m hack.reference` writes the pages, `python -m hack.reference --check` fails when the committed ones differ.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from rollkeeper.api.crd import CATEGORY, KINDS, WIDE, Kind, root_schema
from rollkeeper.api.structural import Schema
from rollkeeper.api.v1alpha1 import GROUP, VERSION

_ROOT = Path(__file__).resolve().parent.parent
FOLDER = _ROOT / "docs" / "reference"
_HEADER = "<!-- Made from the models in operator/rollkeeper/api by `make crds`. Do not edit. -->\n\n"
_RULES = "x-kubernetes-validations"
_PRESERVE = "x-kubernetes-preserve-unknown-fields"


def pages() -> dict[str, str]:
    """The pages: name and content."""
    return {f"{kind.name.lower()}.md": _HEADER + "\n".join(_page(kind)) for kind in KINDS}


def drift(folder: Path = FOLDER) -> list[str]:
    """Names of pages that are missing, differ from what the models say, or stand for no kind."""
    wanted = pages()
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def write(folder: Path = FOLDER) -> None:
    """Make the folder hold exactly the pages of the models."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for path in folder.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, content in wanted.items():
        (folder / name).write_text(content, encoding="utf-8")


def _page(kind: Kind) -> Iterator[str]:
    schema = root_schema(kind)
    yield f"# {kind.name}\n"
    yield f"{schema['description']}\n"
    yield f"`apiVersion: {GROUP}/{VERSION}`, resource `{kind.plural}`, short name `{kind.short_name}`, "
    yield f"category `{CATEGORY}`. On the command line: `kubectl explain {kind.name.lower()}.spec`.\n"
    yield from _columns(kind)
    if kind.selectable:
        yield f"`--field-selector` knows {_words(path.removeprefix('.') for path in kind.selectable)}.\n"
    yield from _refusals(schema)
    for part in ("spec", "status"):
        yield from _object(schema["properties"][part], part)


def _columns(kind: Kind) -> Iterator[str]:
    for where, priority in ((f"`kubectl get {kind.name.lower()}`", 0), ("`-o wide`", WIDE)):
        shown = [column for column in kind.columns if column.priority == priority]
        if shown:
            yield f"Columns of {where}:\n"
            yield "\n".join(f"- {column.name}: `{column.path.removeprefix('.')}`" for column in shown) + "\n"


def _words(names: Iterator[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _object(schema: Schema, path: str) -> Iterator[str]:
    """A section for an object, and after it those of the objects below it."""
    yield f"## {path}\n"
    if "description" in schema:
        yield f"{_text(schema['description'])}\n"
    if schema.get(_PRESERVE):
        yield "Fields that are not listed here pass through as they are.\n"
    fields: dict[str, Schema] = schema["properties"]
    required = schema.get("required", [])
    yield "| field | is | meaning |"
    yield "|---|---|---|"
    for name, child in fields.items():
        what = _is(child, f"{path}.{name}", required=name in required)
        yield f"| `{name}` | {what} | {_text(child['description'])} |"
    yield ""
    yield from _refusals(schema)
    for name, child in fields.items():
        inner, below = _inner(child, f"{path}.{name}")
        if "properties" in inner:
            yield from _object({**inner, "description": child["description"]}, below)


def _inner(schema: Schema, path: str) -> tuple[Schema, str]:
    """The object that a field is, or is a list of, and its path."""
    return (schema["items"], f"{path}[]") if "items" in schema else (schema, path)


def _is(schema: Schema, path: str, *, required: bool) -> str:
    """Type, whether it must be given, limits and default of a field, in a few words."""
    said = [_type(schema, path)]
    if required:
        said.append("**required**")
    if "default" in schema and schema["default"] not in ({}, []):
        said.append(f"default `{str(schema['default']).lower() if schema['type'] == 'boolean' else schema['default']}`")
    return ", ".join([*said, *_limits(schema)])


def _type(schema: Schema, path: str) -> str:
    inner, below = _inner(schema, path)
    if "items" in schema:
        one = f"[objects](#{_anchor(below)})" if "properties" in inner else f"{inner.get('type', 'value')}s"
        return f"list of {one}"
    if "properties" in schema:
        return f"[object](#{_anchor(path)})"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "additionalProperties" in schema:
        return f"map of {schema['additionalProperties'].get('type', 'value')}s"
    return "time" if schema.get("format") == "date-time" else str(schema.get("type", "any value"))


def _limits(schema: Schema) -> Iterator[str]:
    if "minimum" in schema and "maximum" in schema:
        yield f"{schema['minimum']} to {schema['maximum']}"
    elif "minimum" in schema:
        yield f"at least {schema['minimum']}"
    for key, unit in (("maxLength", "characters"), ("maxItems", "items"), ("maxProperties", "entries")):
        if key in schema:
            yield f"at most {schema[key]:,} {unit}"


def _refusals(schema: Schema) -> Iterator[str]:
    """What the API server says of a manifest that breaks a rule of the object, or of a field without a section."""
    told = list(_told(schema, ""))
    for name, child in schema.get("properties", {}).items():
        inner, _ = _inner(child, "")
        told += _told(child, name) if "properties" not in child else ()
        told += _told(inner, name) if "properties" not in inner else ()
    if told:
        yield "The API server refuses what breaks these rules, in these words:\n"
        yield "\n".join(f"- {words}" for words in dict.fromkeys(told)) + "\n"


def _told(node: Schema, name: str) -> Iterator[str]:
    for rule in node.get(_RULES, ()):
        field = rule.get("fieldPath", name).removeprefix(".")
        yield (f"`{field}`: " if field else "") + _text(rule["message"])


def _text(description: str) -> str:
    """Free text for a cell of a table: one line, and nothing that Markdown or HTML would take for its own."""
    parts = description.replace("\n", " ").replace("|", "\\|").split("`")
    parts[::2] = [part.replace("<", "&lt;").replace("*", "\\*") for part in parts[::2]]
    return "`".join(parts)


def _anchor(path: str) -> str:
    """What GitHub and the site make of a heading."""
    return path.lower().replace(".", "").replace("[]", "")


def main() -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m hack.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when a page differs")
    if not parser.parse_args().check:
        write()
        return 0
    if changed := drift():
        print(f"{FOLDER.relative_to(_ROOT)}: out of date: {', '.join(changed)}; run `make crds`", file=sys.stderr)
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
