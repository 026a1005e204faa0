"""Draws rollouts: instances by version and health over time, one panel each."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from bench.rolls import Roll
from bench.timeline import Sample

POINTS = 120
"""Of a curve: finer can't be seen, and would make the file large."""

OLD, DOWN, NEW = "#b8c4d0", "#e4572e", "#2e86ab"


def draw(rolls: Sequence[Roll], title: str, path: Path) -> None:
    """One panel for each side, with its roll of median time."""
    mpl.use("svg")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "rollkeeper", "font.size": 10})
    sides = list(dict.fromkeys(roll.side for roll in rolls))
    chosen = [_typical([roll for roll in rolls if roll.side == side]) for side in sorted(sides, reverse=True)]
    end = max(roll.wall for roll in chosen) * 1.04
    figure, panels = plt.subplots(len(chosen), 1, sharex=True, figsize=(8, 2.6 * len(chosen)), layout="constrained")
    for roll, axes in zip(chosen, panels, strict=True):
        _panel(axes, roll, end)
    panels[-1].set_xlabel("seconds since the new version was asked for")
    panels[0].legend(loc="lower right", framealpha=0.9)
    figure.suptitle(title)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _typical(rolls: Sequence[Roll]) -> Roll:
    middle = median(roll.wall for roll in rolls)
    return min(rolls, key=lambda roll: abs(roll.wall - middle))


def _panel(axes: Axes, roll: Roll, end: float) -> None:
    times, samples = _resampled(roll.timeline.samples, end)
    size = roll.timeline.instances
    new = [sample.new for sample in samples]
    down = [size - sample.old - sample.new for sample in samples]
    old = [sample.old for sample in samples]
    labels = ("healthy on the new version", "not available", "healthy on the old version")
    axes.stackplot(times, new, down, old, labels=labels, colors=(NEW, DOWN, OLD), step="post")
    axes.axvline(roll.wall, color="black", linewidth=0.8, linestyle="--")
    axes.set(
        xlim=(0, end),
        ylim=(0, size),
        ylabel="instances",
        title=f"{roll.side}: {roll.wall:.1f} s, at most {roll.timeline.most_unavailable} not available at once",
    )


def _resampled(samples: Sequence[Sample], end: float) -> tuple[list[float], list[Sample]]:
    """What was so at evenly spaced times."""
    times = [end * number / POINTS for number in range(POINTS + 1)]
    found: list[Sample] = []
    position = 0
    for moment in times:
        while position + 1 < len(samples) and samples[position + 1].seconds <= moment:
            position += 1
        found.append(samples[position])
    return times, found
