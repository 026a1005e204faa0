"""What the demo shows for given statuses."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from hack.demo import ending
from hack.demo.display import Display
from hack.demo.live import colour, picture
from hack.demo.plain import changes, explanation
from hack.demo.scene import Instance, Scene, read_instance, target
from hack.demo.story import Story
from hack.demo.watching import DemoError, Stage
from rollkeeper.api.v1alpha1 import ScaleSet, UpgradeRun

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SET = yaml.safe_load((EXAMPLES / "scaleset.yaml").read_text(encoding="utf-8"))
HOLD = {
    "image": "Contoso/WebServer/1",
    "version": "1.2.0",
    "runName": "web-1-2-0-abcde",
    "reason": "UpgradedUnhealthy",
    "message": "2 of 2 upgraded instances unhealthy (100%, limit 20%)",
    "time": NOW,
}
FAILED = {"instance": 0, "reason": "CrashLoopBackOff", "message": "exit code 1", "time": NOW}


def scale_set(**status: object) -> ScaleSet:
    return ScaleSet.model_validate({**SET, "status": status})


def assigned(version: str, instances: str) -> dict[str, Any]:
    return {"version": version, "image": "i", "modelRevision": "r", "replicas": 2, "instances": instances}


def run(code: str, message: str = "", version: str = "1.2.0", **status: object) -> UpgradeRun:
    name = f"web-{version.replace('.', '-')}-abcde"
    spec = {"scaleSetName": "web", "startedBy": "Platform"}
    stands = {"runningStatus": {"code": code}, "message": message, "targetImageReference": {"version": version}}
    return UpgradeRun.model_validate({"metadata": {"name": name, "uid": name}, "spec": spec, "status": stands | status})


def batch(number: int, instances: str, succeeded: int, failed: int) -> dict[str, Any]:
    times = {"startTime": NOW, "completedTime": NOW}
    return {"number": number, "instances": instances, "succeeded": succeeded, "failed": failed, **times}


def pods(*versions: str, sick: tuple[int, ...] = ()) -> tuple[Instance, ...]:
    return tuple(Instance(i, version, healthy=i not in sick) for i, version in enumerate(versions))


def pod(**status: object) -> dict[str, Any]:
    labels = {"rollkeeper.io/ordinal": "3", "rollkeeper.io/image-version": "1.1.0"}
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": {"labels": labels}, "status": ready | status}


def shown(renderable: object) -> str:
    console = Console(width=130, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


class TestPlainLines:
    def test_a_set_is_one_line_whenever_that_changes(self) -> None:
        new = Scene(scale_set())
        full = Scene(
            scale_set(
                readyReplicas=10,
                provenImageVersion="1.0.0",
                latestImageVersion="1.1.0",
                versions=[assigned("1.1.0", "0-1"), assigned("1.0.0", "2-9"), assigned("0.9.0", "")],
            )
        )
        assert changes(Scene(), new) == ["web: 0 of 10 healthy; proven -; latest -; instances -"]
        assert changes(new, full) == [
            "web: 10 of 10 healthy; proven 1.0.0; latest 1.1.0; instances 0-1 on 1.1.0, 2-9 on 1.0.0"
        ]

    def test_nothing_new_is_no_line(self) -> None:
        scene = Scene(scale_set(heldVersions=[HOLD]), (run("RollingForward", "batch 1: replacing 0-1"),))
        assert changes(scene, Scene(scene.scale_set, scene.runs, pods("1.0.0"))) == []

    def test_a_run_begins(self) -> None:
        pending = Scene(runs=(run("Pending", targetImageReference=None),))
        begun = Scene(runs=(run("RollingForward", "batch 1: replacing 0-1"),))
        assert changes(Scene(), pending) == []
        assert changes(pending, begun) == [
            "web-1-2-0-abcde: upgrade to 1.2.0, started by Platform",
            "web-1-2-0-abcde: batch 1: replacing 0-1",
        ]

    def test_a_batch_ends_and_the_next_begins(self) -> None:
        before = Scene(runs=(run("RollingForward", "batch 1: replacing 0-1"),))
        after = Scene(runs=(run("RollingForward", "batch 2: replacing 2-3", batches=[batch(1, "0-1", 2, 0)]),))
        assert changes(before, after) == [
            "web-1-2-0-abcde: batch 1 over, instances 0-1: 2 succeeded, 0 failed",
            "web-1-2-0-abcde: batch 2: replacing 2-3",
        ]

    def test_instances_fail_and_are_put_back(self) -> None:
        before = Scene(runs=(run("RollingForward", "batch 1: replacing 0-1"),))
        after = Scene(runs=(run("RollingBack", "batch 1: putting back 0-1", failures=[FAILED]),))
        assert changes(before, after) == [
            "web-1-2-0-abcde: web-0 failed, CrashLoopBackOff: exit code 1",
            "web-1-2-0-abcde: batch 1: putting back 0-1",
        ]

    def test_a_run_ends_and_its_version_is_held(self) -> None:
        message = "2 of 2 upgraded instances unhealthy (100%, limit 20%)"
        before = Scene(scale_set(), (run("RollingBack", "batch 1: putting back 0-1"),))
        over = run("Faulted", message, batches=[batch(1, "0-1", 0, 2)])
        assert changes(before, Scene(scale_set(heldVersions=[HOLD]), (over,))) == [
            "web-1-2-0-abcde: batch 1 over, instances 0-1: 0 succeeded, 2 failed",
            f"web-1-2-0-abcde: Faulted: {message}",
            f"held: 1.2.0 after web-1-2-0-abcde (UpgradedUnhealthy): {message}",
        ]

    def test_everything_at_once_loses_nothing_but_the_steps_between(self) -> None:
        over = run("Completed", "all 10 instances run 1.2.0", batches=[batch(n, "0", 1, 0) for n in (1, 2)])
        lines = changes(Scene(), Scene(runs=(over,)))
        assert [line.partition(": ")[2] for line in lines] == [
            "upgrade to 1.2.0, started by Platform",
            "batch 1 over, instances 0: 1 succeeded, 0 failed",
            "batch 2 over, instances 0: 1 succeeded, 0 failed",
            "Completed: all 10 instances run 1.2.0",
        ]

    def test_a_wait_in_vain_is_explained_by_the_statuses(self) -> None:
        blocked = {
            "type": "UpgradeBlocked",
            "status": "True",
            "reason": "TooManyUnhealthy",
            "message": "3 of 10 unhealthy (30%, limit 20%)",
            "lastTransitionTime": NOW,
        }
        scene = Scene(scale_set(conditions=[blocked]), (run("Pending", "waits"),), pods("1.0.0", "1.1.0", sick=(1,)))
        assert explanation(scene).splitlines()[1:] == [
            "UpgradeBlocked=True TooManyUnhealthy: 3 of 10 unhealthy (30%, limit 20%)",
            "web-1-2-0-abcde: Pending: waits",
            "pods: 2, not healthy: 1 (1.1.0)",
        ]


class TestPicture:
    def test_the_active_run_has_a_bar_and_every_instance_a_column(self) -> None:
        working = run(
            "RollingForward",
            "batch 2: replacing 2-3",
            progress={"successfulInstanceCount": 2, "pendingInstanceCount": 8, "summary": "2/10"},
            currentBatch={"number": 2, "instances": "2-3", "startTime": NOW},
        )
        scene = Scene(scale_set(activeRunName=working.metadata.name), (working,), pods("1.2.0", "1.1.0", sick=(1,)))
        lines = [line.split() for line in shown(picture(scene)).splitlines()]
        assert lines[1][0] == "1.2.0"
        assert lines[1][2:] == ["2/10", "batch", "2", "RollingForward"]
        assert lines[2] == ["batch", "2:", "replacing", "2-3"]
        assert lines[3] == [str(ordinal) for ordinal in range(10)]
        assert lines[4] == ["●", *["○"] * 9]
        assert lines[5] == ["1.2.0", "1.1.0", *["-"] * 8]

    def test_without_a_run_there_is_no_bar(self) -> None:
        assert len(shown(picture(Scene(scale_set(), (run("Completed"),)))).splitlines()) == 4

    def test_versions_differ_in_colour(self) -> None:
        assert len({colour(version) for version in ("1.0.0", "1.1.0", "1.2.0", "1.3.0")}) == 4
        assert colour("-") == "dim"


class TestInstances:
    def test_a_ready_pod_is_healthy(self) -> None:
        assert read_instance(pod()) == Instance(3, "1.1.0", healthy=True)

    @pytest.mark.parametrize("status", [{"phase": "Pending"}, {"conditions": []}])
    def test_a_pod_that_is_not_ready_or_not_running_is_not(self, status: dict[str, Any]) -> None:
        assert not read_instance(pod(**status)).healthy

    def test_a_terminating_pod_is_not(self) -> None:
        raw = pod()
        raw["metadata"]["deletionTimestamp"] = "2026-01-01T12:00:00Z"
        assert not read_instance(raw).healthy


class TestEnding:
    def test_history_is_a_table(self) -> None:
        entry = {
            "runName": "web-1-2-0-abcde",
            "runningStatus": {"code": "Faulted", "startTime": NOW, "completedTime": NOW.replace(second=9)},
            "progress": {"failedInstanceCount": 2, "pendingInstanceCount": 8},
            "startedBy": "Platform",
            "targetImageReference": {"version": "1.2.0"},
            "rollbackInfo": {"successfullyRolledbackInstanceCount": 2},
            "error": {"code": "TooBad", "message": "2 of 2"},
        }
        ended = scale_set(osUpgradeHistory=[entry], heldVersions=[HOLD])
        rows = shown(ending.history_table(ended.status.os_upgrade_history)).splitlines()
        assert [row.split() for row in rows if "abcde" in row] == [
            ["web-1-2-0-abcde", "1.2.0", "Faulted", "Platform", "0", "2", "2", "8", "9", "s"]
        ]
        said = ending.after_the_table(ended)
        assert said[0] == "web-1-2-0-abcde: TooBad: 2 of 2"
        assert said[1].startswith("held: 1.2.0")

    def test_what_the_example_shortens_stands_beside_the_defaults(self) -> None:
        assert ending.shortened(scale_set()) == (
            "set for the demonstration: provisioningTimeoutSeconds 8 (default 900), "
            "healthTimeoutSeconds 8 (default 300), minHealthySeconds 1 (default 0)"
        )


ROLLS = [batch(number, f"{2 * number - 2}-{2 * number - 1}", 2, 0) for number in range(1, 6)]
BROKEN: dict[str, Any] = {
    "batches": [batch(1, "0-1", 0, 2)],
    "rollbackInfo": {"successfullyRolledbackInstanceCount": 2},
}
DISKS = {f"data-web-{ordinal}": f"uid-{ordinal}" for ordinal in range(10)}


def after(runs: str, *finished: UpgradeRun, held: bool = False, claims: dict[str, str] | None = None) -> Scene:
    """All is quiet on version `runs`."""
    history = [
        {
            "runName": done.metadata.name,
            "runningStatus": {"code": "Completed"},
            "progress": {},
            "startedBy": "Platform",
            "targetImageReference": {"version": target(done)},
            "rollbackInfo": {},
        }
        for done in finished
    ]
    settled = scale_set(provenImageVersion=runs, osUpgradeHistory=history, heldVersions=[HOLD] if held else [])
    return Scene(settled, finished, pods(*[runs] * 10), DISKS if claims is None else claims)


GOOD, BAD, LAST = (
    run("Completed", version="1.1.0", batches=ROLLS),
    run("Faulted", **BROKEN),
    run("Completed", version="1.3.0", batches=ROLLS),
)
STORY = {
    "scaleset": Scene(scale_set()),
    "imageversion-1.0.0": after("1.0.0"),
    "imageversion-1.1.0": after("1.1.0", GOOD),
    "imageversion-1.2.0": after("1.1.0", GOOD, BAD, held=True),
    "imageversion-1.3.0": after("1.3.0", GOOD, BAD, LAST, held=True),
}


class TestPromises:
    """The demo must fail when the controller does something else than it claims."""

    async def play(self, **other: Scene) -> Scene:
        stage = Stage("web", lambda _before, _after: None)
        scenes = STORY | {f"imageversion-{key.strip('v').replace('_', '.')}": scene for key, scene in other.items()}

        def apply(file: Path) -> None:
            stage.scene = scenes[file.stem]

        return await Story(stage, Display(plain=True), apply, EXAMPLES).play()

    async def test_a_story_as_promised_is_played_to_its_end(self) -> None:
        assert await self.play() == STORY["imageversion-1.3.0"]

    @pytest.mark.parametrize(
        ("broken", "complaint"),
        [
            ({"v1_0_0": after("1.0.0", claims={})}, "each with a data disk"),
            ({"v1_1_0": after("1.1.0", run("Completed", version="1.1.0", batches=ROLLS[:4]))}, "5 batches of 2"),
            ({"v1_1_0": after("1.0.0", run("Faulted", version="1.1.0"))}, "1.1.0 is Completed"),
            ({"v1_2_0": after("1.2.0", GOOD, run("Completed"))}, "1.2.0 is Faulted"),
            ({"v1_2_0": after("1.1.0", GOOD, run("Faulted", batches=ROLLS))}, "after its first batch"),
            ({"v1_2_0": after("1.1.0", GOOD, run("Faulted", batches=BROKEN["batches"]))}, "put back on 1.1.0"),
            ({"v1_2_0": after("1.1.0", GOOD, BAD)}, "1.2.0 is held"),
            ({"v1_3_0": after("1.3.0", LAST, claims=DISKS | {"data-web-3": "another"})}, "data disks survived"),
        ],
    )
    async def test_anything_else_is_an_error(self, broken: dict[str, Scene], complaint: str) -> None:
        with pytest.raises(DemoError, match=f"not as promised: .*{complaint}"):
            await self.play(**broken)


class TestWaiting:
    async def test_a_deadline_passes_with_an_explanation(self) -> None:
        stage = Stage("web", lambda _before, _after: None)
        with pytest.raises(DemoError, match=r"(?s)not within 0 s: something\n.*no scale set"):
            await stage.until("something", 0, lambda _scene: False)
