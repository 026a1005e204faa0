"""`status`: one set as a tree: versions, the run at work, instances and why they are unhealthy, what it waits for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table as Grid
from rich.text import Text
from rich.tree import Tree

from rollkeeper.cli.plugin import holds, waits
from rollkeeper.cli.plugin.options import Options
from rollkeeper.cli.plugin.output import without_noise, write_data
from rollkeeper.cli.plugin.session import Session
from rollkeeper.cli.plugin.times import short
from rollkeeper.cli.plugin.views import InstanceLine, RunView, SetView, instances
from rollkeeper.engine import ranges
from rollkeeper.kube.api import JsonObject

ONE_BY_ONE = 12
"""Up to so many instances have a line each; more are grouped."""
MOST_GROUPS = 12
LAST_RUNS = 3
WIDEST_NAME = 24
BAR = 30

COLOURS = {
    "healthy": "green",
    "Completed": "green",
    "unhealthy": "red",
    "missing": "red",
    "Faulted": "red",
    "RollingBack": "red",
    "upgrading": "yellow",
    "starting": "yellow",
    "terminating": "yellow",
    "Paused": "yellow",
    "Pending": "yellow",
    "RollingForward": "cyan",
    "Cancelled": "magenta",
}
"""Style of a word wherever it stands."""


@dataclass(frozen=True)
class Scene:
    """What `status` shows, as read."""

    scale_set: SetView
    runs: tuple[RunView, ...]
    """Newest first."""
    lines: tuple[InstanceLine, ...]

    @property
    def run(self) -> RunView | None:
        """The run that works on the set."""
        return next((run for run in self.runs if run.name == self.scale_set.active_run), None)

    @property
    def waits_for(self) -> list[str]:
        """Sentences."""
        return waits.reasons(self.scale_set, self.runs)


def scene(scale_set: JsonObject, runs: Sequence[JsonObject], pods: Sequence[JsonObject]) -> Scene:
    """Puts together what was read."""
    view = SetView(scale_set)
    ordered = sorted(runs, key=lambda r: (r["metadata"].get("creationTimestamp") or "", r["metadata"]["name"]))
    views = tuple(RunView(run) for run in reversed(ordered))
    active = next((run for run in views if run.name == view.active_run), None)
    return Scene(view, views, tuple(instances(view, active, pods)))


def show(options: Options, name: str) -> None:
    """`status SET`."""
    session = Session(options)
    raw = session.scale_set(name)
    runs = session.runs_of(raw["metadata"]["name"])
    read = scene(raw, runs, session.members_of(raw))
    if not write_data(options, data(read), [raw]):
        session.screen.show(picture(read, session.now, wide=options.output == "wide", bar=not session.screen.plain))


def data(read: Scene) -> JsonObject:
    """What programs get: the objects as they are, and what only this command knows."""
    return {
        "scaleSet": without_noise(read.scale_set.raw),
        "activeRun": without_noise(read.run.raw) if read.run else None,
        "instances": [
            {
                "name": line.name,
                "ordinal": line.ordinal,
                "version": line.version,
                "health": line.health,
                "why": line.why,
                "protected": line.protected,
            }
            for line in read.lines
        ],
        "runs": [without_noise(run.raw) for run in read.runs],
        "waitsFor": read.waits_for,
    }


def picture(read: Scene, now: datetime, *, wide: bool = False, bar: bool = True) -> RenderableType:
    """The tree. `wide`: a line for each instance, whatever their number."""
    tree = Tree(_heading(read), guide_style="dim")
    tree.add(_versions(read.scale_set))
    if read.run is not None:
        _add_run(tree, read.run, now, bar=bar)
    _add_instances(tree, read.lines, wide=wide)
    _add_holds(tree, read.scale_set)
    _add_last_runs(tree, [run for run in read.runs if run.over], now)
    waiting = tree.add(Text("waits for", style="bold") if read.waits_for else Text("waits for nothing", style="green"))
    for sentence in read.waits_for:
        waiting.add(Text(sentence))
    return tree


def _heading(read: Scene) -> Text:
    """The count is of the instances below: the set's own is written every few seconds only."""
    scale_set = read.scale_set
    how = f"automatic upgrades {'on' if scale_set.automatic else 'off'}, mode {scale_set.mode}"
    healthy = sum(line.health == "healthy" and line.ordinal < scale_set.replicas for line in read.lines)
    ready = f"{healthy} of {scale_set.replicas} healthy"
    return Text.assemble((scale_set.name, "bold"), f"  {scale_set.image}  {ready}  ({how})")


def _versions(scale_set: SetView) -> Text:
    said = Text.assemble("version ", (scale_set.proven, "bold"))
    if not scale_set.status("provenImageVersion"):
        said.append(" (nothing is proven yet)")
    said.append(f", pinned to {scale_set.pin}" if scale_set.pin != "latest" else f", latest {scale_set.latest}")
    return said


