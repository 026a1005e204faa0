"""The story as a picture that changes in place: for a terminal."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hack.demo.plain import set_line
from hack.demo.scene import Instance, Scene, code, target
from rollkeeper.api.v1alpha1 import UpgradeRun

COLOURS = ("yellow", "cyan", "green", "magenta", "blue", "red")
HEALTHY, UNHEALTHY = "●", "○"
BAR_WIDTH = 40


def picture(scene: Scene) -> RenderableType:
    """The set's line, the run that works on it, and the instances."""
    if scene.scale_set is None:
        return Text("no scale set yet", style="dim")
    parts: list[RenderableType] = [Text(set_line(scene.scale_set), style="bold")]
    if run := scene.active_run:
        parts += [_bar(run), Text(f"  {run.status.message or ''}")]
    return Group(*parts, instance_row(scene.instances, scene.scale_set.spec.replicas))


def instance_row(instances: Sequence[Instance], wanted: int) -> Table:
    """One column an instance: ordinal, health, version. Where no pod is, there is an empty circle and a dash."""
    found = {instance.ordinal: instance for instance in instances}
    row = Table.grid(padding=(0, 1))
    cells = [found.get(ordinal) or Instance(ordinal, "-", healthy=False) for ordinal in range(wanted)]
    row.add_row(*(Text(f"{cell.ordinal:^5}", style="dim") for cell in cells))
    row.add_row(*(Text(f"{HEALTHY if cell.healthy else UNHEALTHY:^5}", style=colour(cell.version)) for cell in cells))
    row.add_row(*(Text(f"{cell.version:^5}", style=colour(cell.version)) for cell in cells))
    return row


def colour(version: str) -> str:
    """The same for the same version, and another for its neighbours."""
    numbers = [int(part) for part in version.split(".") if part.isdigit()]
    return COLOURS[sum(numbers) % len(COLOURS)] if numbers else "dim"


def _bar(run: UpgradeRun) -> Table:
    status = run.status
    progress = status.progress
    done = progress.successful_instance_count if progress else 0
    left = progress.pending_instance_count + progress.in_progress_instance_count if progress else 0
    failed = progress.failed_instance_count if progress else 0
    batch = f"batch {status.current_batch.number}" if status.current_batch else ""
    line = Table.grid(padding=(0, 1))
    line.add_row(
        Text(f"  {target(run)}", style=colour(target(run))),
        ProgressBar(total=max(1, done + left + failed), completed=done, width=BAR_WIDTH),
        Text((progress.summary if progress else None) or ""),
        Text(batch),
        Text(code(run), style="red" if failed else "green"),
    )
    return line
