"""Who led when: the Lease as it is, and every write of it that the audit log tells of."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from rollkeeper.cli.operator import LEASE
from tests.cluster.audit import AuditLog, Json
from tests.cluster.world import World

NOBODY = ""


@dataclass(frozen=True)
class Term:
    """The time in which one process held the Lease; or nobody did, after it was given back."""

    holder: str
    """A controller's name."""
    begun: datetime
    renewed: datetime
    """The last time, by the holder's own clock, which is also everybody else's here."""


class Leadership:
    """The Lease of the controllers of one namespace."""

    def __init__(self, world: World, audit: AuditLog) -> None:
        self._world = world
        self._audit = audit

    def until_led_by(self, name: str) -> None:
        """Waits until a controller holds the Lease."""
        self._world.until(f"{name} leads", lambda: _holder(self._spec()) == name)

    def until_renewed_after(self, name: str, moment: datetime) -> None:
        """Waits until the one who holds the Lease has renewed it so late."""

        def met() -> bool:
            spec = self._spec()
            return _holder(spec) == name and datetime.fromisoformat(spec["renewTime"]) >= moment

        self._world.until(f"{name} has renewed the Lease after {moment}", met)

    def terms(self) -> list[Term]:
        """All of them, in their order."""
        found: list[Term] = []
        for spec in self._written():
            renewed = datetime.fromisoformat(spec["renewTime"])
            holder = _holder(spec) if "holderIdentity" in spec else found[-1].holder
            if found and found[-1].holder == holder:
                found[-1] = Term(holder, found[-1].begun, renewed)
            else:
                found.append(Term(holder, renewed, renewed))
        return found

    def holders(self) -> list[str]:
        """Who led, one after another."""
        return [term.holder for term in self.terms()]

    def looks_before(self, successor: str) -> int:
        """How often somebody looked at the Lease between its being given back and its being taken by a successor."""
        written = [w for w in self._audit.calls(self._world.namespace, "leases") if w.took_effect]
        holders = [(w, _holder(w.body["spec"])) for w in written if "holderIdentity" in w.body.get("spec", {})]
        (given_back,) = [write for write, holder in holders if holder == NOBODY]
        (taken,) = [write for write, holder in holders if holder == successor]
        between = (given_back.completed, taken.received)
        return sum(w.verb == "get" and between[0] < w.received < between[1] for w in written)

    def transitions(self) -> int:
        """How often the Lease says that it has changed hands."""
        return int(self._spec()["leaseTransitions"])

    def _spec(self) -> Json:
        found: Json = (self._world.find("leases", LEASE) or {}).get("spec", {})
        return found

    def _written(self) -> Iterator[Json]:
        for write in self._audit.writes(self._world.namespace):
            if write.resource == "leases" and write.took_effect:
                yield write.body["spec"]


def waited(before: Term, after: Term) -> timedelta:
    """How long a successor let a Lease be that was not renewed any more."""
    return after.begun - before.renewed


def _holder(spec: Json) -> str:
    """The process' name, without the random part that keeps it apart from its own successor."""
    name, _, _ = str(spec.get("holderIdentity", "")).rpartition("-")
    return name
