"""The demo as a user runs it: the story it tells, and that nothing stays behind."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO_SECONDS = 300

pytestmark = pytest.mark.skipif(
    "KUBECONFIG" in os.environ, reason="the demo starts a cluster of its own, whose programs may not be built here"
)


@contextmanager
def demo(directory: Path) -> "Iterator[subprocess.Popen[str]]":
    """In a process group of its own, as a shell would start it: Ctrl-C is a signal to the group."""
    command = [sys.executable, "-m", "hack.demo", "--plain", "--dir", str(directory)]
    with subprocess.Popen(  # noqa: S603 - our own program
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def left_running(directory: Path) -> list[str]:
    command = ["/bin/ps", "-A", "-ww", "-o", "args="]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - fixed words
    return [line for line in shown.splitlines() if f"{directory}{os.sep}" in line]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "demo"


def test_the_story_comes_out_as_promised(folder: Path) -> None:
    with demo(folder) as process:
        told, _ = process.communicate(timeout=DEMO_SECONDS)
    assert process.returncode == 0, told
    over = re.findall(r"web-(\S+)-\w{5}: batch (\d) over, instances (\S+): (\d) succeeded, (\d) failed", told)
    rolls = [("0-1", "2", "0"), ("2-3", "2", "0"), ("4-5", "2", "0"), ("6-7", "2", "0"), ("8-9", "2", "0")]
    assert [entry[2:] for entry in over if entry[0] == "1-1-0"] == rolls
    assert [entry[2:] for entry in over if entry[0] == "1-2-0"] == [("0-1", "0", "2")]
    assert [entry[2:] for entry in over if entry[0] == "1-3-0"] == rolls
    ends = re.findall(r"web-(\S+)-\w{5}: (Completed|Faulted|Cancelled): ", told)
    assert ends == [("1-1-0", "Completed"), ("1-2-0", "Faulted"), ("1-3-0", "Completed")]
    assert "batch 1: putting back 0-1" in told
    assert re.search(r"held: 1\.2\.0 after web-1-2-0-\w{5} \(UpgradedUnhealthy\): 2 of 2 upgraded instances", told)
    table = re.findall(r"^ +web-\S+ +(\S+) +(\w+) +Platform +(\d+) +(\d+) +(\d+) +(\d+)", told, re.MULTILINE)
    assert table == [
        ("1.3.0", "Completed", "10", "0", "0", "0"),
        ("1.2.0", "Faulted", "0", "2", "2", "8"),
        ("1.1.0", "Completed", "10", "0", "0", "0"),
    ]
    assert "the uids of all 10 claims are those of the beginning" in told
    assert "healthTimeoutSeconds 8 (default 300)" in told
    assert not left_running(folder)


def test_ctrl_c_leaves_nothing_behind(folder: Path) -> None:
    with demo(folder) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "batch 1: replacing" in line:
                break
        os.killpg(process.pid, signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(60) == 130, rest
    assert not left_running(folder)
    assert not (folder / "kubeconfig").exists()
