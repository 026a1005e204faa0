"""The same rollouts of pods and of virtual machines, told by the same tests (I8 and others: see each).

Virtual machines are those of KubeVirt's own API and controller; their guests are simulated, so nothing here shows that
an image boots, that a guest shuts down well, or what is on a disk.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.localcluster import LocalCluster
from tests.cluster.audit import Json
from tests.cluster.conftest import watched_namespace
from tests.cluster.controller import Controller
from tests.cluster.fleet import data_disk, gate, users_run
from tests.cluster.killable import KILLED
from tests.cluster.providers import MACHINES, PODS, Provider
from tests.cluster.replay import status_of
from tests.cluster.world import World, condition, places

REPLICAS = 5
ALONE = "--no-leader-elect"


@pytest.fixture(params=[PODS, MACHINES], ids=["pods", "machines"], scope="module")
def provider(request: pytest.FixtureRequest) -> Provider:
    found: Provider = request.param
    return found


@pytest.fixture(scope="module")
def cluster_of(provider: Provider, request: pytest.FixtureRequest) -> LocalCluster:
    found: LocalCluster = request.getfixturevalue("simulated" if provider is PODS else "virtualized")
    return found


@pytest.fixture
def world(cluster_of: LocalCluster, provider: Provider) -> Iterator[World]:
    with watched_namespace(cluster_of, provider.kind, provider.runs) as world:
        yield world


@pytest.fixture
def alone(
    cluster_of: LocalCluster, world: World, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Controller]:
    """A controller for the test's namespace alone; not started yet."""
    controller = Controller.in_namespace(cluster_of, world.namespace, tmp_path / "controller.log")
    request.node.controller = controller
    yield controller
    controller.kill()


@pytest.fixture
def live(world: World, alone: Controller) -> World:
    alone.start(flags=(ALONE,))
    return world


def _created(world: World, provider: Provider, *manifests: Json, **spec: object) -> None:
    world.create(provider.published("1.0.0"), *manifests, provider.fleet(REPLICAS, **spec))
    world.until_healthy("1.0.0", REPLICAS)


def test_a_good_version_rolls(live: World, provider: Provider) -> None:
    """T1, B1, B5, I3: batch by batch, every instance runs anew, and its data disk stays."""
    _created(live, provider, volumeClaimTemplates=[data_disk()])
    claims, before = live.claims(), live.running()
    live.create(provider.published("1.1.0"))
    run = live.until_run_to("1.1.0", "Completed")
    assert places(run) == {"succeeded": list(range(REPLICAS))}
    assert [b["instances"] for b in status_of(run)["batches"]] == ["0-1", "2-3", "4"]
    live.until_healthy("1.1.0", REPLICAS)
    assert live.versions() == ["1.1.0"] * REPLICAS
    assert live.claims() == claims
    assert [name for name, uid in live.running().items() if before[name] == uid] == []


def test_a_broken_version_is_put_back(live: World, provider: Provider) -> None:
    """B8, H3, F3: the batch gets back what it ran, the run stops, the version is held; its fix rolls."""
    _created(live, provider)
    live.create(provider.published("1.1.0", broken=True))
    run = live.until_run_to("1.1.0", "Faulted")
    assert places(run) == {"failed": [0, 1], "rolledBack": [0, 1], "pending": [2, 3, 4]}
    assert {f["reason"] for f in status_of(run)["failures"]} == {provider.reason}
    scale_set = live.until_healthy("1.0.0", REPLICAS)
    assert live.versions() == ["1.0.0"] * REPLICAS
    assert [h["version"] for h in status_of(scale_set)["heldVersions"]] == ["1.1.0"]
    live.create(provider.published("1.2.0"))
    live.until_run_to("1.2.0", "Completed")
    live.until_healthy("1.2.0", REPLICAS)


def test_over_the_limit(live: World, provider: Provider) -> None:
    """T6, B9: with 40% unhealthy nothing starts, and it is said why."""
    _created(live, provider)
    for ordinal in (3, 4):
        provider.make_unhealthy(live, ordinal)
    live.until("it is seen", lambda: status_of(live.get("scalesets", "web")).get("unhealthyReplicas") == 2)
    live.create(provider.published("1.1.0"))
    blocked = live.until_condition("web", "UpgradeBlocked", "True", "TooManyUnhealthyInstances")
    assert "2 of 5 instances unhealthy (40%, limit 20%)" in blocked["message"]
    assert live.items("upgraderuns") == []
    assert live.versions() == ["1.0.0"] * REPLICAS