def _add_run(tree: Tree, run: RunView, now: datetime, *, bar: bool) -> None:
    title = Text.assemble("run ", (run.name, "bold"), f" to {run.target} by {run.started_by}: ")
    title.append(run.shown, style=COLOURS.get(run.shown, ""))
    branch = tree.add(title)
    branch.add(_progress(run, bar=bar))
    batch = run.raw["status"].get("currentBatch")
    if batch:
        began = datetime.fromisoformat(batch["startTime"])
        where = f", zone {batch['domain']}" if batch.get("domain") else ""
        branch.add(
            Text(f"batch {batch['number']}: {batch['instances']}{where}, {batch['phase']} for {short(now - began)}")
        )
    for failure in run.raw["status"].get("failureReasons") or ():
        why = "surroundings" if failure.get("environment") else "instance"
        branch.add(Text(f"{failure['count']} failed: {failure['reason']} ({why})", style="red"))


def _progress(run: RunView, *, bar: bool) -> RenderableType:
    done, failed, skipped = run.count("successful"), run.count("failed"), run.count("skipped")
    rest = run.count("inProgress") + run.count("pending")
    extra = [f"{count} {what}" for count, what in ((failed, "failed"), (skipped, "skipped")) if count]
    words = Text(", ".join([run.summary, *extra]))
    if not bar:
        return words
    grid = Grid.grid(padding=(0, 1))
    grid.add_row(ProgressBar(total=max(1, done + failed + skipped + rest), completed=done, width=BAR), words)
    return grid


def _add_instances(tree: Tree, lines: Sequence[InstanceLine], *, wide: bool) -> None:
    """A line each, in groups where there are many."""
    if not lines:
        tree.add(Text("no instances"))
        return
    branch = tree.add(Text("instances"))
    if wide or len(lines) <= ONE_BY_ONE:
        branch.add(_lines([(line.name, line) for line in lines], wide=wide))
        return
    groups = grouped(lines)
    shown = [(f"{len(ordinals)}: {ranges.render(ordinals)}", line) for ordinals, line in groups[:MOST_GROUPS]]
    branch.add(_lines(shown, wide=wide))
    if len(groups) > MOST_GROUPS:
        branch.add(Text(f"and {len(groups) - MOST_GROUPS} more groups: -o wide shows every instance"))


def _lines(named: Sequence[tuple[str, InstanceLine]], *, wide: bool) -> RenderableType:
    """Only the reasons give way where there is no room: cut off, or with `wide` wrapped."""
    grid = Grid.grid(padding=(0, 2, 0, 0))
    for _ in range(3):
        grid.add_column(no_wrap=True, overflow="ellipsis", max_width=WIDEST_NAME)
    grid.add_column()
    for name, line in named:
        said = ", ".join(word for word in (line.why, "protected from upgrades" if line.protected else "") if word)
        why = Text(said) if wide else Text(said, no_wrap=True, overflow="ellipsis")
        grid.add_row(Text(name), Text(line.version), Text(line.health, style=COLOURS.get(line.health, "")), why)
    return grid


def grouped(lines: Sequence[InstanceLine]) -> list[tuple[list[int], InstanceLine]]:
    """Instances that have the same to tell, the sick ones first; reasons that name the instance count as the same."""
    groups: dict[tuple[str, str, str, bool], list[InstanceLine]] = {}
    for line in lines:
        why = line.why.replace(line.name, "…")
        groups.setdefault((line.version, line.health, why, line.protected), []).append(line)
    ordered = sorted(groups.values(), key=lambda group: (group[0].health == "healthy", group[0].ordinal))
    return [([line.ordinal for line in group], group[0]) for group in ordered]


def _add_holds(tree: Tree, scale_set: SetView) -> None:
    for hold in holds.holds_of(scale_set):
        branch = tree.add(Text(f"held: {hold.told}", style="yellow"))
        branch.add(Text(f"to release it: kubectl rollkeeper release-hold {scale_set.name} {hold.target}"))


def _add_last_runs(tree: Tree, runs: Sequence[RunView], now: datetime) -> None:
    """The last few; of the newest also why, if it did not go well."""
    if not runs:
        return
    branch = tree.add(Text("last runs"))
    grid = Grid.grid(padding=(0, 2, 0, 0))
    for _ in range(5):
        grid.add_column(no_wrap=True, overflow="ellipsis")
    for run in runs[:LAST_RUNS]:
        ended = run.time("completedTime")
        ago = f"{short(now - ended)} ago" if ended else ""
        grid.add_row(run.name, run.target, Text(run.shown, style=COLOURS.get(run.shown, "")), run.summary, ago)
    branch.add(grid)
    newest = runs[0]
    if newest.code != "Completed":
        branch.add(Text(f"{newest.name}: {newest.message}"))
