"""A rollout that anything may happen to, and how to tell that it comes to rest (liveness)."""

from datetime import datetime, timedelta

from rollkeeper.controllers.resources import SCALE_SETS
from tests.simulation.faults import Killed, no_faults
from tests.simulation.images import healthy
from tests.simulation.objects_of_ours import reference, scale_set
from tests.simulation.rollout import SET, Rollout

LAST = "99.0.0"
PATIENCE = timedelta(hours=6)


class World(Rollout):
    """A Rollout whose controller may be killed, and that can be healed."""

    def live(self, seconds: int) -> None:
        """Lets time pass, from event to event; a killed controller is started again."""
        end = self.cluster.clock.now() + timedelta(seconds=seconds)
        while True:
            self.settle_or_restart()
            due = self._next_event()
            if due is None or due > end:
                break
            self.cluster.advance(max((due - self.cluster.clock.now()).total_seconds(), 0))
        self.cluster.advance((end - self.cluster.clock.now()).total_seconds())
        self.settle_or_restart()

    def _next_event(self) -> datetime | None:
        times = [t for t in (self.cluster.clock.next_due(), self.process.next_due()) if t is not None]
        return min(times, default=None)

    def settle_or_restart(self) -> None:
        try:
            self.settle()
        except Killed:
            self.say("the controller is killed and started again")
            self.restart()
            self.settle()

    def heal(self) -> None:
        """The world is itself again: nodes, probes, calls; what a person paused goes on."""
        self.process.api.plan = no_faults
        for name in ("node-0", "node-1", "node-2"):
            self.cluster.kubelet.recover_node(name)
        for name in list(self.cluster.pods()):
            self.cluster.kubelet.set_ready("default", name, None)
        self.cluster.images.default = healthy(1, 1)
        template = scale_set(1)["spec"]["template"]
        template["spec"]["containers"].append({"name": "sidecar", "image": "registry.example/sidecar:best"})
        on = {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}
        self.patch_set(
            {
                "template": template,
                "imageReference": {"version": "latest"},
                "upgradePolicy": {"mode": "Rolling", **on},
            },
            "good template, latest, mode Rolling, automatic upgrades on",
        )
        for run in self.runs():
            if run["spec"].get("desiredState") == "Paused":
                self.patch_run(run["metadata"]["name"], {"desiredState": "Running"})

    def converges(self) -> bool:
        """Whether every instance runs the last version, healthy, and no run is active."""
        status = self.status
        wanted = self.server.get(SCALE_SETS, *SET)["spec"]["replicas"]
        pods = self.cluster.pods().values()
        return (
            not status.get("activeRunName")
            and all(p["metadata"]["labels"]["rollkeeper.io/image-version"] == LAST for p in pods)
            and status.get("readyReplicas", 0) == wanted == len(pods)
            and all(self.code(r["metadata"]["name"]) != "Pending" for r in self.runs())
        )

    def must_converge(self) -> None:
        """A good version is published: it reaches every instance, if need be by what the status asks a person to do."""
        self.say("the world heals")
        self.heal()
        self.live(600)
        self.cluster.images.set(reference(LAST), healthy(1, 1))
        self.publish(LAST)
        helped = 0
        began = self.cluster.clock.now()
        while self.cluster.clock.now() - began < PATIENCE:
            self.live(300)
            if self.converges():
                self.must_be_silent()
                return
            if self.condition("UpgradeBlocked").get("reason") == "TooManyUnhealthyInstances":
                helped += 1
                self.start_run(f"helped-{helped}")
        raise AssertionError("does not converge:\n" + "\n".join(self.log[-60:]))

    def must_be_silent(self) -> None:
        """I7."""
        self.live(600)
        before = len(self.process.api.writes)
        self.live(3600)
        made = self.process.api.writes[before:]
        assert not made, f"I7: writes while converged: {[str(c) for c in made]}"
