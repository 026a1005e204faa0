"""`rollkeeper run` as a process of its own, as users run it or under a profiler."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.05
ROOT = Path(__file__).resolve().parents[1]

SHIPPED = ("-m", "rollkeeper")
PROFILED = ("-m", "bench.profiled")
"""With the file for the profile behind it."""


@contextmanager
def controller(kubeconfig: Path, log: Path, program: Sequence[str] = SHIPPED) -> Iterator[int]:
    """A controller that works, for the time of the `with` block. Gives its pid."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ROLLKEEPER_")}
    command = [sys.executable, *program, "run", f"--kubeconfig={kubeconfig}"]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        _wait_until_it_works(process, log)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_works(process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while "working in" not in (said := log.read_text(encoding="utf-8", errors="replace")):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the controller did not start:\n{said[-2000:]}")
        time.sleep(POLL_SECONDS)
