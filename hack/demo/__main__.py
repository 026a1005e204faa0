"""`python -m hack.demo`: plays the story of `examples/` on a cluster of its own, and checks how it comes out."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.prompt import Confirm

from hack.demo import ending
from hack.demo.controller import Controller
from hack.demo.display import Display
from hack.demo.scene import Scene
from hack.demo.story import SCALE_SET, Story
from hack.demo.watching import DemoError, Stage
from hack.localcluster import ClusterError, LocalCluster, Settings
from rollkeeper.kube.client import Client

ROOT = Path(__file__).resolve().parents[2]
NODES = 3
ZONES = 1
"""A batch stays inside one zone: with several, ten instances would not be five batches of two."""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m hack.demo", description=__doc__)
    parser.add_argument("--plain", action="store_true", help="lines instead of a live picture")
    parser.add_argument("--keep", action="store_true", help="leave the cluster and the controller running at the end")
    parser.add_argument("--dir", type=Path, default=ROOT / ".cluster" / "demo", help="folder of the cluster")
    return parser.parse_args(arguments)


def main() -> int:
    """0: all came out as promised."""
    arguments = parse()
    signal.signal(signal.SIGTERM, _terminated)
    display = Display(plain=arguments.plain or not sys.stdout.isatty())
    try:
        with LocalCluster(Settings(nodes=NODES, zones=ZONES), directory=arguments.dir) as cluster:
            _demonstrate(cluster, display, keep=arguments.keep)
    except (ClusterError, DemoError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; nothing is left running", file=sys.stderr)
        return 130
    return 0


def _demonstrate(cluster: LocalCluster, display: Display, *, keep: bool) -> None:
    cluster.kubectl("apply", "--filename", str(ROOT / "crds"))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "--filename", str(ROOT / "crds"))
    controller = Controller(cluster.kubeconfig, cluster.logs_dir / "rollkeeper.log")
    detached = False
    try:
        display.say(f"the controller's log: {controller.log}")
        _tell(asyncio.run(_play(cluster, controller, display)), display)
        if keep or _wants_to_look_around():
            stop = f"uv run python -m hack.localcluster down --dir {cluster.layout.directory}"
            display.say(*ending.kept(cluster.kubeconfig, controller.pid, controller.log, stop))
            cluster.detach()
            detached = True
    except DemoError as error:
        raise DemoError(f"{error}\n{controller.log_tail()}") from error
    finally:
        if not detached and (code := controller.stop()) != 0:
            display.say(f"note: the controller ended with code {code} (-9: it had to be killed), see {controller.log}")
    if not detached:
        display.say("Everything is taken down again; --keep leaves it running, to look around.")


async def _play(cluster: LocalCluster, controller: Controller, display: Display) -> Scene:
    stage = Stage(SCALE_SET, display.show)
    story = Story(stage, display, lambda file: cluster.kubectl("apply", "--filename", str(file)), ROOT / "examples")
    async with await Client.connect(kubeconfig=cluster.kubeconfig) as api:
        with display.running():
            async with stage.watched(api, controller.watch_over()):
                return await story.play()


def _tell(scene: Scene, display: Display) -> None:
    if scene.scale_set is not None:
        display.say(ending.history_table(scene.scale_set.status.os_upgrade_history))
        display.say(*ending.after_the_table(scene.scale_set))


def _wants_to_look_around() -> bool:
    """Only a person can be asked."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    try:
        return Confirm.ask("Keep the cluster running, to look around?", default=False)
    except EOFError:  # Ctrl-D
        return False


def _terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    """End as Ctrl-C does, with everything taken down."""
    sys.exit(143)


if __name__ == "__main__":
    sys.exit(main())
