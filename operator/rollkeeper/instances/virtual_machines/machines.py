"""Makes, changes and deletes the VirtualMachines of a set (the provider of virtual machines)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from rollkeeper.api.v1alpha1 import ScaleSet, names
from rollkeeper.engine.actions import CreateInstance, SwapImage
from rollkeeper.engine.snapshot import Pair
from rollkeeper.instances.claims import Claims
from rollkeeper.instances.errors import NameTakenError
from rollkeeper.instances.pod_spec import instance_name
from rollkeeper.instances.pod_view import PodView
from rollkeeper.instances.room import Room, survey
from rollkeeper.instances.virtual_machines import machine_spec
from rollkeeper.instances.virtual_machines.launchers import launcher_of
from rollkeeper.instances.virtual_machines.machine_instance import is_current, is_off, may_start
from rollkeeper.instances.virtual_machines.machine_spec import System
from rollkeeper.instances.virtual_machines.machine_view import GuestView, MachineView, read_machine
from rollkeeper.instances.virtual_machines.os_disks import OSDisks
from rollkeeper.instances.virtual_machines.resources import GUESTS, MACHINES
from rollkeeper.instances.virtual_machines.user_data_secrets import UserDataSecrets
from rollkeeper.kube.api import KubeApi
from rollkeeper.kube.errors import AlreadyExists, Conflict, Invalid, NotFound
from rollkeeper.kube.store import Key, Store

HasAgent = Callable[[ScaleSet, Pair], bool]
"""Whether the OS of a pair has a guest agent."""


@dataclass(frozen=True)
class Machines:
    """The provider of virtual machines. A machine is deleted by scaling in alone, and with its set.

    Its answers go into the stores at once, so that the next decision sees them. All methods raise ApiError.
    """

    api: KubeApi
    machines: Store[MachineView]
    guests: Store[GuestView]
    launchers: Store[PodView]
    claims: Claims
    user_data: UserDataSecrets
    os_disks: OSDisks
    has_agent: HasAgent

    async def create(self, scale_set: ScaleSet, model: Mapping[str, Any], new: CreateInstance) -> None:
        """Makes what is missing of claims and user data, then the machine. Raises ObstacleError."""
        system = await self._prepared(scale_set, model, new)
        body = machine_spec.build_machine(scale_set, model, new.ordinal, new.pair, new.made_by, system)
        if new.protected:
            body["metadata"]["labels"][names.LABEL_PROTECT] = "true"
        namespace = scale_set.metadata.namespace
        try:
            self.machines.apply(await self.api.create(MACHINES, namespace, body))
        except AlreadyExists as error:
            found = await self.api.get(MACHINES, namespace, instance_name(scale_set, new.ordinal))
            if read_machine(found, None).owner != scale_set.metadata.uid:
                name = found["metadata"]["name"]
                message = (
                    f"VirtualMachine {name} exists and is not this scale set's: delete it, or rename the scale set"
                )
                raise NameTakenError(message) from error
            self.machines.apply(found)

    async def _prepared(self, scale_set: ScaleSet, model: Mapping[str, Any], of: CreateInstance | SwapImage) -> System:
        """Makes what a machine needs before it is touched: its disks, its user data."""
        await self.claims.ensure(scale_set, of.ordinal, of.pair)
        await self.user_data.ensure(scale_set, model, of.pair.revision)
        claim = await self.os_disks.ensure(scale_set, model["osVolumeName"], of.ordinal, of.pair, of.made_by)
        return System(self.has_agent(scale_set, of.pair), claim)

    async def dry_run(self, scale_set: ScaleSet, model: Mapping[str, Any], pair: Pair) -> None:
        """M3: would the API server take a machine of this pair? Raises Invalid or Forbidden with its words."""
        body = machine_spec.dry_run(scale_set, model, pair)
        await self.api.create(MACHINES, scale_set.metadata.namespace, body, dry_run=True)

    async def swap(self, scale_set: ScaleSet, model: Mapping[str, Any], change: SwapImage, now: datetime) -> None:
        """Gives a machine another OS disk, and takes its guest down (its claims get their label first, F4).

        A guest that has never run, or that KubeVirt holds back after failures, would leave KubeVirt's back-off in the
        way of the next one: then the machine is halted, and `finish` starts it. One that somebody else has halted gets
        its disk and stays as it is. A machine that is another one by now or goes is left alone, and so is one that was
        changed since it was judged: its new guest would be taken down.
        """
        key = (scale_set.metadata.namespace, instance_name(scale_set, change.ordinal))
        judged = self.machines.get(key)
        try:
            raw = await self.api.get(MACHINES, *key)
        except NotFound:
            self.machines.remove_key(key, change.uid)
            return
        machine, guest = read_machine(raw, None), self.guests.get(key)
        self.machines.apply(raw)
        if machine.uid != change.uid or machine.terminating or judged is None or machine.mark != judged.mark:
            return
        system = await self._prepared(scale_set, model, change)
        start_anew = not is_off(machine) and (machine.backs_off or guest is None or not guest.ran)
        patch = machine_spec.swap_patch(scale_set, model, raw, change, system, now, start_anew=start_anew)
        self.machines.apply(await self.api.json_patch(MACHINES, *key, patch))
        if not start_anew:
            await self._finish(key, change.uid)

    async def finish(self, scale_set: ScaleSet, ordinal: int, uid: str) -> None:
        """The second half of a swap: takes the guest of before down, or starts a machine that we have halted.

        The machine is read again: guests have a watch of their own, and beside a machine that the cache has from before
        the swap its new guest would pass for the one of before.
        """
        key = (scale_set.metadata.namespace, instance_name(scale_set, ordinal))
        try:
            self.machines.apply(await self.api.get(MACHINES, *key))
        except NotFound:
            self.machines.remove_key(key, uid)
            return
        await self._finish(key, uid)

    async def _finish(self, key: Key, uid: str) -> None:
        machine, guest = self.machines.get(key), self.guests.get(key)
        if machine is None or machine.uid != uid:
            return
        if machine.starting_anew:
            if may_start(machine, guest):
                await self._start(key, uid)
        elif guest is not None and not is_current(machine, guest):
            await self._delete_guest(key, guest.uid)

    async def evict(self, namespace: str, name: str, uid: str) -> bool:
        """Never asked for: a machine is changed, not made anew."""
        raise NotImplementedError(f"VirtualMachine {namespace}/{name} ({uid}) can't be evicted")

    async def may_evict(self, _namespace: str, _name: str, _uid: str) -> bool:
        """Not asked of the API server: where a guest would migrate, KubeVirt denies every eviction of its launcher.

        Its budgets are looked at instead (`room`).
        """
        return True

    def counted(self, namespace: str, name: str) -> str:
        """The launcher of the machine's guest."""
        launcher = self._launcher((namespace, name))
        return launcher.instance.name if launcher is not None else ""

    async def room(self, namespace: str) -> Room:
        """What budgets leave for other machines, when those that go down already are taken off."""
        found = await survey(self.api, namespace)
        going = {
            self.counted(namespace, g.name) for g in self.guests.values() if g.namespace == namespace and self._goes(g)
        }
        pods = {name: replace(pod, under_way=True) if name in going else pod for name, pod in found.pods.items()}
        return Room(found.budgets, pods)

    def _goes(self, guest: GuestView) -> bool:
        """Whether a guest is being taken down, and its launcher does not show it yet."""
        key = (guest.namespace, guest.name)
        machine, launcher = self.machines.get(key), self._launcher(key)
        if machine is None or launcher is None or launcher.instance.terminating:
            return False
        return guest.terminating or not is_current(machine, guest)

    def _launcher(self, key: Key) -> PodView | None:
        guest = self.guests.get(key)
        return launcher_of(self.launchers, guest) if guest is not None else None

    async def _start(self, key: Key, uid: str) -> None:
        try:
            self.machines.apply(await self.api.json_patch(MACHINES, *key, machine_spec.start_patch(uid)))
        except Invalid:  # another one by now, or started already: the next decision sees it as it is
            self.machines.apply(await self.api.get(MACHINES, *key))
        except NotFound:
            self.machines.remove_key(key, uid)

    async def _delete_guest(self, key: Key, uid: str) -> None:
        try:
            left = await self.api.delete(GUESTS, *key, uid=uid)
        except (NotFound, Conflict):
            return
        if left is None:
            self.guests.remove_key(key, uid)
        else:
            self.guests.apply(left)

    async def delete(self, namespace: str, name: str, uid: str) -> None:
        """Deletes that very machine, because its set is scaled in; KubeVirt takes its guest down."""
        try:
            left = await self.api.delete(MACHINES, namespace, name, uid=uid)
        except (NotFound, Conflict):
            return
        if left is None:
            self.machines.remove_key((namespace, name), uid)
        else:
            self.machines.apply(left)
