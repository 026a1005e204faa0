"""What remains after the story: the history, the hold, and how to go on from here."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from hack.demo.plain import held_line
from rollkeeper.api.v1alpha1 import ScaleSet
from rollkeeper.api.v1alpha1.scale_set import RollingUpgradePolicy
from rollkeeper.api.v1alpha1.scale_set_status import HistoryEntry


def history_table(history: Sequence[HistoryEntry]) -> Table:
    """`status.osUpgradeHistory`, newest first as it stands there."""
    table = Table(title="status.osUpgradeHistory", title_justify="left", box=box.SIMPLE)
    for column in ("Run", "Version", "Result", "Started by", "Upgraded", "Failed", "Put back", "Untouched", "Took"):
        table.add_column(column, no_wrap=True)
    for entry in history:
        counts = entry.progress
        table.add_row(
            entry.run_name,
            entry.target_image_reference.version,
            entry.running_status.code,
            entry.started_by,
            str(counts.successful_instance_count),
            str(counts.failed_instance_count),
            str(entry.rollback_info.successfully_rolledback_instance_count),
            str(counts.pending_instance_count),
            _took(entry),
        )
    return table


def after_the_table(scale_set: ScaleSet) -> list[str]:
    """Why runs failed, what is held, and in what the example is no example."""
    errors = [
        f"{entry.run_name}: {entry.error.code}: {entry.error.message}"
        for entry in scale_set.status.os_upgrade_history
        if entry.error
    ]
    return [*errors, *map(held_line, scale_set.status.held_versions), shortened(scale_set)]


def shortened(scale_set: ScaleSet) -> str:
    """Which times the example sets so that nobody has to wait, and what they are where nothing is set."""
    chosen = scale_set.spec.upgrade_policy.rolling_upgrade_policy
    default = RollingUpgradePolicy()
    differing = [
        f"{field.alias or name} {getattr(chosen, name)} (default {getattr(default, name) or 0})"
        for name, field in RollingUpgradePolicy.model_fields.items()
        if getattr(chosen, name) != getattr(default, name)
    ]
    return f"set for the demonstration: {', '.join(differing) or 'nothing'}"


def kept(kubeconfig: Path, controller_pid: int, log: Path, stop: str) -> list[str]:
    """How to look around in what goes on running, and how to end it."""
    return [
        "The cluster and the controller go on running:",
        f"  export KUBECONFIG={kubeconfig}",
        "  kubectl get scalesets,upgraderuns,imageversions",
        "  kubectl get pods -L rollkeeper.io/image-version",
        f"  less {log}   # the controller's log",
        f"Stop them: kill {controller_pid}; {stop}",
    ]


def _took(entry: HistoryEntry) -> str:
    status = entry.running_status
    if status.start_time is None or status.completed_time is None:
        return "-"
    return f"{(status.completed_time - status.start_time).total_seconds():.0f} s"