def test_superseded_while_a_budget_refuses(live: World, provider: Provider) -> None:
    """T5, B12, B13: a budget keeps an instance, the run says so; a newer version takes over at once."""
    _created(live, provider, gate(2), percent=20)
    live.create(provider.published("1.1.0"))
    name = live.until_gated("1.1.0")
    live.until_said(name, "gate")
    live.create(provider.published("1.2.0"))
    run = live.until_run(name, "Cancelled")
    assert (status_of(run)["error"]["code"], places(run)["succeeded"]) == ("Superseded", [0, 1])
    assert live.versions() == ["1.1.0"] * 2 + ["1.0.0"] * 3
    live.open_gate()
    live.until_run_to("1.2.0", "Completed")
    live.until_healthy("1.2.0", REPLICAS)


def test_cancelled(live: World, provider: Provider) -> None:
    """F1, F2, B13: what is upgraded stays, what a budget kept is untouched."""
    _created(live, provider, gate(1), percent=20, automatic=False)
    live.create(provider.published("1.1.0"), users_run("mine", "1.1.0"))
    live.until_gated("1.1.0", 1)
    live.patch("upgraderun", "mine", {"spec": {"desiredState": "Cancelled"}})
    run = live.until_run("mine", "Cancelled")
    assert places(run) == {"succeeded": [0], "pending": [1, 2, 3, 4]}
    assert live.versions() == ["1.1.0"] + ["1.0.0"] * 4


POINTS = {"pods": ("first batch written", "first pod evicted"), "virtualmachines": ("machine changed", "guest deleted")}


@pytest.mark.parametrize("which", [0, 1], ids=["decided", "in the middle"])
def test_killed_and_started_again(world: World, alone: Controller, provider: Provider, which: int) -> None:
    """I8, I9: the run ends as it would have, and no instance is taken down twice for it."""
    alone.start((*KILLED, POINTS[provider.kind][which]), (ALONE,))
    _created(world, provider)
    world.create(provider.published("1.1.0"))
    alone.wait_for_its_death(60)
    alone.start(flags=(ALONE,))
    run = world.until_run_to("1.1.0", "Completed")
    assert places(run) == {"succeeded": list(range(REPLICAS))}
    assert [b["instances"] for b in status_of(run)["batches"]] == ["0-1", "2-3", "4"]
    world.until_healthy("1.1.0", REPLICAS)


def test_scale(live: World, provider: Provider) -> None:
    """B11, F4, I3: new instances get the proven version; removed ones go, and leave their data disks."""
    _created(live, provider, volumeClaimTemplates=[data_disk()])
    live("scale", "scaleset/web", "--replicas=7")
    live.until_healthy("1.0.0", 7)
    claims = live.claims()
    live("scale", "scaleset/web", "--replicas=2")
    live.until_healthy("1.0.0", 2)
    live.until("the others are gone", lambda: len(live.items(provider.kind)) == 2)
    assert live.claims() == claims


def test_repair(live: World, provider: Provider) -> None:
    """F5, V8: an instance that somebody deletes comes back as it was, whatever was published since."""
    _created(live, provider, automatic=False)
    live.create(provider.published("1.1.0"))
    before = live.uids()
    provider.take_away(live, 1)
    live.until("web-1 is made anew", lambda: live.uids().get("web-1", before["web-1"]) != before["web-1"])
    live.until_healthy("1.0.0", REPLICAS)
    again = next(i for i in live.pods() if i["metadata"]["name"] == "web-1")
    assert again["metadata"]["annotations"]["rollkeeper.io/made-by"] == "Repair"
    assert live.versions() == ["1.0.0"] * REPLICAS


def test_deletion(live: World, provider: Provider) -> None:
    """F7, I3: a set goes with its instances, and leaves the data disks."""
    _created(live, provider, volumeClaimTemplates=[data_disk()])
    claims = live.claims()
    live("delete", "scaleset", "web", "--timeout=60s")
    live.until("its instances are gone", lambda: live.items(provider.kind) == [])
    assert live.claims() == claims


def test_a_changed_model_rolls(live: World, provider: Provider) -> None:
    """M1, B5: a Model run, with the version left as it is."""
    _created(live, provider)
    before = live.running()
    live.patch("scaleset", "web", {"spec": {_template(provider): {"metadata": {"annotations": {"team": "a"}}}}})
    live.until("there is a run", lambda: live.items("upgraderuns"))
    (run,) = live.items("upgraderuns")
    run = live.until_run(run["metadata"]["name"], "Completed")
    assert (run["spec"]["type"], places(run)) == ("Model", {"succeeded": list(range(REPLICAS))})
    scale_set = live.until_healthy("1.0.0", REPLICAS)
    assert condition(scale_set, "UpToDate")["status"] == "True"
    assert [name for name, uid in live.running().items() if before[name] == uid] == []


def _template(provider: Provider) -> str:
    return "template" if provider is PODS else "virtualMachineTemplate"
