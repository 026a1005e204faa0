"""What the instances of a set are, for commands that show them: pods, or virtual machines and their guests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rollkeeper.engine import versions
from rollkeeper.engine.snapshot import Instance
from rollkeeper.instances.pod_view import read_pod
from rollkeeper.instances.virtual_machines.machine_instance import instance_of, is_current
from rollkeeper.instances.virtual_machines.machine_view import GuestView, read_guest, read_machine
from rollkeeper.instances.virtual_machines.resources import GUESTS, MACHINES
from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.resources import PODS, Resource


@dataclass(frozen=True, slots=True)
class Member:
    """An instance that is there."""

    instance: Instance
    node: str = ""
    warning: str = ""
    """What does not fit, though it is healthy."""


def resources_of(scale_set: JsonObject) -> tuple[Resource, ...]:
    """What is to be listed: the instances themselves, then what runs of them, and the pods that it runs in."""
    return (MACHINES, GUESTS, PODS) if (scale_set.get("spec") or {}).get("virtualMachineTemplate") else (PODS,)


def read(objects: Iterable[JsonObject]) -> list[Member]:
    """The members among objects of `resources_of`."""
    by_kind: dict[str, list[JsonObject]] = {}
    for raw in objects:
        by_kind.setdefault(str(raw.get("kind") or PODS.kind), []).append(raw)
    guests = {g.machine: g for g in (read_guest(raw, None) for raw in by_kind.get(GUESTS.kind, ()))}
    launchers = [read_pod(raw, None) for raw in by_kind.get(PODS.kind, ()) if _is_launcher(raw)]
    pods = [read_pod(raw, None) for raw in by_kind.get(PODS.kind, ()) if not _is_launcher(raw)]
    by_guest = {(view.owner, view.node): view.instance for view in launchers}
    machines = [_machine(raw, guests, by_guest) for raw in by_kind.get(MACHINES.kind, ())]
    return [*(Member(view.instance, view.node) for view in pods), *machines]


def _is_launcher(pod: JsonObject) -> bool:
    return any(owner.get("kind") == GUESTS.kind for owner in pod["metadata"].get("ownerReferences") or ())


def _machine(raw: JsonObject, guests: Mapping[str, GuestView], launchers: Mapping[tuple[str, str], Instance]) -> Member:
    machine = read_machine(raw, None)
    guest = guests.get(machine.uid)
    if guest is None:
        return Member(instance_of(machine))
    instance = instance_of(machine, guest, launchers.get((guest.uid, guest.node)))
    said = guest.os_version if is_current(machine, guest) else ""
    # Most systems number themselves in their own way; one that does it as versions do should tell the same.
    differs = versions.is_version(said) and said != machine.pair.version
    return Member(instance, guest.node, f"the guest says that it runs {said}" if differs else "")
