"""`rollkeeper run` as a process of its own: started, stopped, killed, and waited for; its log is kept."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from hack.localcluster import LocalCluster
from tests.cluster import release

START_SECONDS = 60.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.05
TAIL_LINES = 80
GIVES_UP = "rollkeeper ends: "
ROOT = Path(__file__).resolve().parents[2]

SHIPPED = ("-m", "rollkeeper")
"""The arguments of Python that run the command as users get it."""


class Controller:
    """One controller process at a time, with a log that outlives it."""

    def __init__(self, kubeconfig: Path, log: Path, *flags: str) -> None:
        self._kubeconfig = kubeconfig
        self._log = log
        self._flags = flags
        self._process: subprocess.Popen[bytes] | None = None
        self.name = log.stem
        log.touch()

    @classmethod
    def in_namespace(cls, cluster: LocalCluster, namespace: str, log: Path, images_namespace: str = "") -> Self:
        """For one namespace alone, with its Lease there; with the rights that the chart gives, and no other."""
        account = release.install(cluster, namespace, log.parent, images_namespace)
        flags = (f"--{name}={namespace}" for name in ("namespace", "watch-namespace"))
        return cls(account, log, *flags, f"--images-namespace={images_namespace or namespace}")

    def start(self, program: Sequence[str] = SHIPPED, flags: Sequence[str] = (), *, by_flag: bool = False) -> None:
        """Starts it, and returns when it has begun to work. It finds the cluster by $KUBECONFIG, or by its flag."""
        already = len(self.log())
        process = self.launch(program, flags, by_flag=by_flag)
        deadline = time.monotonic() + START_SECONDS
        while "working in" not in self.log()[already:]:
            assert process.poll() is None, f"the controller ended at its start:\n{self.tail()}"
            assert time.monotonic() < deadline, f"the controller did not start in {START_SECONDS:.0f} s:\n{self.tail()}"
            time.sleep(POLL_SECONDS)

    def launch(
        self, program: Sequence[str] = SHIPPED, flags: Sequence[str] = (), *, by_flag: bool = False
    ) -> "subprocess.Popen[bytes]":
        """Starts it, and returns at once: it may have to stand by."""
        assert self._process is None, "it runs already"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ROLLKEEPER_")}
        environment.pop("KUBECONFIG", None)
        environment["POD_NAME"] = self.name  # the holder of a Lease is called so
        command = [sys.executable, *program, "run", *self._flags, *flags]
        if by_flag:
            command.append(f"--kubeconfig={self._kubeconfig}")
        else:
            environment["KUBECONFIG"] = str(self._kubeconfig)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self._process

    def stop(self) -> None:
        """SIGTERM, as Kubernetes ends a pod; it must end by itself and cleanly."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            code = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"SIGTERM did not end the controller in {STOP_SECONDS:.0f} s") from None
        self._process = None
        assert code == 0, f"the controller ended with {code}:\n{self.tail()}"

    def kill(self) -> None:
        """SIGKILL, as a crash."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def wait_for_its_death(self, seconds: float) -> None:
        """Returns when it has been killed by SIGKILL."""
        assert self._ended(seconds) == -signal.SIGKILL, f"the controller was not killed:\n{self.tail()}"

    def wait_until_it_gives_up(self, seconds: float) -> None:
        """Returns when it has ended by itself because it can't be sure any more that it leads."""
        code = self._ended(seconds)
        assert (code, GIVES_UP in self.tail()) == (1, True), f"the controller ended with {code}:\n{self.tail()}"

    def start_again_if_it_gave_up(self) -> None:
        """As the kubelet does. Returns at once."""
        if self._process is not None and self._process.poll() is not None:
            self.wait_until_it_gives_up(0)
            self.launch()

    def end(self) -> None:
        """Stops it, unless it has given up because it could not be sure that it leads."""
        if self._process is not None and self._process.poll() is not None:
            self.wait_until_it_gives_up(0)
        self.stop()

    def _ended(self, seconds: float) -> int:
        assert self._process is not None, "it does not run"
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the controller still lives after {seconds:.0f} s:\n{self.tail()}") from None
        self._process = None
        return code

    def wake(self) -> None:
        """SIGCONT, for one that was stopped by SIGSTOP."""
        assert self._process is not None, "it does not run"
        self._process.send_signal(signal.SIGCONT)

    def check(self) -> None:
        """Fails at once when it has ended by itself: nothing that is awaited of it would come."""
        assert self._process is not None, "the controller was not started"
        assert self._process.poll() is None, f"the controller ended with {self._process.returncode}:\n{self.tail()}"

    def log(self) -> str:
        """All that it, and its predecessors, have said."""
        return self._log.read_text(encoding="utf-8")

    def tail(self, about: str = "") -> str:
        """The last lines, of those that have `about` in them."""
        return "\n".join([line for line in self.log().splitlines() if about in line][-TAIL_LINES:])
