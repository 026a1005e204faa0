"""Follows a page of the documentation: runs what it tells people to type.

Console blocks have commands with what they print, which is compared; bash blocks are run as they stand. With
UPDATE_GOLDEN=1 the page gets what was printed where that differs; review it as any golden file.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from hack.localcluster.kubectl import kubectl
from tests.docs.console import Step, differs, steps
from tests.docs.markdown import ROOT, read

SECONDS = 180.0
BLOCK_SECONDS = 600.0
BASH = shutil.which("bash") or "/bin/bash"
VENV = Path(sys.executable).parent
"""Where the plugin of this tree is."""


class Reader:
    """Somebody at a shell in the root of the repository, with a kubeconfig whose context is in one namespace."""

    def __init__(
        self,
        kubeconfig: Path,
        namespace: str,
        folder: Path,
        path: Sequence[Path],
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`path`: folders of the programs that the pages speak of, kubectl in the first; `more`: variables."""
        own = folder / "reader.kubeconfig"
        shutil.copy(kubeconfig, own)
        kubectl(path[0] / "kubectl", own, "config", "set-context", "--current", f"--namespace={namespace}")
        rest = [entry for entry in os.environ["PATH"].split(os.pathsep) if Path(entry) != VENV]
        self._namespace = namespace
        self._environment = {
            **os.environ,
            "HOME": str(folder),
            "KUBECONFIG": str(own),
            "PATH": os.pathsep.join([*map(str, path), *rest]),
            "COLUMNS": "140",
            **more,
        }

    def run(self, page: Path, section: str) -> str:
        """The bash block of a section; what it printed. Any command that fails ends it, and the test."""
        (block,) = [b for b in read(page).blocks if b.language == "bash" and b.section == section]
        return self._bash(f"set -euo pipefail\n{block.text}", f"{page.name}:{block.line}", BLOCK_SECONDS)

    def follow(self, page: Path) -> None:
        """All console blocks of a page; fails at the first command that fails, or that prints something else."""
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
        said = self._bash(step.command, f"{page}:{step.line}: {step.command}", SECONDS)
        return said.replace(self._namespace, "default")

    def _bash(self, script: str, where: str, seconds: float) -> str:
        done = subprocess.run(  # noqa: S603 - the commands of our own pages
            [BASH, "-c", script],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        assert done.returncode == 0, f"{where}\nended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout


def _rewrite(page: Path, printed: list[tuple[Step, str]]) -> None:
    """From the end to the beginning, so that the lines of the other steps stay where they are."""
    lines = page.read_text(encoding="utf-8").split("\n")
    for step, said in reversed(printed):
        begin = step.line - 1 + len(step.command.split("\n"))
        lines[begin : begin + len(step.output)] = [line.rstrip() for line in said.splitlines() if line.strip()]
    page.write_text("\n".join(lines), encoding="utf-8")
