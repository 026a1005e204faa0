"""`release-hold`: lets automatic upgrades try again what is held for a set (F3)."""

import sys
from dataclasses import dataclass

from rollkeeper.api.v1alpha1.names import ANNOTATION_RELEASE_HOLD
from rollkeeper.cli.plugin.errors import CommandError
from rollkeeper.cli.plugin.options import Options
from rollkeeper.cli.plugin.output import resource_name, without_noise, write_data
from rollkeeper.cli.plugin.session import Session
from rollkeeper.cli.plugin.views import SetView
from rollkeeper.controllers.resources import SCALE_SETS
from rollkeeper.engine import versions


@dataclass(frozen=True)
class Hold:
    """A hold on a version, on every version above one, or on a model."""

    target: str
    run: str
    reason: str
    above: bool = False

    @property
    def annotation(self) -> str:
        """What releases it, and no other."""
        return f"{self.target}/{self.run}"

    @property
    def told(self) -> str:
        """`1.2.0 (UpgradedUnhealthy, by web-1-2-0-x7k2p)`."""
        what = f"everything above {self.target}" if self.above else self.target
        return f"{what} ({self.reason}, by {self.run})"

    def covers(self, target: str) -> bool:
        """Whether it is this hold that keeps a version or model back."""
        if not self.above:
            return target == self.target
        return target == self.target or (versions.is_version(target) and versions.is_higher(target, self.target))


def holds_of(scale_set: SetView) -> list[Hold]:
    """All that is held for a set."""
    held = scale_set.status("heldVersions") or ()
    models = scale_set.status("heldModelRevisions") or ()
    return [
        *(Hold(h["version"], h["runName"], h["reason"], bool(h.get("above"))) for h in held),
        *(Hold(h["revision"], h["runName"], h["reason"]) for h in models),
    ]


def chosen(scale_set: SetView, target: str, run: str | None) -> Hold:
    """The one hold that is meant. Raises CommandError that lists what is held."""
    held = holds_of(scale_set)
    found = [hold for hold in held if hold.covers(target) and run in (None, hold.run)]
    if not found:
        known = "; ".join(hold.told for hold in held) or "nothing"
        by = f" by run {run}" if run else ""
        raise CommandError(f"{target} is not held for set {scale_set.name}{by}; held: {known}")
    if len(found) > 1:
        known = "; ".join(hold.told for hold in found)
        raise CommandError(f"{target} is held more than once, choose one with --run: {known}")
    return found[0]


def release(options: Options, name: str, target: str, run: str | None) -> None:
    """`release-hold SET VERSION`. The annotation names hold and run, so a later hold is not released by it."""
    session = Session(options)
    scale_set = SetView(session.scale_set(name))
    hold = chosen(scale_set, target, run)
    patch = {"metadata": {"annotations": {ANNOTATION_RELEASE_HOLD: hold.annotation}}}
    patched = session.client.merge_patch(SCALE_SETS, session.namespace, scale_set.name, patch)
    if not write_data(options, without_noise(patched), [patched]):
        sys.stdout.write(f"{resource_name(patched)} released: {hold.told}\n")
