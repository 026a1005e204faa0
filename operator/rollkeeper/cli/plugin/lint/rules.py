"""The rules that stand in the CRDs, in CEL as the API server evaluates them; those on changes need an old object."""

import sys
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

from rollkeeper.api.structural import Schema
from rollkeeper.api.validation import Fault, Path, children
from rollkeeper.cli.plugin.errors import CommandError

# The package imports its own command line, with an editor of lines and a highlighter: a third of the time that lint
# takes. An empty module in its place keeps the answer within 0.4 s; nothing of it is used here.
sys.modules.setdefault("cel.cli", ModuleType("cel.cli"))
try:
    import cel
except ModuleNotFoundError:
    raise CommandError(
        "lint needs the package common-expression-language, which the controller's image leaves out: run it where the "
        "plugin is installed, as by `uv tool install .` in the repository"
    ) from None

_RULES = "x-kubernetes-validations"


def faults(schema: Schema, value: Any, path: Path = ()) -> Iterator[Fault]:  # noqa: ANN401 - JSON
    """What the rules refuse, in the words that they have for it. The value must have its defaults."""
    for rule in schema.get(_RULES, ()):
        if "oldSelf" not in rule["rule"] and not _holds(rule["rule"], value):
            yield Fault((*path, *_steps(rule.get("fieldPath", ""))), _message(rule, value))
    for step, child, below in children(schema, value):
        yield from faults(below, child, (*path, step))


def _holds(rule: str, value: Any) -> bool:  # noqa: ANN401 - JSON
    try:
        return bool(_compiled(rule).execute(_context(value)))
    except (KeyError, RuntimeError, TypeError, ValueError):
        return True  # a field that the rule relies on is missing, or of another type: the schema says so already


def _message(rule: dict[str, str], value: Any) -> str:  # noqa: ANN401 - JSON
    if "messageExpression" in rule:
        return str(_compiled(rule["messageExpression"]).execute(_context(value)))
    return rule["message"]


@cache
def _compiled(expression: str) -> cel.Program:
    return cel.compile(expression)


def _context(value: Any) -> cel.Context:  # noqa: ANN401 - JSON
    context = cel.Context(variables={"self": value})
    context.add_function("split", _split)  # of Kubernetes' own functions the one that our rules use
    return context


def _split(text: str, separator: str) -> list[str]:
    return text.split(separator)


def _steps(field_path: str) -> Path:
    return tuple(field_path.removeprefix(".").split(".")) if field_path else ()
