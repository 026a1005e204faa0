"""What the layout promises: importable from a plain checkout, small modules, no reason that nothing gives."""

import ast
import re
from enum import StrEnum
from pathlib import Path

import pytest

from rollkeeper.engine import reasons

OPERATOR = Path(__file__).parents[2] / "operator"
MODULES = sorted((OPERATOR / "rollkeeper").rglob("*.py"))
DECIDING = [path for path in MODULES if "cli" not in path.parts]
SOURCES = {path: path.read_text(encoding="utf-8") for path in MODULES}
REASON_AT = {"Wanted": 2, "EmitEvent": 3, "Problem": 0, "Blocked": 0, "Refused": 0, "End": 0, "_tell": 1, "record": 1}
"""Which argument of a call is a reason."""
MOST_LINES = 300


def test_the_operator_directory_is_no_package() -> None:
    assert not (OPERATOR / "__init__.py").exists(), "it would hide the standard library's `operator`"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(OPERATOR)))
def test_a_module_is_small(path: Path) -> None:
    assert len(SOURCES[path].splitlines()) <= MOST_LINES


@pytest.mark.parametrize("reason", [reason for enum in reasons.ENUMS for reason in enum], ids=str)
def test_every_reason_is_given_somewhere(reason: StrEnum) -> None:
    name = re.compile(rf"\b{type(reason).__name__}\.{reason.name}\b")
    users = [path for path, text in SOURCES.items() if path.name != "reasons.py" and name.search(text)]
    assert users, f"{type(reason).__name__}.{reason.name} is given by nothing"


@pytest.mark.parametrize("path", DECIDING, ids=lambda path: str(path.relative_to(OPERATOR)))
def test_reasons_are_written_down_in_one_place(path: Path) -> None:
    """docs/reasons.md is held against that place."""
    calls = [node for node in ast.walk(ast.parse(SOURCES[path])) if isinstance(node, ast.Call)]
    for call in calls:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        at = REASON_AT.get(name)
        reason = call.args[at] if at is not None and len(call.args) > at else None
        assert not isinstance(reason, ast.Constant | ast.JoinedStr), f"line {call.lineno}: put it into reasons.py"
