"""What people do: publishers, owners of sets, and whoever steers runs."""

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from rollkeeper.kube.errors import ApiError
from tests.property.world import BEHAVIOURS, World

ORDINALS = st.integers(0, 5)
INSTANCES = st.sampled_from([None, None, "0", "0-1"])
POLICIES = st.sampled_from(
    [
        {"maxBatchInstancePercent": 20},
        {"maxBatchInstancePercent": 50},
        {"maxBatchInstancePercent": 100},
        {"maxUnhealthyInstancePercent": 0},
        {"maxUnhealthyInstancePercent": 50},
        {"maxUnhealthyUpgradedInstancePercent": 0},
        {"maxUnhealthyUpgradedInstancePercent": 100},
        {"pauseTimeBetweenBatchesSeconds": 60},
        {"minHealthySeconds": 20},
        {"prioritizeUnhealthyInstances": True},
        {"enableCrossZoneUpgrade": True},
        {"healthTimeoutSeconds": 10},
    ]
)


def tolerant(act: object, *args: object) -> None:
    """What users do may be refused: the object may be gone, or cancelled for good."""
    try:
        act(*args)  # type: ignore[operator]
    except ApiError:
        return


class Users(RuleBasedStateMachine):
    """Publish and withdraw, change the set, start and steer runs, protect instances."""

    world: World
    next_version: int
    next_run: int

    def _published(self) -> list[str]:
        return [f"1.{n}.0" for n in range(self.next_version)]

    def _run_name(self) -> str:
        self.next_run += 1
        return f"user-{self.next_run - 1}"

    @rule(behaviour=st.sampled_from(BEHAVIOURS))
    def publish(self, behaviour: str) -> None:
        self.world.publish_as(f"1.{self.next_version}.0", behaviour)
        self.next_version += 1

    @rule(data=st.data(), excluded=st.booleans())
    def exclude(self, data: st.DataObject, excluded: bool) -> None:
        version = data.draw(st.sampled_from(self._published()))
        tolerant(self.world.patch_version, version, {"excludeFromLatest": excluded})

    @rule(data=st.data())
    def delete_version(self, data: st.DataObject) -> None:
        tolerant(self.world.delete_version, data.draw(st.sampled_from(self._published())))

    @rule(replicas=st.integers(0, 6))
    def scale(self, replicas: int) -> None:
        self.world.scale(replicas)

    @rule(on=st.booleans())
    def automatic(self, on: bool) -> None:
        self.world.patch_set({"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": on}}})

    @rule(policy=POLICIES)
    def change_policy(self, policy: dict[str, int]) -> None:
        self.world.patch_set({"upgradePolicy": {"rollingUpgradePolicy": policy}}, str(policy))

    @rule(word=st.sampled_from(["good", "better", "bad"]))
    def change_model(self, word: str) -> None:
        self.world.change_model(word)

    @rule(mode=st.sampled_from(["Rolling", "Rolling", "Manual", "Automatic"]))
    def change_mode(self, mode: str) -> None:
        self.world.patch_set({"upgradePolicy": {"mode": mode}})

    @rule(data=st.data())
    def pin(self, data: st.DataObject) -> None:
        off = {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": False}}
        version = data.draw(st.sampled_from(["latest", *self._published()]))
        self.world.patch_set({"upgradePolicy": off, "imageReference": {"version": version}})

    @rule(instances=INSTANCES)
    def start_model_run(self, instances: str | None) -> None:
        self.world.start_run(self._run_name(), type="Model", **({"instances": instances} if instances else {}))

    @rule(data=st.data(), rollback=st.booleans(), instances=INSTANCES, ttl=st.sampled_from([None, None, 100]))
    def start_run(self, data: st.DataObject, rollback: bool, instances: str | None, ttl: int | None) -> None:
        version = data.draw(st.sampled_from([None, *self._published()]))
        spec = {"automaticRollback": rollback, **({"instances": instances} if instances else {})}
        self.world.start_run(self._run_name(), version, **spec, **({"ttlSecondsAfterFinished": ttl} if ttl else {}))

    @precondition(lambda self: self.world.active_run())
    @rule(state=st.sampled_from(["Paused", "Running", "Cancelled"]))
    def steer(self, state: str) -> None:
        tolerant(self.world.patch_run, self.world.active_run(), {"desiredState": state})

    @precondition(lambda self: self.world.active_run())
    @rule(by_force=st.booleans())
    def delete_active_run(self, by_force: bool) -> None:
        tolerant(self.world.remove_run_by_force if by_force else self.world.delete_run, self.world.active_run())

    @rule(ordinal=ORDINALS, protected=st.booleans())
    def protect(self, ordinal: int, protected: bool) -> None:
        if self.world.has(ordinal):
            self.world.protect(ordinal, protected=protected)

    @precondition(lambda self: self.world.status.get("heldVersions") or self.world.status.get("heldModelRevisions"))
    @rule(data=st.data())
    def release_hold(self, data: st.DataObject) -> None:
        status = self.world.status
        holds = [f"{h['version']}/{h['runName']}" for h in status.get("heldVersions", ())]
        holds += [f"{h['revision']}/{h['runName']}" for h in status.get("heldModelRevisions", ())]
        self.world.annotate_set({"rollkeeper.io/release-hold": data.draw(st.sampled_from(holds))})
