"""KubeVirt in memory: virt-controller and guests, as the real ones were seen to behave (docs/virtual-machines.md).

`tests/cluster/test_kubevirt.py` holds the same behaviour against KubeVirt's own controller.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from rollkeeper.instances.virtual_machines.resources import GUESTS, MACHINES
from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.resources import CLAIMS
from tests.simulation.objects import Key, clone, key_of, timestamp
from tests.simulation.server import ApiServer
from tests.simulation.store import Change

FINALIZER = "foregroundDeleteVirtualMachine"
UNKNOWN_TYPE = "unknown"
_LIVES = {"-panic": 1, "-dies": 20}
"""Seconds that a guest runs."""
START, STOP, BACK_OFF = 2.0, 1.0, 10.0
"""Seconds from a guest's creation to Running, from its deletion to its end, and of KubeVirt's first back-off."""


class KubeVirt:
    """Makes guests of machines.

    The tag of a guest's image says what it does: `-nostart`, `-panic` (it dies after a second), `-dies` (after 20),
    `-noagent`, `-unready`. One with a machine type of `UNKNOWN_TYPE` does not start either.
    """

    def __init__(self, server: ApiServer) -> None:
        self._server, self._clock = server, server.clock
        self.stuck: set[Key] = set()
        """Guests that don't end: their node does not answer."""
        server.store.subscribe(self._saw)

    def _saw(self, change: Change) -> None:
        if change.resource in (MACHINES, GUESTS):
            key = key_of(change.object)
            self._clock.call_later(0, partial(self._sync, key))
            if change.resource == GUESTS and change.type == "ADDED":
                self._clock.call_later(START, partial(self._of, key, change.object, self._start))
            going = "deletionTimestamp" in change.object["metadata"]
            was = change.previous is not None and "deletionTimestamp" in change.previous["metadata"]
            if change.resource == GUESTS and going and not was:
                self._clock.call_later(STOP, partial(self._of, key, change.object, self._end))

    def _of(self, key: Key, guest: JsonObject, act: Callable[[JsonObject], None]) -> None:
        """Acts on a guest if it is still that one."""
        found = self._server.store.get(GUESTS, key)
        if found is not None and found["metadata"]["uid"] == guest["metadata"]["uid"]:
            act(clone(found))

    def _sync(self, key: Key) -> None:
        """What virt-controller does about one machine (syncRunStrategy, syncStartFailureStatus)."""
        machine, guest = self._server.store.get(MACHINES, key), self._server.store.get(GUESTS, key)
        if machine is None or "deletionTimestamp" in machine["metadata"]:
            return
        always = machine["spec"].get("runStrategy") == "Always"
        self._note(key, machine, guest, always=always)
        if guest is not None:
            over = guest["status"]["phase"] in {"Failed", "Succeeded"}
            if "deletionTimestamp" not in guest["metadata"] and (over or not always):
                self._server.delete(GUESTS, *key)
            return
        machine = self._server.stored(MACHINES, key)
        again = machine.get("status", {}).get("startFailure", {}).get("at", 0)
        if always and self._clock.monotonic() >= again:
            self._create(machine)
        elif always:
            # The clock has whole microseconds: without that little more it might ring a trifle too early, for ever.
            self._clock.call_later(again - self._clock.monotonic() + 1e-3, partial(self._sync, key))

    def _note(self, key: Key, machine: JsonObject, guest: JsonObject | None, *, always: bool) -> None:
        """Failures before a guest ran are counted; one that ran, or halting, makes them forgotten."""
        status = dict(machine.get("status", {}))
        failure, ran = status.get("startFailure", {}), guest is not None and _ran(guest)
        if ran or not always:
            status.pop("startFailure", None)
        elif (
            guest is not None
            and guest["status"]["phase"] == "Failed"
            and failure.get("uid") != guest["metadata"]["uid"]
        ):
            count = failure.get("count", 0) + 1
            wait = min(BACK_OFF * count * count, 300)
            status["startFailure"] = {
                "count": count,
                "uid": guest["metadata"]["uid"],
                "at": self._clock.monotonic() + wait,
            }
        self._server.set_status(MACHINES, key, status)

    def _create(self, machine: JsonObject) -> None:
        template, meta = clone(machine["spec"]["template"]), machine["metadata"]
        owner = {
            "apiVersion": MACHINES.api_version,
            "kind": MACHINES.kind,
            "name": meta["name"],
            "uid": meta["uid"],
            "controller": True,
        }
        body = {
            "apiVersion": GUESTS.api_version,
            "kind": GUESTS.kind,
            "metadata": {
                **template.get("metadata", {}),
                "name": meta["name"],
                "finalizers": [FINALIZER],
                "ownerReferences": [owner],
            },
            "spec": template["spec"],
            "status": {"phase": "Scheduled"},
        }
        self._server.create(GUESTS, meta["namespace"], body)

    def _start(self, guest: JsonObject) -> None:
        if "deletionTimestamp" in guest["metadata"]:
            return
        image = self._image(guest)
        if "-nostart" in image or guest["spec"].get("domain", {}).get("machine", {}).get("type") == UNKNOWN_TYPE:
            self._write(guest, {"phase": "Failed"})
            return
        now = timestamp(self._clock.now())
        types = [word for tag, word in (("-unready", "Ready"), ("-noagent", "AgentConnected")) if tag not in image]
        conditions = [{"type": t, "status": "True", "lastTransitionTime": now} for t in types]
        times = [{"phase": "Running", "phaseTransitionTimestamp": now}]
        self._write(guest, {"phase": "Running", "phaseTransitionTimestamps": times, "conditions": conditions})
        for tag, seconds in _LIVES.items():
            if tag in image:
                self._clock.call_later(seconds, partial(self._of, key_of(guest), guest, self._die))

    def _image(self, guest: JsonObject) -> str:
        """What its OS disk is of: a container image, or the golden claim that its claim was cloned from."""
        volumes: list[dict[str, Any]] = guest["spec"]["volumes"]
        disks = [str(v["containerDisk"]["image"]) for v in volumes if "containerDisk" in v]
        claims = [v["persistentVolumeClaim"]["claimName"] for v in volumes if "persistentVolumeClaim" in v]
        found = (self._server.store.get(CLAIMS, (guest["metadata"]["namespace"], name)) for name in claims)
        disks += [
            str(claim["spec"]["dataSource"]["name"]) for claim in found if claim and "dataSource" in claim["spec"]
        ]
        return disks[0]

    def kill(self, key: Key) -> None:
        """What runs of a machine dies."""
        guest = self._server.store.get(GUESTS, key)
        if guest is not None and guest["status"]["phase"] == "Running":
            self._die(clone(guest))

    def set_ready(self, key: Key, *, ready: bool) -> None:
        """Whether the probe of a guest that runs passes from now on."""
        guest = self._server.store.get(GUESTS, key)
        if guest is None or guest["status"]["phase"] != "Running":
            return
        rest = [c for c in guest["status"]["conditions"] if c["type"] != "Ready"]
        now = {"type": "Ready", "status": str(ready), "lastTransitionTime": timestamp(self._clock.now())}
        self._write(clone(guest), {**guest["status"], "conditions": [*rest, now]})

    def free(self) -> None:
        """Nodes answer again: guests that were stuck end."""
        freed, self.stuck = self.stuck, set()
        for key in freed:
            guest = self._server.store.get(GUESTS, key)
            if guest is not None and "deletionTimestamp" in guest["metadata"]:
                self._end(clone(guest))

    def _die(self, guest: JsonObject) -> None:
        if "deletionTimestamp" not in guest["metadata"]:
            self._write(guest, {**guest["status"], "phase": "Failed", "conditions": []})

    def _end(self, guest: JsonObject) -> None:
        """A guest that ran has shut down, one that did not has failed; then it is let go of."""
        if key_of(guest) in self.stuck:
            return
        self._write(guest, {**guest["status"], "phase": "Succeeded" if _ran(guest) else "Failed", "conditions": []})
        self._clock.call_later(0, partial(self._of, key_of(guest), guest, self._let_go))

    def _let_go(self, guest: JsonObject) -> None:
        self._server.write(GUESTS, {**guest, "metadata": {**guest["metadata"], "finalizers": []}})

    def _write(self, guest: JsonObject, status: JsonObject) -> None:
        self._server.set_status(GUESTS, key_of(guest), status)


def _ran(guest: JsonObject) -> bool:
    return bool(guest.get("status", {}).get("phaseTransitionTimestamps"))
