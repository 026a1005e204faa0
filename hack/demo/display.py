"""Where the story is told: a live picture in a terminal, plain lines elsewhere."""

import time
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console, RenderableType
from rich.live import Live

from hack.demo.live import picture
from hack.demo.plain import changes
from hack.demo.scene import Scene


class Display:
    """Headings, results and, between them, what happens."""

    def __init__(self, *, plain: bool) -> None:
        self._begin = time.monotonic()
        # A log must not be wrapped; the table at the end needs some width where no terminal tells one.
        self.console = Console(highlight=False, soft_wrap=plain, width=120 if plain else None)
        self._live = None if plain else Live(console=self.console, auto_refresh=False)

    def running(self) -> AbstractContextManager[object]:
        """The picture is on the screen inside this block, and gone after it."""
        return self._live or nullcontext()

    def show(self, before: Scene, after: Scene) -> None:
        """The news."""
        if self._live is not None:
            self._live.update(picture(after), refresh=True)
            return
        for line in changes(before, after):
            self._line(f"  {line}")

    def heading(self, text: str) -> None:
        """A step begins."""
        self._line(text, style="bold")

    def result(self, text: str) -> None:
        """A step came out as it should."""
        self._line(f"✔ {text}", style="green")

    def say(self, *parts: RenderableType) -> None:
        """Anything else."""
        for part in parts:
            self.console.print(part, markup=False)

    def _line(self, text: str, style: str | None = None) -> None:
        self.console.print(f"{time.monotonic() - self._begin:5.1f} s  {text}", markup=False, style=style)
