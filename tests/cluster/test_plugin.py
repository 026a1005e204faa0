"""The commands for people, against a real API server and a controller at work."""

import json

import pytest

from hack.localcluster import LocalCluster
from tests.cluster.fleet import BROKEN, fleet, gate, published
from tests.cluster.plugin import Plugin
from tests.cluster.world import World

REPLICAS = 4


@pytest.fixture
def plugin(simulated: LocalCluster, live: World) -> Plugin:
    """Commands in the test's namespace, as its administrator."""
    return Plugin(simulated.kubeconfig, live.namespace)


def _created(live: World, *, automatic: bool = True) -> None:
    live.create(published("1.0.0"), fleet(REPLICAS, percent=50, automatic=automatic))
    live.until_healthy("1.0.0", REPLICAS)


def test_a_good_and_a_bad_upgrade_are_waited_for_and_shown(live: World, plugin: Plugin) -> None:
    _created(live)
    assert plugin.ask("wait", "web").code == 0
    live.create(published("1.1.0"))
    name = live.until_run_to("1.1.0", "Completed")["metadata"]["name"]
    done = plugin.ask("wait", f"upgraderun/{name}")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(f"{name}: Completed 4/4: 4 of 4 instances run 1.1.0\n")
    live.create(published("1.2.0", BROKEN))
    name = live.until("a run to 1.2.0", lambda: live.attempt_at("1.2.0"))
    failed = plugin.ask("wait", f"upgraderun/{name}", "--timeout=1m")
    assert failed.code == 1
    assert f"{name}: Faulted 0/4: 2 of 2 upgraded instances unhealthy (100%, limit 20%)" in failed.err
    live.until_healthy("1.1.0", REPLICAS)
    behind = plugin.ask("wait", "web")
    assert (behind.code, "nothing is under way, so nothing is waited for" in behind.err) == (1, True)
    shown = plugin("status", "web")
    assert "version 1.1.0, latest 1.2.0" in shown
    assert f"held: 1.2.0 (UpgradedUnhealthy, by {name})" in shown
    assert "web-3  1.1.0  healthy" in shown
    _history(plugin)


def _history(plugin: Plugin) -> None:
    lines = plugin("history", "web").splitlines()
    assert lines[0].split() == [
        "RUN",
        "VERSION",
        "STATUS",
        "DONE",
        "FAILED",
        "BACK",
        "STARTED-BY",
        "AGE",
        "TOOK",
        "ERROR",
    ]
    assert [line.split()[1:4] for line in lines[1:]] == [["1.2.0", "Faulted", "0/4"], ["1.1.0", "Completed", "4/4"]]
    value = json.loads(plugin("history", "web", "-o", "json"))["value"]
    newest = value[0]["properties"]
    assert newest["runningStatus"]["code"] == "Faulted"
    assert newest["startedBy"] == "Platform"
    assert newest["targetImageReference"]["version"] == "1.2.0"
    assert newest["rollbackInfo"]["successfullyRolledbackInstanceCount"] == 2


def test_the_live_view_follows_a_run(live: World, plugin: Plugin) -> None:
    """In a pseudo-terminal of 80 columns, and ended by Ctrl-C with exit code 0."""
    _created(live)
    with plugin.in_a_terminal("status", "web", "--watch") as terminal:
        terminal.until("waits for nothing")
        live.create(published("1.1.0"))
        begun = terminal.until("to 1.1.0 by Platform")
        done = terminal.until("Completed", begun)
        terminal.until("waits for nothing", done)
        assert terminal.interrupt() == 0
    assert "\x1b[" in terminal.seen, "a terminal gets colours"


def test_the_live_view_in_a_pipe_is_lines(live: World, plugin: Plugin) -> None:
    _created(live)
    with plugin.started("status", "web", "--watch") as process:
        assert process.stdout is not None
        assert "web: version 1.0.0, latest 1.0.0, 4/4 healthy" in process.stdout.readline()
        live.create(published("1.1.0"))
        line = next(line for line in process.stdout if "Completed" in line)
        assert "Completed 4/4: 4 of 4 instances run 1.1.0" in line


def test_a_name_that_is_not_there(live: World, plugin: Plugin) -> None:
    missing = plugin.ask("status", "web")
    assert (missing.code, missing.out) == (1, "")
    assert missing.err == f'error: no ScaleSet "web" in namespace "{live.namespace}"; there are no sets here\n'
    live.create(fleet(1, name="api"), fleet(1, name="db"))
    missing = plugin.ask("wait", "web")
    assert missing.code == 4
    assert missing.err.endswith("sets here: api, db\n")


def test_waiting_has_an_end(live: World, plugin: Plugin) -> None:
    live.create(fleet(1))
    live.until_condition("web", "Stalled", "True", "NoImageVersion")
    over = plugin.ask("wait", "web", "--timeout=1s")
    assert over.code == 3
    assert "timed out after 1s; there is no ImageVersion of golden/web: publish one" in over.err


