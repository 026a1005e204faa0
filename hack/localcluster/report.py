"""Progress on the standard error: bars in a terminal, plain lines elsewhere.

A cold build takes a quarter of an hour: a person who sees nothing for that long presses Ctrl-C, and a CI system kills a
job that is silent.
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

PLAIN_LINE_EVERY = 30.0


class Reporter:
    """Says what happens, to a person or to a log."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)

    def say(self, message: str) -> None:
        """One line."""
        self._console.print(message, markup=False)

    def wait_for(self, process: subprocess.Popen[bytes], title: str) -> int:
        """Show that `process` is at work until it ends; its exit code."""
        begin = time.monotonic()
        with self._ticker(title) as every:
            while True:
                try:
                    code = process.wait(timeout=every)
                except subprocess.TimeoutExpired:
                    if not self._console.is_terminal:
                        self.say(f"{title}: still building after {_clock(time.monotonic() - begin)}")
                else:
                    break
        if code == 0:
            self.say(f"{title}: done in {_clock(time.monotonic() - begin)}")
        return code

    @contextmanager
    def _ticker(self, title: str) -> Iterator[float]:
        if not self._console.is_terminal:
            self.say(title)
            yield PLAIN_LINE_EVERY
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            progress.add_task(title)
            yield PLAIN_LINE_EVERY


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
