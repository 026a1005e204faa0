"""Helm in the version that is pinned here, and the chart as it renders.

    python -m hack.helm lint --strict charts/rollkeeper

It is built with Go into the cache, once. Nothing is read from or written to the user's own Helm configuration.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from hack.localcluster import ClusterError
from hack.localcluster.build import ensure
from hack.localcluster.report import Reporter
from hack.localcluster.tools import helm_tool

CHART = Path(__file__).resolve().parent.parent / "charts" / "rollkeeper"
SECONDS = 600


class HelmError(RuntimeError):
    """Helm refused; the message has its words."""


@cache
def program() -> Path:
    """The pinned Helm. Raises ClusterError where it can't be built."""
    return ensure((helm_tool(),), Reporter())["helm"]


def helm(*arguments: str, kubeconfig: Path | None = None) -> str:
    """Standard output of a Helm command; without a kubeconfig it can reach no cluster. Raises HelmError."""
    with tempfile.TemporaryDirectory(prefix="rollkeeper-helm-") as home:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "KUBECONFIG": str(kubeconfig) if kubeconfig is not None else os.devnull,
        }
        done = subprocess.run(  # noqa: S603 - our own Helm, arguments put together in this repository
            [program(), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
            stdin=subprocess.DEVNULL,
        )
    if done.returncode != 0:
        message = f"helm {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}"
        raise HelmError(message)
    return done.stdout


def template(
    namespace: str, values: dict[str, Any] | None = None, *, chart: Path = CHART, release: str = "rollkeeper"
) -> str:
    """The chart's manifests for a release in a namespace. Raises HelmError."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        yaml.safe_dump(values or {}, file)
        file.flush()
        return helm("template", release, str(chart), f"--namespace={namespace}", f"--values={file.name}")


def main(arguments: Sequence[str]) -> int:
    """Runs Helm as it is; returns its exit code."""
    try:
        return subprocess.run([program(), *arguments], check=False).returncode  # noqa: S603 - the developer's own words
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
