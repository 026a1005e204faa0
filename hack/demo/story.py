"""What the demo does and promises, step by step. Every promise is checked against what the API server says."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from hack.demo.display import Display
from hack.demo.plain import explanation, held_line
from hack.demo.scene import ENDED, Scene, code
from hack.demo.watching import DemoError, Stage
from rollkeeper.api.v1alpha1 import UpgradeRun
from rollkeeper.api.v1alpha1.scale_set_status import HeldVersion

SCALE_SET = "web"
FIRST, SECOND, BROKEN, LAST = "1.0.0", "1.1.0", "1.2.0", "1.3.0"
STEP_SECONDS = 120.0
"""Ten times what a step takes: a machine may be busy with other things."""

Apply = Callable[[Path], object]


class Story:
    """The four versions of `examples/`, in turn."""

    def __init__(self, stage: Stage, display: Display, apply: Apply, examples: Path) -> None:
        self._stage = stage
        self._display = display
        self._apply = apply
        self._examples = examples

    async def play(self) -> Scene:
        """All of it; the last scene.

        Raises:
            DemoError: something did not come out as promised.
        """
        claims = await self._create()
        await self._roll(SECOND)
        await self._fail()
        last = await self._roll(LAST)
        _promise(last, "the data disks survived", last.claims == claims)
        self._display.result(f"data disks: the uids of all {len(claims)} claims are those of the beginning")
        return last

    async def _create(self) -> dict[str, str]:
        self._display.heading(f"A scale set of ten is created, each with a data disk; {FIRST} is published.")
        await self._publish("scaleset.yaml", f"imageversion-{FIRST}.yaml")
        scene = await self._stage.until(f"ten healthy instances on {FIRST}", STEP_SECONDS, _settled_on(FIRST))
        _promise(scene, "ten instances, each with a data disk", len(scene.instances) == len(scene.claims) == 10)
        self._display.result(f"{FIRST}: 10 instances, all healthy, 10 data disks")
        return dict(scene.claims)

    async def _roll(self, version: str) -> Scene:
        self._display.heading(f"{version} is published: it rolls, batch by batch.")
        await self._publish(f"imageversion-{version}.yaml")
        scene, run = await self._ended(version, runs=version)
        batches = [batch.succeeded for batch in run.status.batches]
        _promise(scene, f"the run to {version} is Completed", code(run) == "Completed")
        _promise(scene, f"{version} rolls in 5 batches of 2", batches == [2, 2, 2, 2, 2])
        self._display.result(f"{version}: Completed in 5 batches of 2, all 10 instances healthy")
        return scene

    async def _fail(self) -> None:
        self._display.heading(f"{BROKEN} is published: it is broken, and its instances never become healthy.")
        await self._publish(f"imageversion-{BROKEN}.yaml")
        scene, run = await self._ended(BROKEN, runs=SECOND)
        put_back = run.status.rollback_info.successfully_rolledback_instance_count if run.status.rollback_info else 0
        _promise(scene, f"the run to {BROKEN} is Faulted", code(run) == "Faulted")
        _promise(scene, "it stopped after its first batch", [batch.failed for batch in run.status.batches] == [2])
        _promise(scene, f"the two instances were put back on {SECOND}", put_back == 2)
        holds = [hold for hold in _holds(scene) if hold.version == BROKEN]
        _promise(scene, f"{BROKEN} is held", len(holds) == 1)
        self._display.result(f"{BROKEN}: Faulted after its first batch, 2 instances put back on {SECOND}")
        self._display.result(held_line(holds[0]))

    async def _publish(self, *files: str) -> None:
        for name in files:
            await asyncio.to_thread(self._apply, self._examples / name)

    async def _ended(self, version: str, *, runs: str) -> tuple[Scene, UpgradeRun]:
        """The run to `version` is over and in the set's history, and all instances run `runs` and are healthy."""

        def seen(scene: Scene) -> bool:
            run = scene.run_to(version)
            over = run is not None and code(run) in ENDED and scene.history_of(version) is not None
            return over and (_failed_differently(run, version) or _settled_on(runs)(scene))

        scene = await self._stage.until(f"the end of the run to {version}", STEP_SECONDS, seen)
        run = scene.run_to(version)
        if run is None:
            raise DemoError(f"the run to {version} is gone\n{explanation(scene)}")
        return scene, run


def _failed_differently(run: UpgradeRun | None, version: str) -> bool:
    """A run with another end than promised: nothing is gained by waiting until the time is over."""
    return run is not None and (code(run) == "Faulted") != (version == BROKEN)


def _settled_on(version: str) -> Callable[[Scene], bool]:
    def seen(scene: Scene) -> bool:
        status = scene.scale_set.status if scene.scale_set else None
        proven = status is not None and status.proven_image_version == version and not status.active_run_name
        return proven and scene.all_healthy_on(version)

    return seen


def _holds(scene: Scene) -> tuple[HeldVersion, ...]:
    return scene.scale_set.status.held_versions if scene.scale_set else ()


def _promise(scene: Scene, promise: str, kept: bool) -> None:  # noqa: FBT001 - reads as a sentence
    if not kept:
        raise DemoError(f"not as promised: {promise}\n{explanation(scene)}")
