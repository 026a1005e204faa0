"""The controller as a process of its own, as `rollkeeper run` starts it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.e2e.programs import logger

STOP_SECONDS = 20


class Controller:
    """Runs in one namespace; its log is one file over restarts."""

    def __init__(self, kubeconfig: Path, namespace: str, log: Path) -> None:
        self._environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        self._arguments = ("--namespace", namespace, "--watch-namespace", namespace)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "rollkeeper", "run", *self._arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        logger.info("the controller runs as process %s", self._process.pid)

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code; killed when it does not end in time."""
        assert self._process is not None
        self._process.send_signal(number)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
