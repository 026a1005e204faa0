"""The commands for people as they are run: a process, its output, its exit code; or a terminal of their own."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60.0


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str


class Plugin:
    """Runs commands in one namespace of one cluster."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "NO_COLOR": "1"}
        self._namespace = namespace

    def ask(self, *arguments: str, stdin: str | None = None) -> Answer:
        """A command to its end, whatever that is."""
        done = subprocess.run(  # noqa: S603 - our own program
            self._command(*arguments),
            cwd=ROOT,
            env=self._environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def __call__(self, *arguments: str) -> str:
        """The output of a command that ends well."""
        answer = self.ask(*arguments)
        assert answer.code == 0, answer
        return answer.out

    @contextmanager
    def started(self, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        """A command that runs meanwhile."""
        with subprocess.Popen(  # noqa: S603 - our own program
            self._command(*arguments),
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    @contextmanager
    def in_a_terminal(self, *arguments: str, width: int = 80) -> Iterator["Terminal"]:
        """A command in a pseudo-terminal of that width, interrupted at the end as by Ctrl-C."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
        environment = {**self._environment, "TERM": "xterm-256color"}
        environment.pop("COLUMNS", None)
        environment.pop("NO_COLOR")
        process = subprocess.Popen(  # noqa: S603 - our own program
            self._command(*arguments), cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        try:
            yield Terminal(ours, process)
        finally:
            process.kill()
            process.wait()
            os.close(ours)

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "rollkeeper", *arguments, f"--namespace={self._namespace}"]


class Terminal:
    """What a person sees, as the bytes that came."""

    def __init__(self, descriptor: int, process: "subprocess.Popen[bytes]") -> None:
        self.seen = ""
        self._descriptor = descriptor
        self._process = process

    def until(self, text: str, begin: int = 0) -> int:
        """Reads until a text has been shown, after `begin`; returns where it ends. Fails after a while."""
        deadline = time.monotonic() + SECONDS
        while (found := self.seen.find(text, begin)) < 0:
            assert time.monotonic() < deadline, f"{text!r} was not shown; but:\n{self.seen[-3000:]}"
            self._read()
        return found + len(text)

    def interrupt(self) -> int:
        """Ctrl-C; returns the exit code."""
        self._process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + SECONDS
        while self._process.poll() is None:
            assert time.monotonic() < deadline, "Ctrl-C did not end it"
            self._read()
        return int(self._process.wait())

    def _read(self) -> None:
        ready, _, _ = select.select([self._descriptor], [], [], 0.2)
        if ready:
            with suppress(OSError):  # the other side was closed
                self.seen += os.read(self._descriptor, 65536).decode(errors="replace")
