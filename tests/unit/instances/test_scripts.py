"""E1, E2: the program of the postStart hook, run by a real shell."""

import shutil
import subprocess
from pathlib import Path

import pytest

from rollkeeper.instances.scripts import Step, powershell_command, shell_command, without_failure

SHELLS = [shell for shell in ("/bin/sh", "/bin/bash") if shutil.which(shell)]


class Disk:
    """A place for scripts and for what they leave."""

    def __init__(self, folder: Path, shell: str) -> None:
        self._folder = folder
        self._shell = shell
        self.log = folder / "what they printed"
        self.message = folder / "it's the termination log"
        self.steps: list[Step] = []

    def add(self, what: str, script: str, *, interpreter: tuple[str, ...] = (), suppress: bool = False) -> None:
        file = self._folder / f"script {len(self.steps)}"
        file.write_text(script)
        self.steps.append(Step(what, str(file), interpreter, suppress))

    def run(self) -> int:
        command = shell_command(self.steps, str(self.message), ("/no/such/folder/log", str(self.log)))
        return subprocess.run([self._shell, *command[1:]], cwd=self._folder, timeout=30, check=False).returncode  # noqa: S603 - ours

    def said(self) -> str:
        return self.message.read_text() if self.message.exists() else ""

    def left(self, name: str) -> str:
        return (self._folder / name).read_text()


@pytest.fixture(params=SHELLS)
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Disk:
    return Disk(tmp_path, request.param)


def test_e1_e2_they_run_in_order(disk: Disk) -> None:
    for what in ("custom data", "extension b", "extension a"):
        disk.add(what, f"echo {what} >>order")
    assert disk.run() == 0
    assert disk.left("order").splitlines() == ["custom data", "extension b", "extension a"]
    assert disk.said() == ""


FAILURES = {
    "last line of its output": ("echo one\necho 'token expired' >&2\nexit 3", "exit code 3: token expired"),
    "last line without an end": ("printf 'a\\nno disk'; false", "exit code 1: no disk"),
    "blank lines at the end": ("echo really; echo; echo; exit 2", "exit code 2: really"),
    "no output": ("exit 7", "exit code 7"),
    "what looks like a command": ("echo '$(touch hacked) `touch hacked` \\n'; exit 1", "exit code 1: $(touch hacked)"),
}


@pytest.mark.parametrize(("script", "says"), FAILURES.values(), ids=FAILURES)
def test_h5_the_one_that_fails_is_named_and_the_others_do_not_run(disk: Disk, script: str, says: str) -> None:
    disk.add("extension first", "echo fine")
    disk.add("extension agent", script)
    disk.add("extension last", "touch ran")
    assert disk.run() == 1
    assert disk.said().startswith(f"extension agent: {says}")
    with pytest.raises(FileNotFoundError):
        disk.left("ran")
    with pytest.raises(FileNotFoundError):
        disk.left("hacked")


def test_e1_suppressed_failures_stop_nothing(disk: Disk) -> None:
    disk.add("extension extras", "echo no such package; exit 1", suppress=True)
    disk.add("extension last", "touch ran")
    assert disk.run() == 0
    assert disk.left("ran") == ""
    assert disk.said() == ""
    assert disk.log.read_text().splitlines() == [
        "== extension extras",
        "no such package",
        "extension extras: exit code 1: no such package; suppressed",
        "== extension last",
    ]


def test_e2_an_interpreter_gets_its_arguments_and_the_file(disk: Disk) -> None:
    disk.add("custom data", 'printf %s "$LEFT" >left', interpreter=("env", "LEFT=it's here", "/bin/sh"))
    assert disk.run() == 0
    assert disk.left("left") == "it's here"


def test_h5_an_interpreter_that_is_not_in_the_image(disk: Disk) -> None:
    disk.add("custom data", "", interpreter=("/no/such/python",))
    assert disk.run() == 1
    assert disk.said().startswith("custom data: exit code 127: ")
    assert "/no/such/python" in disk.said()


def test_what_a_script_starts_in_the_background_holds_nothing_up(disk: Disk) -> None:
    disk.add("custom data", "sleep 300 & echo $! >child")
    assert disk.run() == 0
    subprocess.run(["/bin/kill", disk.left("child").strip()], check=True)  # noqa: S603 - our own child


def test_e1_a_suppressed_task_ends_well() -> None:
    failing = without_failure(["/bin/sh", "-c", "echo $0 $1; exit 3", "a b", "c"], once=True)
    ended = subprocess.run(failing, capture_output=True, text=True, timeout=30, check=True)  # noqa: S603 - ours
    assert ended.stdout == "a b c\n"
    assert "exit code 3" in ended.stderr


def test_e1_a_suppressed_service_ends_when_it_is_told_to() -> None:
    service = without_failure(["/bin/sh", "-c", "echo failed; exit 1"], once=False)
    with subprocess.Popen(service, stdout=subprocess.PIPE, text=True) as running:  # noqa: S603 - ours
        assert running.stdout is not None
        assert running.stdout.readline() == "failed\n"
        assert running.poll() is None
        running.terminate()
        assert running.wait(timeout=30) == 0


def test_e4_powershell_on_windows() -> None:
    steps = [Step("custom data", "C:\\rollkeeper\\it's.ps1"), Step("extension a", "C:\\a", ("cmd.exe", "/c"), True)]
    program, *_, script = powershell_command(steps, "/dev/termination-log")
    assert program == "powershell.exe"
    first, second = script.splitlines()[-2:]
    assert first.startswith("Step 'custom data' $false 'powershell.exe' @('-NoProfile', '-NonInteractive', ")
    assert first.endswith(", '-File', 'C:\\rollkeeper\\it''s.ps1')")
    assert second == "Step 'extension a' $true 'cmd.exe' @('/c', 'C:\\a')"
