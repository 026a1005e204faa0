"""Completion as a shell asks for it."""

import os
import subprocess
import sys

import pytest


def _rollkeeper(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "rollkeeper", *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)  # noqa: S603


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_us(shell: str) -> None:
    done = _rollkeeper("completion", shell)
    assert done.returncode == 0
    assert f"_ROLLKEEPER_COMPLETE=complete_{shell}" in done.stdout


def test_commands_are_completed() -> None:
    asked = {"COMP_WORDS": "rollkeeper st", "COMP_CWORD": "1", "_ROLLKEEPER_COMPLETE": "complete_bash"}
    assert _rollkeeper(**asked).stdout.split() == ["status", "start"]


def test_another_shell_is_wrong_usage() -> None:
    done = _rollkeeper("completion", "tcsh")
    assert (done.returncode, done.stderr) == (64, "error: no completion for 'tcsh': choose one of bash, zsh, fish\n")
