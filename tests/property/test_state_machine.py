"""Anything happens in any order; the invariants hold after every step, and the set comes to rest at last (I1 to I10).

The in-memory cluster passes the same contract suite as a real API server (tests/contract).
"""

import os
import random

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rollkeeper.kube.errors import ApiError
from tests.property.world import World
from tests.simulation import faults
from tests.simulation.images import Behaviour, crash_loop, healthy, image_pull_backoff, never_ready, ready_then_unready
from tests.simulation.objects_of_ours import scale_set

STEPS = int(os.environ.get("PROPERTY_STEPS", "8000"))
STEPS_A_RUN = 40

BEHAVIOURS: dict[str, Behaviour] = {
    "good": healthy(1, 1),
    "slow": healthy(10, 10),
    "never ready": never_ready(),
    "crash loop": crash_loop(),
    "not there": image_pull_backoff(),
    "relapses": ready_then_unready(1, 1, after=20, back=40),
}
ORDINALS = st.integers(0, 5)


class AnythingHappens(RuleBasedStateMachine):
    """One set, its images, its world, and a controller that may die at any call."""

    @initialize(replicas=st.integers(1, 6), method=st.sampled_from(["Recreate", "InPlaceIfPossible"]))
    def begin(self, replicas: int, method: str) -> None:
        self.world = World(replicas, zones=("a", "b", "c"))
        self.next_version = 1
        self.next_run = 1
        self.world.create_set()
        self.change_method(method)
        self.world.publish("1.0.0")

    def _published(self) -> list[str]:
        return [f"1.{n}.0" for n in range(self.next_version)]

    @rule(behaviour=st.sampled_from(sorted(BEHAVIOURS)))
    def publish(self, behaviour: str) -> None:
        self.world.publish(f"1.{self.next_version}.0", BEHAVIOURS[behaviour])
        self.next_version += 1

    @rule(data=st.data(), excluded=st.booleans())
    def exclude(self, data: st.DataObject, excluded: bool) -> None:
        self._tolerant(
            self.world.patch_version, data.draw(st.sampled_from(self._published())), {"excludeFromLatest": excluded}
        )

    @rule(data=st.data())
    def delete_version(self, data: st.DataObject) -> None:
        self._tolerant(self.world.delete_version, data.draw(st.sampled_from(self._published())))

    @rule(replicas=st.integers(0, 6))
    def scale(self, replicas: int) -> None:
        self.world.scale(replicas)

    @rule(on=st.booleans())
    def automatic(self, on: bool) -> None:
        self.world.patch_set({"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": on}}})

    @rule(sidecar=st.sampled_from(["good", "better", "bad"]))
    def change_model(self, sidecar: str) -> None:
        image = f"registry.example/sidecar:{sidecar}"
        self.world.cluster.images.set("registry.example/sidecar:bad", never_ready())
        template = scale_set(1)["spec"]["template"]
        template["spec"]["containers"].append({"name": "sidecar", "image": image})
        self.world.patch_set({"template": template}, f"the sidecar is {sidecar}")

    @rule(mode=st.sampled_from(["Rolling", "Rolling", "Manual", "Automatic"]))
    def change_mode(self, mode: str) -> None:
        self.world.patch_set({"upgradePolicy": {"mode": mode}})

    @rule(method=st.sampled_from(["Recreate", "InPlaceIfPossible", "InPlaceIfPossible"]))
    def change_method(self, method: str) -> None:
        self.world.patch_set({"upgradePolicy": {"replacementMethod": method}})

    @rule(data=st.data())
    def pin(self, data: st.DataObject) -> None:
        off = {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": False}}
        version = data.draw(st.sampled_from(["latest", *self._published()]))
        self.world.patch_set({"upgradePolicy": off, "imageReference": {"version": version}})

    @rule(instances=st.sampled_from([None, "0", "0-1"]))
    def start_model_run(self, instances: str | None) -> None:
        self.world.start_run(f"user-{self.next_run}", type="Model", **({"instances": instances} if instances else {}))
        self.next_run += 1

    @rule(data=st.data(), rollback=st.booleans())
    def start_run(self, data: st.DataObject, rollback: bool) -> None:
        version = data.draw(st.sampled_from([None, *self._published()]))
        instances = data.draw(st.sampled_from([None, "0", "0-1"]))
        spec = {"automaticRollback": rollback, **({"instances": instances} if instances else {})}
        self.world.start_run(f"user-{self.next_run}", version, **spec)
        self.next_run += 1

    @precondition(lambda self: self.world.active_run())
    @rule(state=st.sampled_from(["Paused", "Running", "Cancelled"]))
    def steer(self, state: str) -> None:
        self._tolerant(self.world.patch_run, self.world.active_run(), {"desiredState": state})

    @precondition(lambda self: self.world.active_run())
    @rule()
    def delete_active_run(self) -> None:
        self._tolerant(self.world.delete_run, self.world.active_run())

    @rule(ordinal=ORDINALS, ready=st.sampled_from([False, None]))
    def flap(self, ordinal: int, ready: bool | None) -> None:
        if f"web-{ordinal}" in self.world.cluster.pods():
            self.world.set_ready(ordinal, ready)

    @rule(ordinal=ORDINALS)
    def vanish(self, ordinal: int) -> None:
        if f"web-{ordinal}" in self.world.cluster.pods():
            self.world.delete_pod(ordinal)

    @rule(node=st.integers(0, 2), lost=st.booleans())
    def node(self, node: int, lost: bool) -> None:
        (self.world.lose_node if lost else self.world.recover_node)(f"node-{node}")

    @rule(number=st.integers(0, 12), when=st.sampled_from(["before", "after"]))
    def killed_soon(self, number: int, when: str) -> None:
        self.world.process.api.plan = faults.at_write(number, faults.killed(when))  # type: ignore[arg-type]

    @rule(seed=st.integers(0, 2**16))
    def bad_network(self, seed: int) -> None:
        self.world.process.api.plan = faults.Sometimes(random.Random(seed), 0.2)  # noqa: S311 - no secret

    @rule()
    def good_network(self) -> None:
        self.world.process.api.plan = faults.no_faults

    @rule()
    def restart(self) -> None:
        self.world.say("the controller is killed and started again")
        self.world.restart()

    @rule(seconds=st.sampled_from([1, 2, 5, 20, 70, 400]))
    def time_passes(self, seconds: int) -> None:
        self.world.live(seconds)

    # Half of what happens is that time passes: else everything would happen at one moment.
    a_second_passes = rule()(lambda self: self.world.live(1))
    some_seconds_pass = rule(seconds=st.integers(2, 12))(lambda self, seconds: self.world.live(seconds))
    half_a_minute_passes = rule(seconds=st.integers(20, 40))(lambda self, seconds: self.world.live(seconds))
    a_minute_passes = rule()(lambda self: self.world.live(65))

    @rule()
    def works(self) -> None:
        self.world.settle_or_restart()

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "world"):
            self.world.witness.check()

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self.world.must_converge()
        except AssertionError:
            print(self.world.text())  # noqa: T201 - the scenario, readable
            raise

    @staticmethod
    def _tolerant(act: object, *args: object) -> None:
        """What users do may be refused: the object may be gone, or cancelled for good."""
        try:
            act(*args)  # type: ignore[operator]
        except ApiError:
            return


AnythingHappens.TestCase.settings = settings(
    max_examples=max(1, STEPS // STEPS_A_RUN),
    stateful_step_count=STEPS_A_RUN,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[
        Phase.explicit,
        Phase.reuse,
        Phase.generate,
        *([Phase.shrink] if os.environ.get("PROPERTY_SHRINK") else []),
    ],
    print_blob=True,
)
TestAnythingHappens = AnythingHappens.TestCase
