"""What commands print for people, as files that are read in review: each at 80 and at 140 columns."""

import io
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from rollkeeper.cli.plugin.screen import Screen

FOLDER = Path(__file__).parent / "golden"
WIDTHS = (80, 140)
NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)


def terminal(width: int) -> tuple[Screen, io.StringIO]:
    """A terminal without colours, so that the files can be read."""
    stream = io.StringIO()
    console = Console(
        file=stream, width=width, force_terminal=True, color_system=None, highlight=False, markup=False, emoji=False
    )
    return Screen(console, plain=False), stream


def pipe() -> tuple[Screen, io.StringIO]:
    """No terminal."""
    stream = io.StringIO()
    return Screen.of(stream, no_color=False), stream


def check(name: str, draw: Callable[[Screen], None]) -> None:
    """Compares what is drawn with the files; UPDATE_GOLDEN=1 writes them."""
    screen, stream = pipe()
    draw(screen)
    _compare(FOLDER / f"{name}.pipe.txt", stream.getvalue())
    for width in WIDTHS:
        screen, stream = terminal(width)
        draw(screen)
        drawn = stream.getvalue()
        too_long = [line for line in drawn.splitlines() if len(line) > width]
        assert not too_long, f"wider than {width} columns"
        _compare(FOLDER / f"{name}.{width}.txt", drawn)


def _compare(file: Path, drawn: str) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(drawn, encoding="utf-8")
    assert file.exists(), f"there is no {file.name}: write it with UPDATE_GOLDEN=1, and read it"
    assert drawn == file.read_text(encoding="utf-8"), f"{file.name} differs: review, then UPDATE_GOLDEN=1"
