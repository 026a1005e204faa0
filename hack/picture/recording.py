"""`python -m hack.picture.recording`: records what `kubectl rollkeeper status` reads, on a local cluster of its own.

Plays the beginning of the demo's story (one good version, one that is broken) and keeps two moments: in the middle of
the good rollout, and after the broken one was stopped.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from hack.demo.__main__ import NODES, ROOT, ZONES
from hack.demo.controller import Controller
from hack.demo.story import BROKEN, FIRST, SCALE_SET, SECOND, STEP_SECONDS
from hack.demo.watching import DemoError
from hack.localcluster import ClusterError, LocalCluster, Settings
from hack.picture.moments import Moment, write
from rollkeeper.cli.plugin import follow, status
from rollkeeper.cli.plugin.options import Options
from rollkeeper.cli.plugin.session import Session
from rollkeeper.cli.plugin.status import Scene
from rollkeeper.cli.plugin.views import condition
from rollkeeper.kube.resources import PODS

HALF = 4
"""Upgraded instances of ten in the first moment."""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m hack.picture.recording", description=__doc__)
    parser.add_argument("--dir", type=Path, default=ROOT / ".cluster" / "picture", help="folder of the cluster")
    return parser.parse_args(arguments)


def main() -> int:
    """0: the recording was written."""
    arguments = parse()
    try:
        with LocalCluster(Settings(nodes=NODES, zones=ZONES), directory=arguments.dir) as cluster:
            write(_play(cluster))
    except (ClusterError, DemoError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _play(cluster: LocalCluster) -> list[Moment]:
    cluster.kubectl("apply", "--filename", str(ROOT / "crds"))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "--filename", str(ROOT / "crds"))
    controller = Controller(cluster.kubeconfig, cluster.logs_dir / "rollkeeper.log")
    session = Session(Options(kubeconfig=cluster.kubeconfig, namespace="default"))
    try:
        _apply(cluster, "scaleset.yaml", f"imageversion-{FIRST}.yaml")
        _until(session, f"healthy on {FIRST}", lambda scene: _rests_on(scene, FIRST))
        _apply(cluster, f"imageversion-{SECOND}.yaml")
        half_way = _until(session, f"half of the run to {SECOND}", _is_half_way)
        _until(session, f"healthy on {SECOND}", lambda scene: _rests_on(scene, SECOND))
        _apply(cluster, f"imageversion-{BROKEN}.yaml")
        stopped = _until(session, f"{BROKEN} is held", lambda scene: _is_held(scene) and _rests_on(scene, SECOND))
    except DemoError as error:
        raise DemoError(f"{error}\n{controller.log_tail()}") from error
    finally:
        controller.stop()
    return [half_way, stopped]


def _apply(cluster: LocalCluster, *files: str) -> None:
    for name in files:
        cluster.kubectl("apply", "--filename", str(ROOT / "examples" / name))


def _until(session: Session, what: str, seen: Callable[[Scene], bool]) -> Moment:
    """Follows the set as `status --watch` does. Raises DemoError when it takes too long."""
    worlds = follow.changes(session, follow.feeds_of(SCALE_SET, (PODS,)), time.monotonic() + STEP_SECONDS)
    for world in worlds:
        if world.scale_set is not None and seen(status.scene(world.scale_set, world.runs, world.members)):
            return Moment.of(session.now, world.scale_set, world.runs, world.members)
    raise DemoError(f"waited {STEP_SECONDS:.0f} s in vain: {what}")


def _is_half_way(scene: Scene) -> bool:
    """Inside a batch: its instances are on their way."""
    upgrading = any(line.health == "upgrading" for line in scene.lines)
    return scene.run is not None and scene.run.count("successful") == HALF and upgrading


def _rests_on(scene: Scene, version: str) -> bool:
    """As the set itself says it, whose status is written a moment after its pods have changed."""
    there = all((line.version, line.health) == (version, "healthy") for line in scene.lines)
    ready = condition(scene.scale_set.raw, "Ready").get("status") == "True"
    return there and ready and scene.run is None and scene.scale_set.proven == version


def _is_held(scene: Scene) -> bool:
    return bool(scene.scale_set.status("heldVersions"))


if __name__ == "__main__":
    sys.exit(main())
