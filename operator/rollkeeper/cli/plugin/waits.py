"""What a set waits for: the answer to "why is nothing happening?", from the conditions and its runs."""

from collections.abc import Iterable

from rollkeeper.cli.plugin.views import RunView, SetView, condition

ROLLS_BY_ITSELF = frozenset({"NewerVersionAvailable", "UpgradeInProgress", "CreatingInstances"})
"""Reasons of UpToDate=False that end by themselves."""


def reasons(scale_set: SetView, runs: Iterable[RunView]) -> list[str]:
    """One sentence each, the most important first; empty when everything is as it should be."""
    found: list[str] = []
    if not scale_set.current:
        found.append("the controller has not looked at the newest spec yet: is it running?")
    for kind in ("Stalled", "UpgradeBlocked"):
        told = condition(scale_set.raw, kind)
        if told.get("status") == "True":
            found.append(_sentence(told))
    for run in runs:
        if run.name == scale_set.active_run:
            found.append(f"{run.name}: {run.message}")
        elif run.code == "Pending":
            found.append(f"{run.name} (pending): {run.message}")
    if scale_set.active_run is None:
        told = condition(scale_set.raw, "UpToDate")
        if told.get("status") == "False":
            found.append(_sentence(told))
        ready = condition(scale_set.raw, "Ready")
        if ready.get("status") == "False" and condition(scale_set.raw, "Stalled").get("status") != "True":
            found.append(_sentence(ready))
    return list(dict.fromkeys(found))


def _sentence(told: dict[str, str]) -> str:
    return f"{told.get('message') or told.get('reason')} ({told.get('reason')})"
