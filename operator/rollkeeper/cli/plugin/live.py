"""`status --watch`: the tree, drawn anew at each change; elsewhere than in a terminal one line a change."""

from collections.abc import Iterator
from contextlib import suppress

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from rollkeeper.cli.plugin import follow, members, status
from rollkeeper.cli.plugin.errors import CommandError
from rollkeeper.cli.plugin.options import Options
from rollkeeper.cli.plugin.session import Session
from rollkeeper.cli.plugin.status import Scene
from rollkeeper.cli.plugin.times import clock
from rollkeeper.kube.api import JsonObject


def show(options: Options, name: str) -> None:
    """Until Ctrl-C, which is the way to end it: exit code 0. Raises CommandError when the set is not there, or goes."""
    if options.output not in ("", "wide"):
        raise CommandError(
            f"--watch shows a picture, not {options.output}: use kubectl get upgraderun -w -o {options.output}"
        )
    session = Session(options)
    raw = session.scale_set(name)
    with suppress(KeyboardInterrupt):
        scenes = _scenes(session, raw)
        _lines(session, scenes) if session.screen.plain else _pictures(session, scenes, wide=options.output == "wide")


def _scenes(session: Session, raw: JsonObject) -> Iterator[tuple[Scene, str]]:
    """What there is to see, and why it may be old."""
    name = raw["metadata"]["name"]
    for world in follow.changes(session, follow.feeds_of(name, members.resources_of(raw))):
        if world.scale_set is None:
            raise CommandError(f'ScaleSet "{name}" was deleted')
        yield status.scene(world.scale_set, world.runs, world.members), world.trouble


def _pictures(session: Session, scenes: Iterator[tuple[Scene, str]], *, wide: bool) -> None:
    """Ages go on while nothing changes, so the picture is made when it is drawn, once a second."""
    latest: list[tuple[Scene, str]] = []

    def draw() -> RenderableType:
        if not latest:
            return Text("reading…", style="dim")
        scene, trouble = latest[-1]
        note = [Text(f"interrupted, trying again: {trouble}", style="red")] if trouble else []
        return Group(status.picture(scene, session.now, wide=wide), *note)

    with Live(
        get_renderable=draw, console=session.screen.console, refresh_per_second=1, vertical_overflow="crop"
    ) as live:
        for seen in scenes:
            latest[:] = [seen]
            live.refresh()


def _lines(session: Session, scenes: Iterator[tuple[Scene, str]]) -> None:
    """For logs: the time, and what is new."""
    before: list[str] = []
    for scene, trouble in scenes:
        now = [*summary(scene), *([f"interrupted, trying again: {trouble}"] if trouble else [])]
        for line in now:
            if line not in before:
                session.screen.line(f"{clock(session.now)} {line}")
        before = now
        session.screen.console.file.flush()


def summary(scene: Scene) -> list[str]:
    """A scene in a few lines, without anything that changes by itself."""
    scale_set = scene.scale_set
    ready = f"{scale_set.status('readyReplicas') or 0}/{scale_set.replicas} healthy"
    lines = [f"{scale_set.name}: version {scale_set.proven}, latest {scale_set.latest}, {ready}"]
    lines += [f"{run.name}: {run.shown} {run.summary}: {run.message}" for run in scene.runs if not run.over]
    lines += [f"{run.name}: {run.shown} {run.summary}: {run.message}" for run in scene.runs[:1] if run.over]
    return lines
