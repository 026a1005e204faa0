"""Completion as a shell asks for it."""

import os
import subprocess
import sys

import pytest

from tests.unit.cli.objects import run, scale_set
from tests.unit.cli.stub import Shell, Stub


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


@pytest.mark.parametrize(
    ("words", "names"),
    [("status w", ["web"]), ("history ", ["api", "web"]), ("retry ", ["up"]), ("pause ", ["api", "web", "up"])],
)
def test_names_are_completed(stub: Stub, shell: Shell, words: str, names: list[str]) -> None:
    """As the cluster has them; the first word is what the shell runs."""
    api = scale_set()
    stub.objects += [scale_set(), {**api, "metadata": {**api["metadata"], "name": "api"}}, run("up")]
    asked = {"COMP_WORDS": f"rollkeeper {words}", "COMP_CWORD": "2", "_ROLLKEEPER_COMPLETE": "complete_bash"}
    assert _rollkeeper(**asked, KUBECONFIG=str(shell.kubeconfig)).stdout.split() == names


def test_without_a_cluster_nothing_is_completed_and_nothing_said() -> None:
    asked = {"COMP_WORDS": "rollkeeper status w", "COMP_CWORD": "2", "_ROLLKEEPER_COMPLETE": "complete_bash"}
    done = _rollkeeper(**asked, KUBECONFIG="/nowhere")
    assert (done.stdout.strip(), done.stderr) == ("", "")
