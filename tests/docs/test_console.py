"""Commands and their output are read from pages as people read them."""

import pytest

from tests.docs.console import Step, differs, steps
from tests.docs.markdown import Block


def read(text: str) -> list[Step]:
    return list(steps(Block("console", text, 10)))


def test_a_step_is_a_command_with_its_output() -> None:
    assert read("$ one\na\n\nb\n$ two\n") == [Step("one", ("a", "b"), 11), Step("two", (), 15)]


@pytest.mark.parametrize(
    "command", ["a \\\n  b", "cat <<END\n$ no command\nEND", "for i in 0 1; do\n    a $i ||\n    break\n  done"]
)
def test_a_command_may_have_several_lines(command: str) -> None:
    assert read(f"$ {command}\nsaid\n") == [Step(command, ("said",), 11)]


def test_output_of_nothing_is_an_error_of_the_page() -> None:
    with pytest.raises(ValueError, match="line 11 is neither"):
        read("said\n$ one\n")


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ("web   10   2s", "web 10    1m3s\n"),
        ("web-1-1-0-abcde done", "web-1-1-0-kx9z2 done"),
        ("web-user-abcde", "web-user-12345"),
        ("at 2026-01-01T00:00:00Z", "at 2027-02-03T04:05:06Z"),
        ("a\n…\nz", "a\nb\nc\nz"),
        ("a\n…", "a"),
    ],
)
def test_what_no_page_can_know_may_differ(said: str, printed: str) -> None:
    assert differs(tuple(said.split("\n")), printed) is None


@pytest.mark.parametrize(
    ("said", "printed"),
    [("a", "b"), ("a", ""), ("", "a"), ("web 10 2s", "web 9 2s"), ("a\n…\nz", "a\nb"), ("1.1.0", "1.2.0")],
)
def test_all_else_may_not(said: str, printed: str) -> None:
    assert differs(tuple(said.split("\n")) if said else (), printed)
