"""Starts, finds and ends the processes of a cluster.

A process is known by its pid file, and believed only when its command line names the cluster's folder: after a crash or
a reboot its number may belong to somebody else, who must not be killed.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hack.localcluster.errors import ClusterError
from hack.localcluster.layout import Layout

POLL_SECONDS = 0.05
LOG_LINES = 20

# The shell writes its own number and then becomes the program: there is never a program without a pid file, however
# suddenly the starter dies; and none starts any more when `down` has removed the folder.
LAUNCHER = 'echo $$ > "$0" && exec "$@"'


def launch(layout: Layout, name: str, command: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start one process in a session of its own, so that Ctrl-C in a terminal reaches only who handles it."""
    pid_file = layout.pids / name
    pid_file.unlink(missing_ok=True)
    with log_file(layout, name).open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - built or chosen by the developer; arguments put together here
            ["/bin/sh", "-c", LAUNCHER, str(pid_file), *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=layout.directory,
        )
    # Who stops the process right away must find its number.
    while process.poll() is None and not (pid_file.exists() and _pid(pid_file)):
        time.sleep(POLL_SECONDS / 10)
    return process


def log_file(layout: Layout, name: str) -> Path:
    """Standard output and error of a process, appended to over restarts."""
    return layout.logs / f"{name}.log"


def log_tail(layout: Layout, name: str) -> str:
    """The last lines, for an error message."""
    path = log_file(layout, name)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    return "\n".join([f"--- end of {path}", *lines[-LOG_LINES:]])


def running(layout: Layout) -> dict[str, int]:
    """Name -> pid of each process that is alive."""
    found = {path.name: _pid(path) for path in sorted(layout.pids.glob("*"))}
    return {name: pid for name, pid in found.items() if pid is not None and _belongs(pid, layout)}


def end(layout: Layout, name: str, number: signal.Signals, patience: float) -> None:
    """Signal a process and wait until it is gone; SIGKILL when `patience` seconds were not enough.

    Raises:
        ClusterError: it is still there 10 s after SIGKILL.
    """
    for chosen, seconds in ((number, patience), (signal.SIGKILL, 10.0)):
        pid = running(layout).get(name)
        if pid is None:
            break
        try:
            os.kill(pid, chosen)
        except ProcessLookupError:  # it went by itself in between
            break
        if _becomes_true(lambda: name not in running(layout), seconds):
            break
    else:
        message = f"{name} does not end"
        raise ClusterError(message)
    (layout.pids / name).unlink(missing_ok=True)


def _becomes_true(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _pid(pid_file: Path) -> int | None:
    """None when the launcher has not written it yet, or was killed before."""
    text = pid_file.read_text(encoding="utf-8").strip()
    return int(text) if text.isdigit() else None


def _belongs(pid: int, layout: Layout) -> bool:
    """A zombie has no command line and counts as gone."""
    return f"{layout.directory}{os.sep}" in _command_line(pid)


def _command_line(pid: int) -> str:
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):  # gone
            return ""
    shown = subprocess.run(  # noqa: S603 - only a number goes in
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout
