"""What a command must not import, or it would not answer in time; how long it takes is measured in bench/startup.py."""

import subprocess
import sys

import pytest

HEAVY = ("aiohttp", "asyncio", "importlib.metadata", "kopf", "kubernetes", "pydantic")

LEFT_OUT = ("cel", "prompt_toolkit", "wcwidth", "pygments")
"""The modules of `hack.image.build.NOT_IN_THE_IMAGE`, and of what goes with it."""

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


def test_lint_imports_the_evaluator_without_its_command_line() -> None:
    code = (
        "import sys, rollkeeper.cli.plugin.lint.command; print(*sorted({'cel', 'prompt_toolkit'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.split() == ["cel"]


def test_the_image_leaves_out_what_lint_alone_needs() -> None:
    """What `hack.image` leaves out is missed by no other command, and lint says where it is to be had."""
    code = f"""
import importlib, pkgutil, sys
sys.modules.update(dict.fromkeys({LEFT_OUT!r}))  # as if they were not installed
import rollkeeper.cli
modules = [m.name for m in pkgutil.walk_packages(rollkeeper.__path__, "rollkeeper.")]
for name in modules:
    if name != "rollkeeper.__main__" and not name.startswith("rollkeeper.cli.plugin.lint"):
        importlib.import_module(name)
sys.argv = ["rollkeeper", "lint", "a-file.yaml"]
rollkeeper.cli.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 1
    assert done.stderr.startswith("error: lint needs the package common-expression-language")
