"""Sets, runs and instances as people are told of them, out of raw JSON: fields that are not there read as empty."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from rollkeeper.cli.plugin import members
from rollkeeper.cli.plugin.members import Member
from rollkeeper.cli.plugin.times import parse
from rollkeeper.engine import health, ranges
from rollkeeper.engine.snapshot import Instance
from rollkeeper.kube.api import JsonObject

if TYPE_CHECKING:  # pydantic takes half of the time that a command may take
    from rollkeeper.api.v1alpha1.health import Health

FINAL = frozenset({"Completed", "Cancelled", "Faulted"})
ACTIVE = frozenset({"RollingForward", "RollingBack"})


def at(raw: Mapping[str, Any], *path: str) -> Any:  # noqa: ANN401 - JSON
    """A nested field; None when it, or anything on the way, is not there."""
    found: Any = raw
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def condition(raw: JsonObject, kind: str) -> JsonObject:
    """A condition of an object; empty when it has none of that type."""
    return next((c for c in at(raw, "status", "conditions") or () if c.get("type") == kind), {})


def image_name(reference: Mapping[str, Any]) -> str:
    """`gallery/definition` or `publisher/offer/sku`."""
    names = ("gallery", "definition") if reference.get("gallery") else ("publisher", "offer", "sku")
    return "/".join(str(reference.get(name) or "") for name in names)


@dataclass(frozen=True)
class RunView:
    """An UpgradeRun."""

    raw: JsonObject

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.raw["metadata"]["name"])

    @property
    def code(self) -> str:
        """Pending, RollingForward, RollingBack, Completed, Cancelled or Faulted."""
        return str(at(self.raw, "status", "runningStatus", "code") or "Pending")

    @property
    def shown(self) -> str:
        """The code, or Paused."""
        return str(at(self.raw, "status", "displayStatus") or self.code)

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.code in FINAL

    @property
    def active(self) -> bool:
        """Whether it is the one that works on its set."""
        return self.code in ACTIVE

    @property
    def target(self) -> str:
        """The version it goes to, or `model web-7c9f4bd2xk`."""
        if at(self.raw, "spec", "type") == "Model":
            return f"model {at(self.raw, 'status', 'targetModelRevision') or '(newest)'}"
        return str(
            at(self.raw, "status", "targetImageReference", "version")
            or at(self.raw, "spec", "imageVersion")
            or "latest"
        )

    @property
    def started_by(self) -> str:
        """User or Platform."""
        return str(at(self.raw, "spec", "startedBy") or "User")

    @property
    def message(self) -> str:
        """What it does, waits for, or why it ended: the controller's sentence."""
        said = at(self.raw, "status", "error", "message") if self.over else None
        return str(said or at(self.raw, "status", "message") or "the controller has not looked at it yet")

    def count(self, what: str) -> int:
        """`successful`, `failed`, `inProgress`, `pending` or `skipped` instances."""
        return int(at(self.raw, "status", "progress", f"{what}InstanceCount") or 0)

    @property
    def summary(self) -> str:
        """`16/20`."""
        return str(at(self.raw, "status", "progress", "summary") or "-")

    def time(self, field: str) -> datetime | None:
        """`startTime` or `completedTime`."""
        return parse(at(self.raw, "status", "runningStatus", field))

    @property
    def skipped(self) -> str:
        """The instances that it leaves alone, as ranges."""
        return str(at(self.raw, "status", "instances", "skipped") or "")

    @property
    def ordinals(self) -> ranges.Ordinals:
        """The instances in its batch that are not settled yet."""
        return ranges.parse(at(self.raw, "status", "instances", "inProgress") or "")


