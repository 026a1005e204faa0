"""`history`: the last upgrades of a set; as JSON in the shape of Azure's history call."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rollkeeper.cli.plugin.options import Options
from rollkeeper.cli.plugin.output import write_data
from rollkeeper.cli.plugin.screen import Cell, Screen, Table
from rollkeeper.cli.plugin.session import Session
from rollkeeper.cli.plugin.status import COLOURS
from rollkeeper.cli.plugin.times import age, parse, short
from rollkeeper.cli.plugin.views import SetView, at

_TYPE = "rollkeeper.io/scaleSets/rollingUpgrades"

_PROPERTIES = ("runningStatus", "progress", "error", "startedBy", "targetImageReference", "rollbackInfo")
"""In Azure's order."""


def show(options: Options, name: str) -> None:
    """`history SET`."""
    session = Session(options)
    raw = session.scale_set(name)
    entries = SetView(raw).status("osUpgradeHistory") or []
    if write_data(options, data(raw["metadata"], entries), [raw]):
        return
    if not entries:
        session.screen.line(f"{raw['metadata']['name']} was never upgraded: only runs of type OSImage are listed here")
        return
    print_table(session.screen, entries, session.now, wide=options.output == "wide")


def data(metadata: Mapping[str, Any], entries: list[Mapping[str, Any]]) -> dict[str, Any]:
    """`value[].properties`, as `GET …/osUpgradeHistory` of Azure's scale sets answers; newest first."""
    return {
        "value": [
            {
                "type": _TYPE,
                "name": entry["runName"],
                "scaleSet": metadata["name"],
                "namespace": metadata["namespace"],
                "properties": {key: entry[key] for key in _PROPERTIES if key in entry},
            }
            for entry in entries
        ]
    }


def print_table(screen: Screen, entries: list[Mapping[str, Any]], now: datetime, *, wide: bool) -> None:
    """Newest first."""
    columns = ("RUN", "VERSION", "STATUS", "DONE", "FAILED", "BACK", "STARTED-BY", "AGE", "TOOK")
    table = Table((*columns, "IMAGE") if wide else columns, note="ERROR", dispensable=("TOOK", "BACK", "STARTED-BY"))
    for entry in entries:
        code = str(at(entry, "runningStatus", "code"))
        cells: list[str | Cell] = [
            entry["runName"],
            str(at(entry, "targetImageReference", "version") or "-"),
            Cell(code, COLOURS.get(code, "")),
            f"{_count(entry, 'successful')}/{_total(entry)}",
            str(_count(entry, "failed")),
            str(at(entry, "rollbackInfo", "successfullyRolledbackInstanceCount") or 0),
            str(entry.get("startedBy") or "-"),
            age(at(entry, "runningStatus", "completedTime"), now),
            _took(entry),
        ]
        if wide:
            cells.append(str(at(entry, "targetImageReference", "image") or "-"))
        table.add(*cells, note=str(at(entry, "error", "message") or ""))
    screen.table(table)


def _count(entry: Mapping[str, Any], what: str) -> int:
    return int(at(entry, "progress", f"{what}InstanceCount") or 0)


def _total(entry: Mapping[str, Any]) -> int:
    return sum(_count(entry, what) for what in ("successful", "failed", "inProgress", "pending"))


def _took(entry: Mapping[str, Any]) -> str:
    start, end = (parse(at(entry, "runningStatus", name)) for name in ("startTime", "completedTime"))
    return short(end - start) if start and end else "-"
