"""What stands for an instance in the cluster in memory, as the engine reads it: a pod, or a machine and its guest."""

from rollkeeper.engine.snapshot import Instance
from rollkeeper.instances.pod_view import read_pod
from rollkeeper.instances.virtual_machines.machine_instance import instance_of, is_current
from rollkeeper.instances.virtual_machines.machine_view import read_guest, read_machine
from rollkeeper.instances.virtual_machines.resources import GUESTS, MACHINES
from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.resources import PODS
from tests.simulation.objects import key_of
from tests.simulation.server import ApiServer


def standing(server: ApiServer, namespace: str, name: str) -> JsonObject | None:
    """The pod or machine of that name."""
    return server.store.get(PODS, (namespace, name)) or server.store.get(MACHINES, (namespace, name))


def instance(server: ApiServer, thing: JsonObject) -> Instance:
    """What the engine sees of a pod, or of a machine with the guest that is there now."""
    if thing["kind"] != MACHINES.kind:
        return read_pod(thing, None).instance
    guest = server.store.get(GUESTS, key_of(thing))
    return instance_of(read_machine(thing, None), read_guest(guest, None) if guest is not None else None)


def is_outdated(server: ApiServer, guest: JsonObject) -> bool:
    """Whether a guest is not, or no longer, of the machine as it stands there."""
    machine = server.store.get(MACHINES, key_of(guest))
    if machine is None or "deletionTimestamp" in machine["metadata"]:
        return True
    return not is_current(read_machine(machine, None), read_guest(guest, None))
