"""The numbers of all rounds, for a terminal."""

from collections.abc import Callable, Sequence
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.rolls import Roll

Measure = tuple[str, str, Callable[[Roll], float]]

CONTROLLERS = {"StatefulSet": "kube-controller-manager", "ScaleSet": "rollkeeper"}
"""The process whose CPU time is a side's own."""


def _cpu_of(process: str) -> Callable[[Roll], float]:
    return lambda roll: roll.cpu[process]


MEASURES: tuple[Measure, ...] = (
    ("wall time", "s", lambda roll: roll.wall),
    ("CPU of its controller", "s", lambda roll: roll.cpu[CONTROLLERS[roll.side]]),
    ("writes an instance", "", lambda roll: roll.writes_an_instance),
    ("events an instance", "", lambda roll: roll.events_an_instance),
    ("unavailable at once, at most", "", lambda roll: roll.timeline.most_unavailable),
    ("CPU of kube-controller-manager", "s", _cpu_of("kube-controller-manager")),
    ("CPU of kube-apiserver and etcd", "s", lambda roll: roll.cpu["kube-apiserver"] + roll.cpu["etcd"]),
)


def show(rolls: Sequence[Roll]) -> None:
    """Medians of each side with all values behind them, and ScaleSet's part of StatefulSet's."""
    sides = list(CONTROLLERS)
    table = Table("", *(f"{side} (rounds)" for side in sides), "ScaleSet / StatefulSet")
    for name, unit, measure in MEASURES:
        found = {side: [measure(roll) for roll in rolls if roll.side == side] for side in sides}
        first, second = (median(found[side]) for side in sides)
        ratio = f"{second / first:.2f}" if first else "-"
        table.add_row(f"{name} {unit}".rstrip(), *(_cell(found[side]) for side in sides), ratio)
    console = Console(width=110)
    console.print(table)
    for side in sides:
        last = [roll for roll in rolls if roll.side == side][-1]
        told = ", ".join(f"{count} {what}" for what, count in last.writes.most_common())
        console.print(f"writes of {side}'s controller in the last round: {told}", soft_wrap=True)


def _cell(values: Sequence[float]) -> str:
    each = " ".join(f"{value:.2f}" for value in values)
    return f"{median(values):.2f} ({each})"
