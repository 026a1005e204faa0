"""docs/kubectl.md names every command."""

from pathlib import Path

import pytest

from rollkeeper.cli.plugin.app import COMMANDS

PAGE = (Path(__file__).parents[3] / "docs" / "kubectl.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_explained(command: str) -> None:
    assert f"`{command}" in PAGE
