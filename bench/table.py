"""The numbers of all rounds, for a terminal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.rolls import Roll


@dataclass(frozen=True)
class Measure:
    """One line of the table."""

    name: str
    of: Callable[[Roll], float]
    decimals: int = 2


CONTROLLERS = {"StatefulSet": "kube-controller-manager", "ScaleSet": "rollkeeper", "script": "script"}
"""The process whose CPU time is a side's own."""


def _cpu_of(process: str) -> Callable[[Roll], float]:
    return lambda roll: roll.cpu[process]


MEASURES = (
    Measure("wall time, s", lambda roll: roll.wall, 1),
    Measure("CPU of its controller, s", lambda roll: roll.cpu[CONTROLLERS[roll.side]]),
    Measure("writes an instance", lambda roll: roll.writes_an_instance),
    Measure("events an instance", lambda roll: roll.events_an_instance),
    Measure("not available at once, at most", lambda roll: roll.timeline.most_unavailable, 0),
    Measure("CPU of kube-controller-manager, s", _cpu_of("kube-controller-manager")),
    Measure("CPU of kube-apiserver and etcd, s", lambda roll: roll.cpu["kube-apiserver"] + roll.cpu["etcd"], 1),
)


def show(rolls: Sequence[Roll], sides: tuple[str, str]) -> None:
    """Medians of two sides with all values behind them, and the second's part of the first's."""
    table = Table("median (all rounds)", *sides, "ratio")
    for measure in MEASURES:
        found = {side: [measure.of(roll) for roll in rolls if roll.side == side] for side in sides}
        first, second = (median(found[side]) for side in sides)
        ratio = f"{second / first:.2f}" if first else "-"
        table.add_row(measure.name, *(_cell(found[side], measure.decimals) for side in sides), ratio)
    console = Console(width=140)
    console.print(table)
    for side in sides:
        last = [roll for roll in rolls if roll.side == side][-1]
        told = ", ".join(f"{count} {what}" for what, count in last.writes.most_common())
        console.print(f"writes of {side}'s controller in the last round: {told}", soft_wrap=True)


def _cell(values: Sequence[float], decimals: int) -> str:
    each = " ".join(f"{value:.{decimals}f}" for value in values)
    return f"{median(values):.{decimals}f} ({each})"
