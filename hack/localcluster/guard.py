"""Takes a cluster down when the process that owns it dies, however it dies.

A small process of its own that reads a pipe whose other end the owner holds: the end of the pipe is the end of the
owner. (Linux could do it without, by PR_SET_PDEATHSIG; but that counts the death of the *thread* that started the
process, and would kill a server that a test restarted from a worker thread.)
"""

import os
import subprocess
import sys
from pathlib import Path

from hack.localcluster.layout import Layout
from hack.localcluster.report import Reporter
from hack.localcluster.shutdown import shut_down

RELEASE = "release"
PROGRAM = "from hack.localcluster.guard import main; main()"
ROOT = Path(__file__).parents[2]


class Guard:
    """The owner's end of the pipe."""

    def __init__(self, layout: Layout) -> None:
        with (layout.logs / "guard.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - this very module
                [sys.executable, "-c", PROGRAM, str(layout.directory)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C must not reach it: it is needed after the owner's death
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                cwd=ROOT,
            )

    def release(self) -> None:
        """The cluster is down already, or is to go on by itself: the guard leaves without doing anything."""
        self._process.communicate(RELEASE.encode())


def main() -> None:
    """Wait for the owner's word or end."""
    if sys.stdin.read() != RELEASE:
        shut_down(Layout(Path(sys.argv[1])), Reporter())
