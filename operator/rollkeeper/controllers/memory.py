"""What only trying can tell, remembered between the reconciles of one set. All of it may be lost at any time.

Nothing is right because of it: after a restart the same calls are tried again, and the same answers are learned.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rollkeeper.engine.ranges import Ordinals
from rollkeeper.engine.references import Reference, ReferenceCheck
from rollkeeper.engine.snapshot import DryRun, Instance, Pair, Refusal, Vanished

Mark = tuple[str, str]
"""What an instance was last changed for, and when."""

_FIRST_RETRY = timedelta(seconds=2)
_LAST_RETRY = timedelta(seconds=30)
_CHECKS_KEPT = timedelta(minutes=1)


@dataclass
class SetMemory:
    """The memory of one set."""

    refusals: dict[int, Refusal] = field(default_factory=dict)
    vanished: dict[int, Vanished] = field(default_factory=dict)
    dry_runs: dict[Pair, DryRun] = field(default_factory=dict)
    reference_checks: dict[str, ReferenceCheck] = field(default_factory=dict)
    """The last looks for what a model relies on, by occasion (T8)."""
    taken_down: set[str] = field(default_factory=set)
    """Uids of pods that were evicted, until the cache shows it: the answer to an eviction has no pod in it."""
    provisioned: dict[str, datetime] = field(default_factory=dict)
    """When the OS container of a pod with a postStart hook was first seen running, by the pod's uid (H2)."""
    first_starts: dict[str, tuple[Mark, datetime]] = field(default_factory=dict)
    """When a guest of a virtual machine was first seen running since the machine's last change, by its uid (H2)."""
    internal_error: str = ""
    """What went wrong unexpectedly in the last reconcile; it stands in the status until one goes well."""
    written_at: dict[str, datetime] = field(default_factory=dict)
    """When a status was last written, by uid: counts are written every few seconds only."""

    def refused(self, ordinal: int, reason: str, message: str, made_by: str, now: datetime) -> None:
        """Notes that the API server said no; each further no of the same reason waits longer, up to 30 s."""
        before = self.refusals.get(ordinal)
        same = before is not None and (before.reason, before.made_by) == (reason, made_by)
        since = before.since if before is not None and same else now
        wait = min(max(_FIRST_RETRY, now - since), _LAST_RETRY)
        self.refusals[ordinal] = Refusal(reason, message, since, now + wait, made_by)

    def accepted(self, ordinal: int) -> None:
        """Notes that the API server said yes."""
        self.refusals.pop(ordinal, None)

    def looked(self, revision: str, occasion: str, missing: tuple[Reference, ...], now: datetime) -> None:
        """Notes what a model misses; while it misses something, each further look waits longer, up to 30 s."""
        before = self.reference_checks.get(occasion)
        wait = _FIRST_RETRY
        if before is not None and before.retry_at is not None:
            wait = min(2 * (before.retry_at - before.at), _LAST_RETRY)
        recent = {o: check for o, check in self.reference_checks.items() if now < check.at + _CHECKS_KEPT}
        check = ReferenceCheck(revision, now, missing, now + wait if missing else None)
        self.reference_checks = {**recent, occasion: check}

    def noted(self, recreated: Ordinals) -> None:
        """A run's status says now that these are made again: the next pod of theirs that vanishes is the second."""
        for ordinal in recreated:
            self.vanished.pop(ordinal, None)

    def pod_gone(self, instance: Instance) -> None:
        """Notes that a pod is gone (H2)."""
        self.vanished[instance.ordinal] = Vanished(instance.ordinal, instance.made_by, instance.pair)
        self.taken_down.discard(instance.uid)
        self.provisioned.pop(instance.uid, None)
        self.first_starts.pop(instance.uid, None)
