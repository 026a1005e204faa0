"""The controller as a process of its own, as in production; only that it runs beside the cluster, not in it."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from hack.demo.watching import DemoError

STOP_SECONDS = 10.0
LOOK_EVERY = 0.5
LOG_LINES = 15


class Controller:
    """`rollkeeper run` on the demo's cluster, its log in a file."""

    def __init__(self, kubeconfig: Path, log: Path) -> None:
        self.log = log
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rollkeeper", "run", "--namespace", "default"],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal reaches the demo, which ends it in order
                env=_environment(kubeconfig),
            )

    @property
    def pid(self) -> int:
        """For the person who keeps it."""
        return self._process.pid

    async def watch_over(self) -> NoReturn:
        """Runs for ever.

        Raises:
            DemoError: the controller ended by itself.
        """
        while self._process.poll() is None:  # noqa: ASYNC110 - must outlive the event loop, so it is no asyncio process
            await asyncio.sleep(LOOK_EVERY)
        raise DemoError(f"the controller ended with code {self._process.returncode}")

    def log_tail(self) -> str:
        """The last lines of its log, for an error message."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join([f"--- end of {self.log}", *lines[-LOG_LINES:]])

    def stop(self) -> int:
        """Ask it to end, and see that it does, in spite of a second Ctrl-C; its exit code (-9: it had to be killed)."""
        self._process.terminate()
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self._process.kill()  # does nothing to one that has ended


def _environment(kubeconfig: Path) -> dict[str, str]:
    """Nothing in the developer's environment may lead the controller to another cluster than the demo's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ROLLKEEPER_", "KUBERNETES_"))}
    return {**kept, "KUBECONFIG": str(kubeconfig)}
