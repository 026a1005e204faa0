"""From whatever state: the world heals, a good version is published, and the set comes to rest (liveness)."""

import re
from datetime import timedelta

from rollkeeper.controllers.resources import IMAGE_VERSIONS, SCALE_SETS
from tests.property.world import World
from tests.simulation.rollout import SET

LAST = "99.0.0"
PATIENCE = timedelta(hours=6)
LONG = 6 * 3600
RELEASE = re.compile(r"(?P<annotation>\S+/release-hold)=(?P<hold>[^\s;]+)(.* spec\.imageVersion: (?P<version>[\d.]+))?")
"""What the message of a hold asks for."""
MOST_RUNS = 40
"""In `LONG`, of the controller's own and without anybody doing anything: tried again after 5 minutes, doubling to 60
(F8), two types of runs at a few targets."""
CALM = {
    "maxBatchInstancePercent": 20,
    "maxUnhealthyInstancePercent": 20,
    "maxUnhealthyUpgradedInstancePercent": 20,
    "pauseTimeBetweenBatchesSeconds": 0,
    "minHealthySeconds": 0,
}


def must_not_go_round(world: World) -> None:
    """F8: while nobody does anything, no run is started again and again."""
    before = {run["metadata"]["uid"] for run in world.runs()}
    seen: set[str] = set()
    for _ in range(12):
        world.live(LONG / 12)
        seen |= {r["metadata"]["uid"] for r in world.runs() if r["spec"].get("startedBy") == "Platform"}
    assert len(seen - before) <= MOST_RUNS, f"F8: {len(seen - before)} runs in {LONG}s"


def heal(world: World) -> None:
    """The world is itself again: nodes, probes, calls; what a person did to hold things up is undone."""
    world.end_faults()
    world.free_instances()
    world.change_model("best")
    on = {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}
    world.patch_set(
        {
            "imageReference": {"version": "latest"},
            "upgradePolicy": {"mode": "Rolling", **on, "rollingUpgradePolicy": CALM},
        },
        "latest, mode Rolling, automatic upgrades on",
    )
    for run in world.runs():
        if run["spec"].get("desiredState") == "Paused":
            world.patch_run(run["metadata"]["name"], {"desiredState": "Running"})


def converges(world: World) -> bool:
    """Whether every instance runs the last version, healthy, and no run is active."""
    status = world.status
    wanted = world.server.get(SCALE_SETS, *SET)["spec"]["replicas"]
    instances = world.instances().values()
    return (
        not status.get("activeRunName")
        and all(i["metadata"]["labels"]["rollkeeper.io/image-version"] == LAST for i in instances)
        and status.get("readyReplicas", 0) == wanted == len(instances)
        and all(world.code(r["metadata"]["name"]) != "Pending" for r in world.runs())
    )


def must_converge(world: World) -> None:
    """A good version reaches every instance, if need be by what the status asks a person to do."""
    world.say("the world heals")
    heal(world)
    world.live(600)
    world.free_instances()  # instances that were missing had their protection passed on to their successors (B10)
    world.publish_as(LAST, "good")
    helped = 0
    began = world.cluster.clock.now()
    while world.cluster.clock.now() - began < PATIENCE:
        world.live(300)
        if converges(world):
            must_be_silent(world)
            must_let_go(world)
            return
        world.free_instances()  # the status names the instances that a label protects
        helped += 1
        do_as_told(world, f"helped-{helped}")
    raise AssertionError("does not converge:\n" + "\n".join(world.log[-60:]))


def do_as_told(world: World, run: str) -> None:
    """What the status asks a person to do. A model is held by a version that it was tried with; both may be (F3)."""
    held = world.condition("UpToDate")
    told = RELEASE.search(held["message"]) if held.get("reason") == "ModelHeld" else None
    if told is not None and told["version"] is not None:
        bring_together(world, told, run)
        return
    if told is not None:
        world.annotate_set({told["annotation"]: told["hold"]})
    if world.condition("UpgradeBlocked").get("reason") == "TooManyUnhealthyInstances":
        world.start_run(run)


def bring_together(world: World, told: re.Match[str], run: str) -> None:
    """Model and version, where each fails with what is proven of the other."""
    world.patch_set({"upgradePolicy": {"mode": "Manual"}})
    world.annotate_set({told["annotation"]: told["hold"]})
    world.start_run(run, told["version"])
    world.live(1800)
    world.patch_set({"upgradePolicy": {"mode": "Rolling"}})


def must_be_silent(world: World) -> None:
    """I7."""
    world.live(600)
    before = len(world.process.api.writes)
    world.live(3600)
    made = world.process.api.writes[before:]
    assert not made, f"I7: writes while converged: {[str(c) for c in made]}"


def must_let_go(world: World) -> None:
    """V7: what was deleted, and nothing uses any more, is gone; only what is proven may still wait (replicas 0)."""
    versions = world.server.store.items(IMAGE_VERSIONS, "default")
    kept = {v["spec"]["version"] for v in versions if "deletionTimestamp" in v["metadata"]}
    assert kept <= {world.status.get("provenImageVersion")}, f"V7: {kept} are not let go of"
