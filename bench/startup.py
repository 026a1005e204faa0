"""`python -m bench.startup`: how long a command takes to its first output, against an API server that answers at once.

What is measured is the command itself: Python, its imports, reading the kubeconfig, one round trip, drawing. The target
is 0.4 s. Python's compiled files are warm, as they are from the second call on. Beside it stand the start of Python
alone and, where it is built, of kubectl. The processor time is what a machine with nothing else to do would take; the
time on the clock is longer by as much as others want of this one.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

from hack.localcluster.tools import cache_folder, newest_kubernetes, tools_for

ROUNDS = 9
TARGET_SECONDS = 0.4
POLL_SECONDS = 0.01
MANIFEST = Path(__file__).parents[1] / "examples" / "scaleset.yaml"

COMMANDS = (
    ("--help",),
    ("status", "web"),
    ("history", "web"),
    ("wait", "web"),
    ("images", "web"),
    ("drift",),
    ("plan", "web"),
    ("lint", str(MANIFEST)),
)

BORN = "2026-01-02T10:00:00Z"
REPLICAS = 3


def _condition(kind: str, message: str = "") -> dict[str, str]:
    return {"type": kind, "status": "True", "reason": kind, "message": message, "lastTransitionTime": BORN}


_IMAGE = {"gallery": "golden", "definition": "web"}
_SET: dict[str, Any] = {
    "apiVersion": "rollkeeper.io/v1alpha1",
    "kind": "ScaleSet",
    "metadata": {"name": "web", "namespace": "default", "uid": "u", "generation": 1, "resourceVersion": "1"},
    "spec": {
        "replicas": REPLICAS,
        "imageReference": _IMAGE,
        "template": {"spec": {"containers": [{"name": "os"}]}},
    },
    "status": {
        "observedGeneration": 1,
        "provenImage": "golden/web",
        "provenImageVersion": "1.0.0",
        "provenModelRevision": "web-m1",
        "modelRevision": "web-m1",
        "latestImageVersion": "1.1.0",
        "conditions": [_condition("UpToDate", "every instance runs 1.0.0")],
    },
}
_VERSIONS: list[dict[str, Any]] = [
    {
        "metadata": {"name": f"v{minor}", "namespace": "default", "creationTimestamp": BORN},
        "spec": {**_IMAGE, "version": f"1.{minor}.0", "image": f"r/os:{minor}"},
        "status": {"conditions": [_condition("Ready")]},
    }
    for minor in range(2)
]
_PODS: list[dict[str, Any]] = [
    {
        "metadata": {
            "name": f"web-{ordinal}",
            "namespace": "default",
            "uid": str(ordinal),
            "creationTimestamp": BORN,
            "labels": {"rollkeeper.io/image-version": "1.0.0", "rollkeeper.io/model-revision": "web-m1"},
            "ownerReferences": [{"uid": "u", "controller": True}],
        },
        "spec": {"containers": [{"name": "os"}]},
        "status": {
            "phase": "Running",
            "conditions": [_condition("Ready")],
            "containerStatuses": [{"name": "os", "state": {"running": {"startedAt": BORN}}}],
        },
    }
    for ordinal in range(REPLICAS)
]


class _Server(BaseHTTPRequestHandler):
    """One set, its versions and pods, nothing else."""

    def do_GET(self) -> None:
        """Answers what is asked for."""
        kind = self.path.partition("?")[0].rpartition("/")[2]
        items = {"scalesets": [_SET], "imageversions": _VERSIONS, "pods": _PODS}.get(kind, [])
        answer = _SET if kind == "web" else {"metadata": {"resourceVersion": "1"}, "items": items}
        data = b"" if "watch=true" in self.path else json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class' name
        """Not among the figures."""


@dataclass(frozen=True)
class Start:
    """One start of a command."""

    output: float
    """Seconds on the clock from the start of the process to the first byte of its output."""
    processor: float
    """Seconds of processor time until its end."""


def measure(kubeconfig: Path, command: Sequence[str]) -> Start:
    """Runs a command once. Raises RuntimeError when it prints nothing."""
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own programs
        if process.stdout is None or not process.stdout.read(1):
            raise RuntimeError(f"{' '.join(command)} printed nothing")
        output = time.perf_counter() - began
        process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Start(output, usage.ru_utime + usage.ru_stime)


def commands() -> dict[str, Sequence[str]]:
    """What is measured, by the name that the table has for it; the first is the yardstick."""
    yardsticks: dict[str, Sequence[str]] = {"python -c 'print()'": [sys.executable, "-c", "print()"]}
    tools = {tool.name: tool for tool in tools_for(newest_kubernetes())}
    kubectl = tools["kubectl"].path(cache_folder())
    if kubectl.exists():
        yardsticks["kubectl version --client"] = [str(kubectl), "version", "--client"]
    ours = {_name(arguments): [sys.executable, "-m", "rollkeeper", *arguments] for arguments in COMMANDS}
    return {**yardsticks, **ours}


def _name(arguments: Sequence[str]) -> str:
    return "rollkeeper " + " ".join(Path(argument).name for argument in arguments)


def main() -> None:
    """Prints the medians of each command."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder) / "config"
        url = f"http://127.0.0.1:{server.server_address[1]}"
        config = {
            "clusters": [{"name": "c", "cluster": {"server": url}}],
            "contexts": [{"name": "x", "context": {"cluster": "c"}}],
            "current-context": "x",
        }
        kubeconfig.write_text(json.dumps(config), encoding="utf-8")
        print(f"medians of {ROUNDS}; the target for the first output is {TARGET_SECONDS} s on a quiet machine")
        print(f"{'command':28} first output s   processor s   times python's")
        bare = 0.0
        for name, command in commands().items():
            measure(kubeconfig, command)  # compiles what is imported
            found = [measure(kubeconfig, command) for _ in range(ROUNDS)]
            processor = median(one.processor for one in found)
            bare = bare or processor
            print(f"{name:28} {median(o.output for o in found):14.2f} {processor:13.2f} {processor / bare:16.1f}")


if __name__ == "__main__":
    main()
