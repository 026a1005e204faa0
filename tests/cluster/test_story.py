"""The main story: published versions roll by themselves, a broken one is put back and held, its fix rolls."""

import re

from tests.cluster.audit import Json
from tests.cluster.controller import Controller
from tests.cluster.fleet import BROKEN, data_disk, fleet, published
from tests.cluster.replay import status_of
from tests.cluster.world import World, condition, places

REPLICAS = 10


def test_main_story(world: World, own_controller: Controller) -> None:
    """V3, T1, B1, B5, B8, H3, H6, F1, F3, F4, F6: with a default leader election and a default batch size."""
    claims = _created(world, own_controller)
    _good_version_rolls(world)
    _broken_version_is_put_back(world)
    _fixed_version_rolls(world)
    _history_is_kept(world)
    _reads_well(world)
    assert world.claims() == claims
    own_controller.stop()
    assert world.get("scalesets", "web")["status"]["provenImageVersion"] == "1.3.0"


def _created(world: World, controller: Controller) -> dict[str, str]:
    controller.start()
    world.create(fleet(REPLICAS, percent=20, volumeClaimTemplates=[data_disk()]))
    world.until_condition("web", "Stalled", "True", "NoImageVersion")
    world.create(published("1.0.0"))
    world.until_healthy("1.0.0", REPLICAS)
    assert world.versions() == ["1.0.0"] * REPLICAS
    claims = world.claims()
    assert list(claims) == [f"data-web-{ordinal}" for ordinal in range(REPLICAS)]
    assert world.items("upgraderuns") == []
    return claims


def _good_version_rolls(world: World) -> None:
    world.create(published("1.1.0"))
    run = world.until_run_to("1.1.0", "Completed")
    batches = [(b["number"], b["instances"], b["succeeded"], b["failed"]) for b in status_of(run)["batches"]]
    assert batches == [(n, f"{2 * n - 2}-{2 * n - 1}", 2, 0) for n in range(1, 6)]
    assert places(run) == {"succeeded": list(range(REPLICAS))}
    scale_set = world.until_healthy("1.1.0", REPLICAS)
    assert condition(scale_set, "UpToDate")["status"] == "True"
    assert world.versions() == ["1.1.0"] * REPLICAS


def _broken_version_is_put_back(world: World) -> None:
    world.create(published("1.2.0", BROKEN))
    run = world.until_run_to("1.2.0", "Faulted")
    status = status_of(run)
    assert places(run) == {"failed": [0, 1], "rolledBack": [0, 1], "pending": list(range(2, REPLICAS))}
    assert status["error"]["code"] == "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade"
    assert "2 of 2 upgraded instances unhealthy (100%, limit 20%)" in status["error"]["message"]
    assert {f["reason"] for f in status["failures"]} == {"CrashLoopBackOff"}
    scale_set = world.until_healthy("1.1.0", REPLICAS)
    assert world.versions() == ["1.1.0"] * REPLICAS
    held = condition(scale_set, "UpToDate")
    assert (held["status"], held["reason"]) == ("False", "VersionHeld")
    assert f"rollkeeper.io/release-hold=1.2.0/{run['metadata']['name']}" in held["message"]
    holds = [(h["version"], h["reason"], h["runName"]) for h in status_of(scale_set)["heldVersions"]]
    assert holds == [("1.2.0", "UpgradedUnhealthy", run["metadata"]["name"])]


def _fixed_version_rolls(world: World) -> None:
    world.create(published("1.3.0"))
    run = world.until_run_to("1.3.0", "Completed")
    assert places(run) == {"succeeded": list(range(REPLICAS))}
    world.until_healthy("1.3.0", REPLICAS)
    assert world.versions() == ["1.3.0"] * REPLICAS


def _history_is_kept(world: World) -> None:
    history = status_of(world.get("scalesets", "web"))["osUpgradeHistory"]
    told = [(h["targetImageReference"]["version"], h["runningStatus"]["code"], h["startedBy"]) for h in history]
    assert told == [
        ("1.3.0", "Completed", "Platform"),
        ("1.2.0", "Faulted", "Platform"),
        ("1.1.0", "Completed", "Platform"),
    ]
    assert history[1]["rollbackInfo"]["successfullyRolledbackInstanceCount"] == 2
    assert history[0]["progress"]["successfulInstanceCount"] == REPLICAS
    times: list[Json] = [h["runningStatus"] for h in history]
    assert all(t["startTime"] <= t["completedTime"] for t in times)


SCALE_SETS = (
    r"NAME +DESIRED +READY +UPDATED +VERSION +LATEST +RUN +AGE *",
    r"web +10 +10 +10 +1\.3\.0 +1\.3\.0 +\d+[ms0-9]* *",
)
RUNS = (
    r"NAME +SCALESET +VERSION +STATUS +PROGRESS +FAILED +STARTED-BY +AGE *",
    r"web-1-1-0-[a-z0-9]{5} +web +1\.1\.0 +Completed +10/10 +0 +Platform +\d+[ms0-9]* *",
    r"web-1-2-0-[a-z0-9]{5} +web +1\.2\.0 +Faulted +0/10 +2 +Platform +\d+[ms0-9]* *",
    r"web-1-3-0-[a-z0-9]{5} +web +1\.3\.0 +Completed +10/10 +0 +Platform +\d+[ms0-9]* *",
)
EVENTS = {
    "UpgradeRun": {"UpgradeStarted", "BatchStarted", "InstanceFailed", "UpgradeCompleted", "UpgradeFaulted"},
    "ScaleSet": {"UpgradeStarted", "UpgradeCompleted", "UpgradeFaulted"},
}


def _reads_well(world: World) -> None:
    for kind, wanted in (("scaleset", SCALE_SETS), ("upgraderun", RUNS)):
        lines = world("get", kind).rstrip("\n").split("\n")
        assert len(lines) == len(wanted), lines
        for line, pattern in zip(lines, wanted, strict=True):
            assert re.fullmatch(pattern, line), line
    found: dict[str, set[str]] = {}
    for event in world.items("events"):
        found.setdefault(event["regarding"]["kind"], set()).add(event["reason"])
    assert [(kind, reasons) for kind, reasons in EVENTS.items() if not reasons <= found[kind]] == [], found
    world("wait", "--for=condition=Finished", "upgraderun", "--all", "--timeout=5s")
