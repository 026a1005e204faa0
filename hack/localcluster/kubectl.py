"""Runs kubectl against a given cluster, never against the one of the developer's own configuration."""

import subprocess
from pathlib import Path

from hack.localcluster.errors import ClusterError

KUBECTL_SECONDS = 120


def kubectl(program: Path, kubeconfig: Path, *arguments: str, stdin: str | None = None) -> str:
    """Its standard output.

    Raises:
        ClusterError: it failed; with its standard error.
    """
    done = subprocess.run(  # noqa: S603 - built or chosen by the developer, without a shell
        [program, f"--kubeconfig={kubeconfig}", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=KUBECTL_SECONDS,
    )
    if done.returncode != 0:
        message = f"kubectl {' '.join(arguments)}: {done.stderr.strip()}"
        raise ClusterError(message)
    return done.stdout
