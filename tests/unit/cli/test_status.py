"""The picture of a set, at 80 and 140 columns and in a pipe."""

from collections.abc import Sequence

import pytest

from rollkeeper.cli.plugin import status
from rollkeeper.cli.plugin.screen import Screen
from tests.unit.cli.golden import NOW, check
from tests.unit.cli.objects import Json, condition, ended, pod, run, scale_set

CRASH = {"reason": "CrashLoopBackOff", "message": "back-off"}
HELD = {
    "image": "golden/web",
    "version": "1.2.0",
    "runName": "web-1-2-0-x7k2p",
    "reason": "UpgradedUnhealthy",
    "time": "2026-01-02T11:00:00Z",
}


def _draw(name: str, raw: Json, runs: Sequence[Json], pods: Sequence[Json], *, wide: bool = False) -> None:
    scene = status.scene(raw, runs, pods)

    def draw(screen: Screen) -> None:
        screen.show(status.picture(scene, NOW, wide=wide, bar=not screen.plain))

    check(name, draw)


def test_a_set_that_has_nothing_to_do() -> None:
    runs = [ended("web-1-1-0-aaaaa", "Completed", "1.1.0")]
    _draw("status_settled", scale_set(), runs, [pod(o) for o in range(5)])


def test_a_run_at_work() -> None:
    told = {
        "activeRunName": "web-1-2-0-x7k2p",
        "latestImageVersion": "1.2.0",
        "readyReplicas": 4,
        "conditions": [condition("UpToDate", "False", "UpgradeInProgress", "UpgradeRun web-1-2-0-x7k2p is active")],
    }
    batch = {"number": 3, "instances": "2", "phase": "Upgrading", "startTime": "2026-01-02T11:59:48Z"}
    pods = [pod(0, "1.2.0"), pod(1, "1.2.0"), pod(2, "1.2.0", ready=False), pod(3), pod(4)]
    _draw("status_rolling", scale_set(status=told), [run(status={"currentBatch": batch})], pods)


def test_a_set_whose_upgrade_failed() -> None:
    told = {
        "latestImageVersion": "1.2.0",
        "readyReplicas": 3,
        "heldVersions": [HELD],
        "leftFailed": "0",
        "conditions": [
            condition("Ready", "False", "InstancesUnhealthy", "2 of 5 instances are unhealthy: 0,3"),
            condition("UpToDate", "False", "VersionHeld", "version 1.2.0 is held since UpgradeRun web-1-2-0-x7k2p"),
        ],
    }
    error = {"code": "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade", "message": "1 of 1 unhealthy"}
    runs = [ended("web-1-2-0-x7k2p", "Faulted", "1.2.0", "0/5", error)]
    protected = pod(2, labels={"rollkeeper.io/protect-from-upgrade": "true"})
    pods = [pod(0, "1.2.0", ready=False, problem=CRASH), pod(1), protected, pod(4)]
    _draw("status_failed", scale_set(status=told), runs, pods)


def _thousand() -> tuple[Json, list[Json]]:
    told = {"readyReplicas": 995, "activeRunName": None, "latestImageVersion": "1.2.0"}
    pods = [pod(o, "1.2.0" if o % 3 == 0 else "1.1.0") for o in range(1000) if o != 500]
    sick = pod(
        7, ready=False, problem={"reason": "ImagePullBackOff", "message": "web-7 can't pull r/os:1.1.0: not found " * 3}
    )
    pods[7] = sick
    return scale_set(1000, status=told), pods


def test_a_thousand_instances_are_grouped() -> None:
    raw, pods = _thousand()
    _draw("status_thousand", raw, [], pods)


def test_wide_shows_each_of_them() -> None:
    raw, pods = _thousand()
    lines = status.scene(raw, [], pods).lines
    assert [line.ordinal for line in lines] == list(range(1000))
    assert [(line.ordinal, line.health) for line in lines if line.health != "healthy"] == [
        (7, "unhealthy"),
        (500, "missing"),
    ]


def test_while_nothing_is_proven_instances_are_starting() -> None:
    told = {"provenImageVersion": None, "creationVersion": "1.1.0", "everHealthy": "0", "readyReplicas": 1}
    lines = status.scene(scale_set(3, status=told), [], [pod(0), pod(1, ready=False), pod(2, ready=False)]).lines
    assert [line.health for line in lines] == ["healthy", "starting", "starting"]


def test_others_pods_are_not_shown_as_instances() -> None:
    stranger = pod(1)
    stranger["metadata"]["name"] = "web-abc"
    lines = status.scene(scale_set(1), [], [pod(0), stranger]).lines
    assert [line.name for line in lines] == ["web-0"]


@pytest.mark.parametrize("health", ["healthy", "unhealthy"])
def test_groups_put_the_sick_first(health: str) -> None:
    raw, pods = _thousand()
    groups = status.grouped(status.scene(raw, [], pods).lines)
    found = [line.health for _, line in groups]
    assert (found.index(health) == 0) == (health != "healthy")


def test_data_for_programs() -> None:
    told = status.data(status.scene(scale_set(2), [], [pod(0)]))
    assert told["activeRun"] is None
    assert told["instances"][1] == {
        "name": "web-1",
        "ordinal": 1,
        "version": "1.1.0",
        "health": "missing",
        "why": "its pod is not there",
        "protected": False,
    }
