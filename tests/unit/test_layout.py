"""What the layout promises: importable from a plain checkout."""

from pathlib import Path

OPERATOR = Path(__file__).parents[2] / "operator"


def test_the_operator_directory_is_no_package() -> None:
    assert not (OPERATOR / "__init__.py").exists(), "it would hide the standard library's `operator`"
