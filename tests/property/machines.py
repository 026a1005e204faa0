"""Instances that are virtual machines: what happens to their guests, and what people do with them."""

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from rollkeeper.api.v1alpha1.names import ANNOTATION_STARTING_ANEW, LABEL_PROTECT
from rollkeeper.instances.virtual_machines.resources import GUESTS, MACHINES
from rollkeeper.kube.api import JsonObject
from tests.property.users import ORDINALS, tolerant
from tests.property.world import BEHAVIOURS, World
from tests.simulation.kubevirt import UNKNOWN_TYPE
from tests.simulation.objects import Key
from tests.simulation.objects_of_ours import reference

_TAILS = dict(zip(BEHAVIOURS, ("", "-noagent", "-unready", "-panic", "-nostart", "-dies"), strict=True))
"""Tags of images whose guests behave so; an agent that does not connect counts for versions only that have one."""
_TYPES = {"good": "q35", "better": "q35-9", "best": "q35-10", "bad": UNKNOWN_TYPE}
"""Types of machines; none starts of the last."""


def _template(machine_type: str | None = None) -> JsonObject:
    guest: JsonObject = {
        "readinessProbe": {"tcpSocket": {"port": 22}},
        "volumes": [{"name": "os", "containerDisk": {}}],
        **({"domain": {"machine": {"type": machine_type}}} if machine_type else {}),
    }
    return {"spec": {"template": {"spec": guest}}}


class MachineWorld(World):
    """A set of virtual machines."""

    def __init__(self, replicas: int) -> None:
        super().__init__(replicas, spec={"virtualMachineTemplate": _template()})
        del self._manifest["spec"]["template"]
        self._unready: set[str] = set()

    def instances(self) -> dict[str, JsonObject]:
        return {m["metadata"]["name"]: m for m in self.server.store.items(MACHINES, "default")}

    def publish_as(self, version: str, behaviour: str) -> None:
        self.publish(version, image=f"{reference(version)}{_TAILS[behaviour]}")

    def change_model(self, word: str) -> None:
        self.patch_set({"virtualMachineTemplate": _template(_TYPES[word])}, f"the type of machine is {word}")

    def vanish(self, ordinal: int) -> None:
        self.server.delete(MACHINES, *self._key(ordinal))
        self.say(f"somebody deletes machine web-{ordinal}")

    def protect(self, ordinal: int, *, protected: bool = True) -> None:
        labels = {LABEL_PROTECT: "true" if protected else None}
        self.server.merge_patch(MACHINES, *self._key(ordinal), {"metadata": {"labels": labels}})
        self.say(f"user {'protects' if protected else 'no longer protects'} web-{ordinal}")

    def switch(self, ordinal: int, *, on: bool) -> None:
        """Somebody starts or halts a machine."""
        strategy = "Always" if on else "Halted"
        self.server.merge_patch(MACHINES, *self._key(ordinal), {"spec": {"runStrategy": strategy}})
        self.say(f"somebody {'starts' if on else 'halts'} machine web-{ordinal}")

    def delete_guest(self, ordinal: int) -> None:
        """Somebody restarts a machine, as `virtctl restart` does."""
        self.server.delete(GUESTS, *self._key(ordinal))
        self.say(f"somebody restarts web-{ordinal}")

    def kill_guest(self, ordinal: int) -> None:
        """It panics."""
        self.cluster.kubevirt.kill(self._key(ordinal))
        self.say(f"the guest of web-{ordinal} dies")

    def flap(self, ordinal: int, *, ready: bool) -> None:
        """The probe of the guest that runs fails from now on, or passes again."""
        guest = self.server.store.get(GUESTS, self._key(ordinal))
        if guest is None or (ready and guest["metadata"]["uid"] not in self._unready):
            return
        self._unready.add(guest["metadata"]["uid"])
        self.cluster.kubevirt.set_ready(self._key(ordinal), ready=ready)
        self.say(f"the guest of web-{ordinal} {'is itself again' if ready else 'turns unhealthy'}")

    def stick_guest(self, ordinal: int) -> None:
        """The node of its guest does not answer: it does not end."""
        self.cluster.kubevirt.stuck.add(self._key(ordinal))
        self.say(f"the node of web-{ordinal} does not answer")

    def free_instances(self) -> None:
        """Nothing protects machines, nobody has halted them, their nodes answer and probes pass."""
        self.cluster.kubevirt.free()
        for name, machine in self.instances().items():
            ordinal = int(name.rpartition("-")[2])
            if LABEL_PROTECT in machine["metadata"]["labels"]:
                self.protect(ordinal, protected=False)
            ours = ANNOTATION_STARTING_ANEW in machine["metadata"]["annotations"]
            if machine["spec"]["runStrategy"] == "Halted" and not ours:
                self.switch(ordinal, on=True)
            self.flap(ordinal, ready=True)

    @staticmethod
    def _key(ordinal: int) -> Key:
        return ("default", f"web-{ordinal}")


class Machines(RuleBasedStateMachine):
    """Guests die, flap and hang; machines are restarted, halted and started by people."""

    world: MachineWorld

    @rule(ordinal=ORDINALS, ready=st.booleans())
    def flap(self, ordinal: int, ready: bool) -> None:
        self.world.flap(ordinal, ready=ready)

    @rule(ordinal=ORDINALS)
    def guest_dies(self, ordinal: int) -> None:
        self.world.kill_guest(ordinal)

    @rule(ordinal=ORDINALS)
    def restarted_by_somebody(self, ordinal: int) -> None:
        tolerant(self.world.delete_guest, ordinal)

    @rule(ordinal=ORDINALS, on=st.booleans())
    def switch(self, ordinal: int, on: bool) -> None:
        tolerant(lambda: self.world.switch(ordinal, on=on))

    @rule(ordinal=ORDINALS)
    def node_does_not_answer(self, ordinal: int) -> None:
        self.world.stick_guest(ordinal)

    @rule()
    def nodes_answer(self) -> None:
        self.world.cluster.kubevirt.free()
        self.world.say("all nodes answer")
