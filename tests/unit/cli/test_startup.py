"""What a command must not import, or it would not answer in time; how long it takes is measured in bench/startup.py."""

import subprocess
import sys

import pytest

HEAVY = ("aiohttp", "asyncio", "importlib.metadata", "kopf", "kubernetes", "pydantic")

FAST = ("status", "history", "live", "waiting", "steering", "holds", "protection")


@pytest.mark.parametrize("module", FAST)
def test_a_fast_command_imports_nothing_heavy(module: str) -> None:
    code = f"import sys, rollkeeper.cli.plugin.{module}; print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.split() == []


def test_no_library_imports_what_we_do_not() -> None:
    """A whole command, as far as to the cluster that is not there."""
    code = (
        "import sys; from rollkeeper.cli import main; sys.argv = ['rollkeeper', 'status', 'web', '--kubeconfig=/no']\n"
        f"try: main()\nexcept SystemExit: print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.split() == []
    assert "kubeconfig" in done.stderr


def test_the_help_imports_no_rich() -> None:
    code = "import sys; from rollkeeper.cli.app import build; build([], plugin=True); print('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "False"
