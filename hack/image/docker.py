"""Calls of Docker and uv, with what they say when they refuse."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class ImageError(RuntimeError):
    """The image can't be built; the message says why."""


def call(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> str:
    """Standard output of a program, run in the repository's root.

    Raises:
        ImageError: it is not there, or it failed.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(  # noqa: S603 - words put together in this package, without a shell
            words,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        message = f"{words[0]} is not installed"
        raise ImageError(message) from None
    if done.returncode != 0:
        message = f"{' '.join(words)}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        raise ImageError(message)
    return done.stdout


def docker(*arguments: str | Path) -> str:
    """Standard output of a Docker command. Raises ImageError."""
    return call(["docker", *arguments])


def python_in(image: str, script: str) -> str:
    """What a Python script prints in a container that can reach nothing. Raises ImageError."""
    options = ("--rm", "--network=none", "--read-only", "--entrypoint=python3")
    return docker("run", *options, image, "-c", script)


def uv(*arguments: str | Path) -> str:
    """Standard output of a uv command. Raises ImageError."""
    return call([os.environ.get("UV") or shutil.which("uv") or "uv", *arguments])
