"""`python -m bench.startup`: how long a command takes to its first output, against an API server that answers at once.

What is measured is the command itself: Python, its imports, reading the kubeconfig, one round trip, drawing. The target
is 0.4 s. Python's compiled files are warm, as they are from the second call on.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

ROUNDS = 7
TARGET_SECONDS = 0.4
POLL_SECONDS = 0.01

COMMANDS = (
    ("--help",),
    ("status", "web"),
    ("history", "web"),
    ("wait", "web"),
    ("images", "web"),
    ("drift",),
)

_SET: dict[str, Any] = {
    "apiVersion": "rollkeeper.io/v1alpha1",
    "kind": "ScaleSet",
    "metadata": {"name": "web", "namespace": "default", "uid": "u", "generation": 1, "resourceVersion": "1"},
    "spec": {
        "replicas": 0,
        "imageReference": {"gallery": "golden", "definition": "web"},
        "template": {"spec": {"containers": [{"name": "os"}]}},
    },
    "status": {
        "observedGeneration": 1,
        "conditions": [
            {
                "type": "UpToDate",
                "status": "True",
                "reason": "UpToDate",
                "message": "every instance runs 1.0.0",
                "lastTransitionTime": "2026-01-02T10:00:00Z",
            }
        ],
    },
}
_VERSION: dict[str, Any] = {
    "metadata": {"name": "v1", "namespace": "default"},
    "spec": {"gallery": "golden", "definition": "web", "version": "1.0.0", "image": "r/os:1"},
}


class _Server(BaseHTTPRequestHandler):
    """One set, one version, nothing else."""

    def do_GET(self) -> None:
        """Answers what is asked for."""
        kind = self.path.partition("?")[0].rpartition("/")[2]
        items = {"scalesets": [_SET], "imageversions": [_VERSION]}.get(kind, [])
        answer = _SET if kind == "web" else {"metadata": {"resourceVersion": "1"}, "items": items}
        data = b"" if "watch=true" in self.path else json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class' name
        """Not among the figures."""


def measure(kubeconfig: Path, arguments: tuple[str, ...]) -> float:
    """Seconds from the start of the process to the first byte of its output."""
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.perf_counter()
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "rollkeeper", *arguments], env=environment, stdout=subprocess.PIPE
    ) as process:
        if process.stdout is None or not process.stdout.read(1):
            raise RuntimeError(f"{' '.join(arguments)} printed nothing")
        return time.perf_counter() - began


def main() -> None:
    """Prints the median of each command."""
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
        print(f"{'command':16} median s   all s (target: {TARGET_SECONDS} s)")
        for arguments in COMMANDS:
            measure(kubeconfig, arguments)  # compiles what is imported
            found = [measure(kubeconfig, arguments) for _ in range(ROUNDS)]
            each = " ".join(f"{seconds:.2f}" for seconds in found)
            print(f"{' '.join(arguments):16} {median(found):8.2f}   {each}")


if __name__ == "__main__":
    main()
