"""What the layout promises: importable from a plain checkout, small modules, no reason that nothing gives."""

import re
from enum import StrEnum
from pathlib import Path

import pytest

from rollkeeper.engine import reasons

OPERATOR = Path(__file__).parents[2] / "operator"
MODULES = sorted((OPERATOR / "rollkeeper").rglob("*.py"))
SOURCES = {path: path.read_text(encoding="utf-8") for path in MODULES}
ENUMS: tuple[type[StrEnum], ...] = (reasons.Code, reasons.Wait, reasons.Failure, reasons.Hold, reasons.State)
MOST_LINES = 300


def test_the_operator_directory_is_no_package() -> None:
    assert not (OPERATOR / "__init__.py").exists(), "it would hide the standard library's `operator`"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(OPERATOR)))
def test_a_module_is_small(path: Path) -> None:
    assert len(SOURCES[path].splitlines()) <= MOST_LINES


@pytest.mark.parametrize("reason", [reason for enum in ENUMS for reason in enum], ids=str)
def test_every_reason_is_given_somewhere(reason: StrEnum) -> None:
    name = re.compile(rf"\b{type(reason).__name__}\.{reason.name}\b")
    users = [path for path, text in SOURCES.items() if path.name != "reasons.py" and name.search(text)]
    assert users, f"{type(reason).__name__}.{reason.name} is given by nothing"