@dataclass(frozen=True)
class SetView:
    """A ScaleSet."""

    raw: JsonObject

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.raw["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Where it is."""
        return str(self.raw["metadata"]["namespace"])

    @property
    def made_of(self) -> str:
        """What one instance is, in words."""
        return "virtual machine" if at(self.raw, "spec", "virtualMachineTemplate") else "pod"

    @property
    def image(self) -> str:
        """`gallery/definition` or `publisher/offer/sku`."""
        return image_name(at(self.raw, "spec", "imageReference") or {})

    @property
    def pin(self) -> str:
        """`latest`, or the version that it is pinned to."""
        return str(at(self.raw, "spec", "imageReference", "version") or "latest")

    @property
    def replicas(self) -> int:
        """How many instances it is to have."""
        return int(at(self.raw, "spec", "replicas") or 0)

    @property
    def mode(self) -> str:
        """Rolling, Manual or Automatic."""
        return str(at(self.raw, "spec", "upgradePolicy", "mode") or "Rolling")

    @property
    def automatic(self) -> bool:
        """Whether newly published versions are rolled out by themselves."""
        return bool(at(self.raw, "spec", "upgradePolicy", "automaticOSUpgradePolicy", "enableAutomaticOSUpgrade"))

    def status(self, *path: str) -> Any:  # noqa: ANN401 - JSON
        """A field of the status."""
        return at(self.raw, "status", *path)

    @property
    def proven(self) -> str:
        """The proven version, or the one that it is being created with; `-` when there is neither."""
        return str(self.status("provenImageVersion") or self.status("creationVersion") or "-")

    @property
    def latest(self) -> str:
        """The newest version that it may run."""
        return str(self.status("latestImageVersion") or "-")

    @property
    def active_run(self) -> str | None:
        """Name of the run that works on it."""
        found = self.status("activeRunName")
        return str(found) if found else None

    @property
    def current(self) -> bool:
        """Whether the controller has seen the newest spec."""
        return bool(self.status("observedGeneration") == self.raw["metadata"].get("generation"))


@dataclass(frozen=True)
class _Source:
    """As much of the set's health source as judging an instance takes."""

    application: object | None
    """Not None: the application is asked, too (H4)."""


@dataclass(frozen=True, order=True)
class InstanceLine:
    """What is told of one instance."""

    ordinal: int
    name: str
    version: str
    health: str
    """healthy, starting, upgrading, terminating, missing or unhealthy."""
    why: str = ""
    protected: bool = False


def instances(scale_set: SetView, run: RunView | None, pods: Iterable[JsonObject]) -> list[InstanceLine]:
    """A line for each instance that there is or should be. Health is judged as the engine does it (H1).

    One thing it can't see: whether a node is lost, before Kubernetes marks the pods of it as not ready.
    """
    found = {member.instance.ordinal: member for member in members.read(pods)}
    found.pop(-1, None)
    meant = {
        ordinal: str(group.get("version") or "-")
        for group in scale_set.status("versions") or ()
        for ordinal in ranges.parse(group.get("instances") or "")
    }
    everyone = sorted({*range(scale_set.replicas), *found})
    return [_line(scale_set, run, ordinal, found.get(ordinal), meant.get(ordinal, "-")) for ordinal in everyone]


def _line(scale_set: SetView, run: RunView | None, ordinal: int, member: Member | None, meant: str) -> InstanceLine:
    name = f"{scale_set.name}-{ordinal}"
    upgrading = run is not None and ordinal in run.ordinals
    if member is None:
        said = f"its {scale_set.made_of} is not there"
        return InstanceLine(ordinal, name, meant, "upgrading" if upgrading else "missing", said)
    pod = member.instance
    source = at(scale_set.raw, "spec", "health")
    judged_by = cast("Health", _Source(source.get("applicationHealth"))) if source else None
    problem = health.problem_of(pod, judged_by)
    said = f"{problem.reason}: {problem.message}".rstrip(": ") if problem else ""
    if pod.terminating:
        state, said = ("upgrading" if upgrading else "terminating"), f"its {scale_set.made_of} is terminating"
    elif health.is_healthy(pod, judged_by):
        state, said = "healthy", member.warning
    elif upgrading:
        state = "upgrading"
    elif _starting(scale_set, ordinal):
        state = "starting"
    else:
        state = "unhealthy"
    if state != "healthy" and not said and health.is_unread(pod, judged_by):
        said = "its application was not asked yet"
    if state != "healthy" and not said:
        said = "runs, and is not ready yet" if pod.running else _not_started(scale_set, pod)
    if ordinal >= scale_set.replicas:
        said = said or "above spec.replicas: it is being removed"
    return InstanceLine(ordinal, name, pod.pair.version, state, said, pod.protected)


def _not_started(scale_set: SetView, pod: Instance) -> str:
    if scale_set.made_of != "pod":
        return "its guest has not started yet"
    changed = "its image was changed in place, and the new container" if pod.swapping else "its container"
    return f"{changed} has not started yet"


def _starting(scale_set: SetView, ordinal: int) -> bool:
    """Made by first creation or scale-out, and never healthy yet (section 0 of the rules)."""
    if scale_set.status("provenImageVersion"):
        return ordinal in ranges.parse(scale_set.status("starting") or "")
    return ordinal not in ranges.parse(scale_set.status("everHealthy") or "")
