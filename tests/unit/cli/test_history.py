"""The last upgrades of a set: as a table, and in the shape of Azure's history call."""

import pytest

from rollkeeper.cli.plugin import history
from rollkeeper.cli.plugin.screen import Screen
from tests.unit.cli.golden import NOW, check
from tests.unit.cli.objects import Json

STOPPED = "2 of 4 upgraded instances unhealthy (50%, limit 20%)"


def entry(name: str, code: str, version: str, counts: tuple[int, int], **more: object) -> Json:
    done, failed = counts
    return {
        "runName": name,
        "runningStatus": {"code": code, "startTime": "2026-01-02T11:50:00Z", "completedTime": "2026-01-02T11:55:30Z"},
        "progress": {
            "successfulInstanceCount": done,
            "failedInstanceCount": failed,
            "inProgressInstanceCount": 0,
            "pendingInstanceCount": 10 - done - failed,
        },
        "startedBy": "Platform",
        "targetImageReference": {"gallery": "golden", "definition": "web", "version": version, "image": "r/os:1"},
        "rollbackInfo": {"successfullyRolledbackInstanceCount": failed, "failedRolledbackInstanceCount": 0},
        **more,
    }


ENTRIES = [
    entry("web-1-2-0-x7k2p", "Faulted", "1.2.0", (2, 2), error={"code": "MaxUnhealthy", "message": STOPPED}),
    entry("web-1-1-0-b4d6f", "Completed", "1.1.0", (10, 0)),
    entry("web-user-ghjkl", "Cancelled", "1.0.9", (4, 0), startedBy="User"),
]


@pytest.mark.parametrize("wide", [False, True])
def test_as_a_table(wide: bool) -> None:
    def draw(screen: Screen) -> None:
        history.print_table(screen, ENTRIES, NOW, wide=wide)

    check("history_wide" if wide else "history", draw)


def test_in_the_shape_of_azure() -> None:
    """The names of Azure's `value[].properties`; what a run has not is left out."""
    told = history.data({"name": "web", "namespace": "default"}, ENTRIES)
    newest, older = (one["properties"] for one in told["value"][:2])
    assert list(newest) == [
        "runningStatus",
        "progress",
        "error",
        "startedBy",
        "targetImageReference",
        "rollbackInfo",
    ]
    assert "error" not in older
    assert newest["rollbackInfo"]["successfullyRolledbackInstanceCount"] == 2
