"""Follows a page of the documentation: runs the commands of its console blocks and compares what they print.

With UPDATE_GOLDEN=1 the page gets what was printed where that differs; review it as any golden file.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from hack.localcluster import LocalCluster
from hack.localcluster.kubectl import kubectl
from tests.docs.console import Step, differs, steps
from tests.docs.markdown import ROOT, read

SECONDS = 180.0
BASH = shutil.which("bash") or "/bin/bash"


class Reader:
    """Somebody at a shell in the root of the repository, with kubectl and the plugin, in one namespace."""

    def __init__(self, cluster: LocalCluster, namespace: str, folder: Path) -> None:
        kubeconfig = folder / "reader.kubeconfig"
        shutil.copy(cluster.kubeconfig, kubeconfig)
        program = cluster.program("kubectl")
        kubectl(program, kubeconfig, "config", "set-context", "--current", f"--namespace={namespace}")
        path = [str(program.parent), str(Path(sys.executable).parent), os.environ["PATH"]]
        self._namespace = namespace
        self._environment = {
            **os.environ,
            "HOME": str(folder),
            "KUBECONFIG": str(kubeconfig),
            "PATH": os.pathsep.join(path),
            "COLUMNS": "140",
            "ROLLKEEPER_IMAGES_NAMESPACE": namespace,
        }

    def follow(self, page: Path) -> None:
        """All of the page, in its order; fails at the first command that fails, or that prints something else."""
        printed: list[tuple[Step, str]] = []
        try:
            for step in [step for block in read(page).blocks if block.language == "console" for step in steps(block)]:
                said = self._run(step, page.name)
                difference = differs(step.output, said)
                if difference is not None and os.environ.get("UPDATE_GOLDEN"):
                    printed.append((step, said))
                else:
                    assert difference is None, f"{page.name}:{step.line}: {step.command}\n{difference}"
        finally:
            _rewrite(page, printed)

    def _run(self, step: Step, page: str) -> str:
        done = subprocess.run(  # noqa: S603 - the commands of our own pages
            [BASH, "-c", step.command],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        where = f"{page}:{step.line}: {step.command}"
        assert done.returncode == 0, f"{where}\nended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout.replace(self._namespace, "default")


def _rewrite(page: Path, printed: list[tuple[Step, str]]) -> None:
    """From the end to the beginning, so that the lines of the other steps stay where they are."""
    lines = page.read_text(encoding="utf-8").split("\n")
    for step, said in reversed(printed):
        begin = step.line - 1 + len(step.command.split("\n"))
        lines[begin : begin + len(step.output)] = [line.rstrip() for line in said.splitlines() if line.strip()]
    page.write_text("\n".join(lines), encoding="utf-8")
