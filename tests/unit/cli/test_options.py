"""The options that all commands share, as kubectl has them; output for programs; colours."""

import io
import json

import pytest
import yaml

from rollkeeper.cli.plugin.app import COMMANDS
from rollkeeper.cli.plugin.screen import Screen
from tests.unit.cli.objects import Json, pod, run, scale_set
from tests.unit.cli.stub import Shell, Stub, names

API = "/apis/rollkeeper.io/v1alpha1"


def elsewhere(one: Json) -> Json:
    return {**one, "metadata": {**one["metadata"], "namespace": "other"}}


def test_the_namespace_is_the_contexts_or_the_one_named(stub: Stub, shell: Shell) -> None:
    stub.objects += [scale_set(), elsewhere(scale_set(2))]
    assert "0 of 5 healthy" not in shell("status", "web", "-n", "other").out
    assert shell("history", "web").code == 0
    assert names(stub.asked)[0] == f"{API}/namespaces/other/scalesets/web"
    assert names(stub.asked)[-1] == f"{API}/namespaces/default/scalesets/web"


def test_all_namespaces(stub: Stub, shell: Shell) -> None:
    stub.objects += [scale_set(), elsewhere(scale_set(2))]
    rows = [line.split()[:2] for line in shell("drift", "-A").out.splitlines()]
    assert rows == [["NAMESPACE", "NAME"], ["default", "web"], ["other", "web"]]
    assert names(stub.asked) == [f"{API}/scalesets", f"{API}/imageversions"]
    assert shell("images", "-A").code == 1, "there are none"


def test_another_kubeconfig_and_another_user(stub: Stub, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    stub.objects.append(scale_set())
    answer = shell("history", "web", f"--kubeconfig={shell.kubeconfig}", "--context=here", "--as=jane")
    assert (answer.code, answer.err) == (0, "")
    assert stub.asked[0][2] == "jane"


def test_names(stub: Stub, shell: Shell) -> None:
    stub.objects += [scale_set(), run(), pod(0)]
    assert shell("status", "sset/web", "-o", "name").out == "scaleset.rollkeeper.io/web\n"
    assert shell("protect", "web", "0", "-o", "name").out == "pod/web-0\n"
    made = shell("start", "web", "-o", "name").out
    assert made.startswith("upgraderun.rollkeeper.io/web-user-")
    assert shell("pause", "upgraderun/web-1-2-0-x7k2p", "-o", "name").out == (
        "upgraderun.rollkeeper.io/web-1-2-0-x7k2p\n"
    )


@pytest.mark.parametrize(
    "line", ["status web", "history web", "drift", "start web --version 1.2.0", "pause upgraderun/web-1-2-0-x7k2p"]
)
def test_json_and_yaml_say_the_same(stub: Stub, shell: Shell, line: str) -> None:
    stub.objects += [scale_set(), run(), pod(0)]
    as_json = json.loads(shell(*line.split(), "-o", "json").out)
    as_yaml = yaml.safe_load(shell(*line.split(), "-o", "yaml").out)
    for told in (as_json, as_yaml):
        told.get("metadata", {}).pop("name", None)  # a run that is started gets a name of its own
    assert as_json == as_yaml


def test_wide_has_more(stub: Stub, shell: Shell) -> None:
    pods = [pod(o) for o in range(20)]
    stub.objects += [scale_set(20), *pods]
    assert "20: 0-19" in shell("status", "web").out
    assert "web-19" in shell("status", "web", "-o", "wide").out


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("no_color", "environment", "coloured"),
    [(False, {}, True), (True, {}, False), (False, {"NO_COLOR": "1"}, False), (False, {"TERM": "dumb"}, False)],
)
def test_colours(no_color: bool, environment: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = _Terminal()
    Screen.of(stream, no_color=no_color).line("well", "green")
    assert ("\x1b[32m" in stream.getvalue()) == coloured


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_of_its_own(shell: Shell, command: str) -> None:
    """It begins with a sentence that the list of commands shows whole."""
    answer = shell(command, "--help")
    assert answer.code == 0
    summary = answer.out.partition("\n\n")[2].splitlines()[0].strip()
    assert ". " in summary or summary.endswith("."), summary