@pytest.mark.parametrize("arguments", [["status"], ["status", "web", "-o", "xml"], ["no-such-command"]])
def test_wrong_usage_has_a_code_of_its_own(plugin: Plugin, arguments: list[str]) -> None:
    """2 would say that a run was cancelled."""
    assert plugin.ask(*arguments).code == 64


def test_runs_are_started_and_steered(live: World, plugin: Plugin) -> None:
    """T4, F2: up, paused at the gate, resumed, cancelled; each with its exit code."""
    _created(live, automatic=False)
    live.create(published("1.1.0"), gate(2))
    name = plugin("start", "web", "--version=1.1.0", "-o", "name").strip().removeprefix("upgraderun.rollkeeper.io/")
    assert live.until_gated("1.1.0") == name
    assert plugin("pause", "web") == f"upgraderun.rollkeeper.io/{name} paused\n"
    assert plugin("pause", "web") == f"upgraderun.rollkeeper.io/{name} unchanged\n"
    live.until("it is paused", lambda: live.get("upgraderuns", name)["status"].get("displayStatus") == "Paused")
    assert f"{name} to 1.1.0 by User: Paused" in plugin("status", "web")
    assert plugin("resume", name) == f"upgraderun.rollkeeper.io/{name} resumed\n"
    assert live.until_gated("1.1.0") == name
    cancelled = plugin.ask("cancel", name, "--wait")
    assert cancelled.code == 2
    assert f"{name}: Cancelled 3/4" in cancelled.err
    live.open_gate()
    refused = plugin.ask("pause", name)
    assert refused.err == f"error: {name} has ended (Cancelled): start another with: kubectl rollkeeper start web\n"
    again = plugin.ask("retry", name, "--wait")
    assert again.code == 0
    assert ": Completed 4/4" in again.out
    live.until_healthy("1.1.0", REPLICAS)


def test_what_can_not_be_started_is_said(live: World, plugin: Plugin) -> None:
    _created(live, automatic=False)
    wrong = plugin.ask("start", "web", "--version=01.1.0", "--wait")
    assert wrong.code == 4, "nothing was started, so nothing has faulted"
    assert "Write three numbers without leading zeros" in wrong.err
    missing = plugin.ask("start", "web", "--version=9.9.9", "--wait")
    assert missing.code == 1
    assert "there is no ImageVersion 9.9.9 of golden/web; versions there are: 1.0.0" in missing.err
    assert plugin.ask("start", "web", "--wait", "--timeout=soon").code == 64


def test_the_model_is_brought_to_named_instances(live: World, plugin: Plugin) -> None:
    """M4."""
    manual = fleet(REPLICAS, percent=50, automatic=False)
    manual["spec"]["upgradePolicy"]["mode"] = "Manual"
    live.create(published("1.0.0"), manual)
    live.until_healthy("1.0.0", REPLICAS)
    live.patch("scaleset", "web", {"spec": {"template": {"metadata": {"labels": {"tier": "new"}}}}})
    assert plugin.ask("update-instances", "web").code == 64
    done = plugin.ask("update-instances", "web", "--instances=1,3", "--wait")
    assert (done.code, done.err) == (0, "")
    assert [pod["metadata"]["labels"].get("tier") for pod in live.pods()] == [None, "new", None, "new"]


def test_instances_are_protected_and_holds_released(live: World, plugin: Plugin) -> None:
    """B10, F3."""
    _created(live)
    assert plugin("protect", "web", "1,3") == "pod/web-1 protected\npod/web-3 protected\n"
    assert plugin.ask("protect", "web", "4").err == "error: 4: scale set web has instances 0-3\n"
    live.create(published("1.1.0"))
    live.until_run_to("1.1.0", "Completed")
    assert live.versions() == ["1.1.0", "1.0.0", "1.1.0", "1.0.0"]
    assert plugin("unprotect", "web", "1,3").count("unprotected") == 2
    live.create(published("1.2.0", BROKEN))
    name = live.until_run_to("1.2.0", "Faulted")["metadata"]["name"]
    held = lambda: live.get("scalesets", "web")["status"].get("heldVersions")  # noqa: E731
    live.until("it is held", held)
    assert "1.3.0 is not held" in plugin.ask("release-hold", "web", "1.3.0").err
    released = plugin("release-hold", "web", "1.2.0")
    assert released == f"scaleset.rollkeeper.io/web released: 1.2.0 (UpgradedUnhealthy, by {name})\n"
    live.until("the hold is gone", lambda: not held())


def test_versions_and_drift(live: World, plugin: Plugin) -> None:
    """V3: what is latest for whom; how far behind."""
    _created(live, automatic=False)
    live.create(published("1.1.0"))
    live.until_condition("web", "UpToDate", "False", "NewerVersionAvailable")
    rows = [line.split() for line in plugin("images", "web").splitlines()[1:]]
    assert [(row[1], row[3]) for row in rows] == [("1.1.0", "web"), ("1.0.0", "-")]
    drift = json.loads(plugin("drift", "-o", "json"))["items"]
    assert [(d["name"], d["version"], d["latest"], d["versionsBehind"]) for d in drift] == [
        ("web", "1.0.0", "1.1.0", 1)
    ]
