"""Where output for people goes: a terminal, with colours and its width, or a file or pipe, one line a thing."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TextIO

from rich.console import Console, RenderableType
from rich.text import Text

GAP = 3
_NARROWEST = 6
_ENDLESS = 100_000


@dataclass(frozen=True)
class Cell:
    """Text with a style of rich's."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Row:
    """Cells of a table, and a remark that is too long for a column."""

    cells: tuple[Cell, ...]
    note: str = ""


@dataclass(frozen=True)
class Table:
    """As kubectl prints them. Notes are a last column, or where that does not fit, stand below their rows."""

    columns: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)
    note: str = ""
    """Name of the notes' column."""
    dispensable: tuple[str, ...] = ()
    """Columns that are left out where there is no room, the first first."""

    def add(self, *cells: str | Cell, note: str = "") -> None:
        """One row."""
        self.rows.append(Row(tuple(c if isinstance(c, Cell) else Cell(c) for c in cells), note))


class Screen:
    """Prints renderables and tables. `plain`: no terminal, so no colour, no wrapping and nothing cut off."""

    def __init__(self, console: Console, *, plain: bool) -> None:
        self.console = console
        self.plain = plain

    @classmethod
    def of(cls, stream: TextIO, *, no_color: bool) -> "Screen":
        """For a stream as it is. $NO_COLOR counts, and so does TERM=dumb."""
        plain = not stream.isatty() or os.environ.get("TERM") == "dumb"
        console = Console(
            file=stream,
            no_color=no_color or None,
            highlight=False,
            markup=False,
            emoji=False,
            force_terminal=False if plain else None,
            width=_ENDLESS if plain else None,
        )
        return cls(console, plain=plain)

    @property
    def width(self) -> int:
        """Columns."""
        return self.console.width

    def line(self, text: str | Text = "", style: str = "") -> None:
        """A line, wrapped by words in a terminal."""
        self.console.print(text, style=style or None)

    def show(self, thing: RenderableType) -> None:
        """Anything of rich's, without blanks at the end of lines."""
        options = self.console.options
        for segments in self.console.render_lines(thing, options, pad=False):
            text = Text.assemble(*((s.text, s.style or "") for s in segments if not s.control))
            text.rstrip()
            self.console.print(text, no_wrap=True, crop=False, overflow="ignore")

    def table(self, table: Table) -> None:
        """A table that fits: notes move below their rows, then columns are left out, then the widest give way."""
        inline = _with_notes(table) if table.note else table
        below = inline is not table and _width(inline) > self.width
        shown = table if below else inline
        for name in table.dispensable:
            if _width(shown) > self.width:
                shown = _without(shown, name)
        widths = self._fit(_widths(shown))
        self._row([Cell(name) for name in shown.columns], widths)
        for row in shown.rows:
            self._row(row.cells, widths)
            if below and row.note:
                self._note(row.note)

    def _note(self, text: str) -> None:
        for line in Text(text, style="dim").wrap(self.console, max(20, self.width - 2)):
            line.rstrip()
            self.console.print(Text("  ") + line, no_wrap=True)

    def _fit(self, widths: list[int]) -> list[int]:
        room = self.width - GAP * (len(widths) - 1)
        while sum(widths) > room and max(widths) > _NARROWEST:
            widest = widths.index(max(widths))
            second = max((w for i, w in enumerate(widths) if i != widest), default=0)
            widths[widest] -= min(sum(widths) - room, max(1, widths[widest] - max(second, _NARROWEST)))
        return widths

    def _row(self, cells: Sequence[Cell], widths: Sequence[int]) -> None:
        line = Text()
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            text = cell.text if len(cell.text) <= width else cell.text[: width - 1] + "…"
            line.append(text, style=cell.style)
            if number < len(widths) - 1:
                line.append(" " * (width - len(text) + GAP))
        line.rstrip()
        self.console.print(line, no_wrap=True, crop=False, overflow="ignore")


def _widths(table: Table) -> list[int]:
    cells = [[cell.text for cell in row.cells] for row in table.rows]
    return [max(map(len, each)) for each in zip(table.columns, *cells, strict=True)]


def _width(table: Table) -> int:
    return sum(_widths(table)) + GAP * (len(table.columns) - 1)


def _with_notes(table: Table) -> Table:
    rows = [Row((*row.cells, Cell(row.note))) for row in table.rows]
    return replace(table, columns=(*table.columns, table.note), rows=rows)


def _without(table: Table, name: str) -> Table:
    gone = table.columns.index(name)
    rows = [replace(row, cells=(*row.cells[:gone], *row.cells[gone + 1 :])) for row in table.rows]
    return replace(table, columns=(*table.columns[:gone], *table.columns[gone + 1 :]), rows=rows)
