"""Runs the programs that the end-to-end tests need, and says clearly what is missing."""

import logging
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

logger = logging.getLogger("e2e")


class ProgramError(RuntimeError):
    """A program failed; the message has its words."""


class NoClusterError(RuntimeError):
    """There is nothing to test on; the message says what to do."""


def run(
    command: Sequence[str | Path],
    *,
    stdin: bytes | None = None,
    seconds: float = 120,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Standard output of a program.

    Raises:
        ProgramError: it failed, or took more than `seconds`.
    """
    shown = " ".join(map(str, command))
    try:
        done = subprocess.run(  # noqa: S603 - the tests' own commands, without a shell
            [str(word) for word in command],
            input=b"" if stdin is None else stdin,
            capture_output=True,
            check=False,
            timeout=seconds,
            env={**os.environ, **(environment or {})},
        )
    except subprocess.TimeoutExpired:
        message = f"{shown}: no end after {seconds:.0f} s"
        raise ProgramError(message) from None
    if done.returncode != 0:
        message = f"{shown}: {done.stderr.decode(errors='replace').strip() or f'exit code {done.returncode}'}"
        raise ProgramError(message)
    return done.stdout.decode(errors="replace")


def need(program: str, why: str) -> str:
    """The path of an installed program.

    Raises:
        NoClusterError: it is not installed.
    """
    found = shutil.which(program)
    if found is None:
        message = f"{program} is not installed: it is needed to {why}"
        raise NoClusterError(message)
    return found
