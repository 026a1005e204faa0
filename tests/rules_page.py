"""Reads docs/rules.md, and says what is not true in it.

A rule there is a heading with its number, some sentences, and two kinds of lines that can be checked: `Shown by` links
to tests and golden logs, `Not built yet` names API fields or reasons that do not exist.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from rollkeeper.engine import reasons

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "rules.md"
CRDS = ROOT / "crds"

_HEADING = re.compile(r"^### (?P<number>[^:\n]+): .+$", re.MULTILINE)
_LINK = re.compile(r"\[`(\w+)`\]\(([^)#]+)\)")
_QUOTED = re.compile(r"`([^`]+)`")
_NUMBER = re.compile(r"\b([VTBHFMEI])(\d{1,2})(b?)\b")
_SPAN = re.compile(r"\b([VTBHFMEI])(\d{1,2}) to \1(\d{1,2})\b")


@dataclass(frozen=True)
class Rule:
    """One rule as the page tells it."""

    number: str
    """`B8`; a word of section 0 stands for itself."""
    shown_by: tuple[tuple[str, str], ...]
    """Names of tests or golden logs, and their paths as seen from docs/."""
    not_built: tuple[str, ...]
    """What does not exist yet: `ScaleSet.spec.region`, `ScaleSet.spec.health.source=ApplicationHealth`, or a reason."""


def read(page: str) -> list[Rule]:
    """The rules of a page, in their order."""
    found = list(_HEADING.finditer(page))
    ends = [match.start() for match in found[1:]] + [len(page)]
    return [
        _rule(match["number"], page[match.end() : end].split("\n## ", maxsplit=1)[0])
        for match, end in zip(found, ends, strict=True)
    ]


def _rule(number: str, body: str) -> Rule:
    paragraphs = body.split("\n\n")
    shown = " ".join(p for p in paragraphs if p.strip().startswith("Shown by"))
    missing = " ".join(p for p in paragraphs if p.strip().startswith("Not built yet"))
    return Rule(number, tuple(_LINK.findall(shown)), tuple(_QUOTED.findall(missing)))


def problems(rule: Rule) -> Iterator[str]:
    """What is wrong with a rule on the page, with what to do."""
    if not rule.shown_by and not rule.not_built:
        yield f"{rule.number} has no test: name one after 'Shown by', or what is missing after 'Not built yet'"
    for name, path in rule.shown_by:
        source = _source(name, (PAGE.parent / path).resolve())
        if source is None:
            yield f"{rule.number}: there is no {name} in {path}"
        elif not _cites(source, rule.number):
            yield f"{rule.number}: {name} in {path} does not cite it: write the number into its name or docstring"
    for thing in rule.not_built:
        if exists(thing):
            yield f"{rule.number}: {thing} exists now: say what it does, name the test, and take it off 'Not built yet'"


def cited(text: str) -> set[str]:
    """The numbers of the rules that a text names: `B8`, `_b8_`, `I1 to I7`."""
    found = {f"{letter}{number}{tail}" for letter, number, tail in _NUMBER.findall(text)}
    for letter, first, last in _SPAN.findall(text):
        found |= {f"{letter}{n}" for n in range(int(first), int(last) + 1)}
    in_names = re.findall(r"_([vtbhfmei])(\d{1,2})(b?)(?=_|\()", text)
    return found | {f"{letter.upper()}{number}{tail}" for letter, number, tail in in_names}


def _cites(source: str, number: str) -> bool:
    is_word = not _NUMBER.fullmatch(number)
    return number in source.lower().replace("_", " ") if is_word else number in cited(source)


def _source(name: str, path: Path) -> str | None:
    """The text of a test with the tables that feed it, or what a golden log says of itself."""
    if not path.is_file():
        return None
    if path.suffix == ".log":
        return _lines(path)[0] if path.stem == name else None
    module = _parsed(path)
    found = next((n for n in module.body if isinstance(n, _NAMED) and n.name == name), None)
    if found is None:
        return None
    own = _text(path, found)
    if isinstance(found, ast.ClassDef):
        own += ast.get_docstring(module) or ""
    decorators = "".join(_text(path, decorator) for decorator in found.decorator_list)
    tables = set(re.findall(r"\b[A-Z][A-Z_]+\b", decorators))
    return "\n".join([decorators, own, *(_text(path, n) for n in module.body if _assigned(n) in tables)])


_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _assigned(node: ast.stmt) -> str:
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    return target.id if isinstance(target, ast.Name) else ""


def _text(path: Path, node: ast.stmt | ast.expr) -> str:
    return "\n".join(_lines(path)[node.lineno - 1 : node.end_lineno])


@lru_cache
def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


@lru_cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def exists(thing: str) -> bool:
    """Whether a field, an allowed value of a field, or a reason exists."""
    if "." not in thing:
        return any(thing in {str(reason) for reason in enum} for enum in reasons.ENUMS)
    path, _, value = thing.partition("=")
    kind, *fields = path.split(".")
    schema = _schemas()[kind]
    for field in fields:
        schema = schema.get("items", schema).get("properties", {}).get(field)
        if schema is None:
            return False
    return not value or value in schema.get("enum", ())


@lru_cache
def _schemas() -> dict[str, dict[str, Any]]:
    crds = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(CRDS.glob("*.yaml"))]
    return {crd["spec"]["names"]["kind"]: crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for crd in crds}
