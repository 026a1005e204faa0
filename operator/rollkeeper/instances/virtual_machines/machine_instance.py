"""The engine's `Instance` of a VirtualMachine and its guest: what runs, since when, what is wrong (H1, H2, H5)."""

from datetime import datetime

from rollkeeper.engine.reasons import Failure
from rollkeeper.engine.snapshot import Instance, Problem
from rollkeeper.instances.virtual_machines.machine_view import GuestView, MachineView

POWER_OFF = Problem(
    Failure.POWER_OFF, "its virtual machine was halted by somebody: start it (runStrategy Always), nothing here does"
)
_IMAGE, _CRASHES = "ImagePullBackOff", "CrashLoopBackOff"
"""The kubelet's words for it, which people know."""
_PULL = frozenset({"ErrImagePull", "ImagePullBackOff"})
_VOLUMES = frozenset({"ErrorPvcNotFound", "DataVolumeError", "WaitingForVolumeBinding"})


def instance_of(
    machine: MachineView,
    guest: GuestView | None = None,
    launcher: Instance | None = None,
    *,
    started_before: datetime | None = None,
) -> Instance:
    """The instance.

    `guest` is what runs of the machine, if anything does, and `launcher` the pod that it runs in, which tells what its
    application says (H4). `started_before` is the first start of a guest since the last change that memory knows of: a
    guest that dies is followed by another one, and the clock must not begin anew.
    """
    current = guest if guest is not None and is_current(machine, guest) else None
    running = current is not None and _runs(machine, current)
    since = _running_since(machine, current) if running and current is not None else None
    ready = current.ready_since if current is not None else None
    return Instance(
        ordinal=machine.ordinal,
        name=machine.name,
        uid=machine.uid,
        pair=machine.pair,
        made_by=machine.mark[0],
        created=machine.created,
        swapping=current is None and not is_off(machine),
        unfinished=is_unfinished(machine, guest),
        terminating=machine.terminating,
        terminating_until=machine.terminating_until,
        running=running,
        first_started=first_start(current, started_before),
        running_since=since,
        ready=running and ready is not None,
        # The launcher may have been ready before the agent was: healthy is who has both.
        ready_since=max(ready, since) if ready is not None and since is not None else None,
        problem=None if running and ready is not None else _problem(machine, guest, current),
        protected=machine.protected,
        claims=machine.claims,
        application=launcher.application if running and launcher is not None else None,
        application_settled=launcher.application_settled if running and launcher is not None else None,
    )


def is_current(machine: MachineView, guest: GuestView) -> bool:
    """Whether a guest was started from the machine's template as it is now."""
    return guest.machine == machine.uid and guest.mark == machine.mark


def is_off(machine: MachineView) -> bool:
    """Whether somebody has halted the machine: then it is theirs to start."""
    return machine.halted and not machine.starting_anew


def is_unfinished(machine: MachineView, guest: GuestView | None) -> bool:
    """Whether a change of the machine is written, and a call of ours is missing until its guest is of it.

    Either the guest of before has still to be taken down, or a machine that we have halted has to be started.
    """
    if machine.terminating:
        return False
    if machine.starting_anew:
        return may_start(machine, guest)
    return guest is not None and not guest.terminating and not is_current(machine, guest)


def may_start(machine: MachineView, guest: GuestView | None) -> bool:
    """Whether a machine that we have halted may run again: KubeVirt has forgotten its failures.

    Or somebody has started it already: then the mark must go, or it would pass for ours when they halt it again.
    """
    return not machine.halted or (guest is None and not machine.backs_off)


def first_start(current: GuestView | None, before: datetime | None) -> datetime | None:
    """The first start known of a guest since the machine was last changed (H2)."""
    now = current.running_since if current is not None else None
    return min((t for t in (now, before) if t is not None), default=None)


def _runs(machine: MachineView, guest: GuestView) -> bool:
    alive = guest.phase == "Running" and not guest.terminating and not guest.paused
    return alive and (guest.agent_since is not None or not machine.guest_agent)


def _running_since(machine: MachineView, guest: GuestView) -> datetime | None:
    times = [guest.running_since, guest.agent_since if machine.guest_agent else None]
    return max((t for t in times if t is not None), default=None)


def _problem(machine: MachineView, guest: GuestView | None, current: GuestView | None) -> Problem | None:
    if is_off(machine):
        return POWER_OFF
    found = _problem_of_machine(machine)
    if found is not None or guest is None or current is None or current.terminating:
        return found
    return _problem_of_guest(machine, current)


def _problem_of_machine(machine: MachineView) -> Problem | None:
    """KubeVirt's own word for it."""
    if machine.status in _PULL:
        return Problem(_IMAGE, f"the image of the OS disk can't be pulled: {machine.pair.image}")
    if machine.status == "ErrorUnschedulable":
        return Problem(Failure.UNSCHEDULABLE, "no node can take its virtual machine: see the launcher pod")
    if machine.status in _VOLUMES:
        return Problem(Failure.VOLUME_ATTACH, f"waits for its disks: {machine.status}")
    if machine.backs_off:
        return Problem(_CRASHES, "its guest ends before it runs, KubeVirt waits before it starts the next")
    return None


def _problem_of_guest(machine: MachineView, guest: GuestView) -> Problem | None:
    if guest.phase in {"Failed", "Succeeded"}:
        return Problem(Failure.GUEST_ENDED, "its guest has ended, and KubeVirt starts the next")
    if guest.paused:
        return Problem(Failure.GUEST_PAUSED, "its guest is paused")
    if guest.phase == "Running" and machine.guest_agent and guest.agent_since is None:
        return Problem(Failure.GUEST_AGENT_MISSING, "its guest runs, but the guest agent has not connected")
    return None
