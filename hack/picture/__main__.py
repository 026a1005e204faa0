"""`python -m hack.picture`: draws docs/status.svg from the recording."""

import io
import re
from datetime import datetime
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from hack.picture.moments import Moment, read
from rollkeeper.cli.plugin import status

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "status.svg"
WIDTH, HEIGHT = 92, 60
TITLE = "kubectl rollkeeper"

_NO_WEB_FONTS = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
"""A picture that fetches nothing; a font with fixed widths is everywhere."""


def drawn() -> str:
    """The picture."""
    console = Console(
        record=True,
        width=WIDTH,
        height=HEIGHT,
        file=io.StringIO(),
        highlight=False,
        markup=False,
        force_terminal=True,  # with size and colours: the picture is the same wherever it is drawn
        color_system="truecolor",
        no_color=False,
    )
    for number, moment in enumerate(read()):
        if number:
            console.print()
        _draw(console, moment)
    return console.export_svg(title=TITLE, code_format=_NO_WEB_FONTS, unique_id="rollkeeper")


def _draw(console: Console, moment: Moment) -> None:
    scene = status.scene(moment.scale_set, moment.runs, moment.members)
    command = f"kubectl rollkeeper status {moment.scale_set['metadata']['name']}"
    console.print(Text.assemble(("$ ", "dim"), (command, "bold")))
    console.print(status.picture(scene, datetime.fromisoformat(moment.now)))


if __name__ == "__main__":
    PICTURE.write_text(drawn(), encoding="utf-8")
