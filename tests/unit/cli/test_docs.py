"""docs/kubectl.md names every command, and shows what commands really print."""

import re
from pathlib import Path

import pytest

from rollkeeper.cli.plugin.app import COMMANDS
from tests.unit.cli.golden import FOLDER

PAGE = (Path(__file__).parents[3] / "docs" / "kubectl.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_explained(command: str) -> None:
    assert f"`{command}" in PAGE


EXAMPLES = re.findall(r"<!-- (\S+\.txt) -->\n```console\n\$ kubectl rollkeeper [^\n]*\n(.*?)```\n", PAGE, re.DOTALL)


@pytest.mark.parametrize(("golden", "shown"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_examples_are_what_is_printed(golden: str, shown: str) -> None:
    """A changed golden file is to be copied into the page, too."""
    assert shown == (FOLDER / golden).read_text(encoding="utf-8")


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == PAGE.count("<!-- ") >= 7
