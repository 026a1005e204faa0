"""What stands in a Markdown page: links, anchors, blocks of code."""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    page for glob in ("*.md", "docs/**/*.md", "charts/**/*.md", "examples/**/*.md") for page in ROOT.glob(glob)
)


@dataclass(frozen=True)
class Block:
    """A block of code."""

    language: str
    """`console`, `yaml` …; empty where none is given."""
    text: str
    line: int
    """Where it begins in the page, from 1."""


@dataclass(frozen=True)
class Page:
    """One page, read."""

    links: tuple[str, ...]
    """Targets of links and images."""
    anchors: frozenset[str]
    """What GitHub and the site let one link to."""
    blocks: tuple[Block, ...]


@lru_cache
def read(path: Path) -> Page:
    """The page of a file."""
    return parsed(path.read_text(encoding="utf-8"))


def parsed(text: str) -> Page:
    """A page from its text."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    inline = [child for token in tokens for child in token.children or ()]
    links = tuple(str(target) for token in inline if (target := token.attrs.get("href") or token.attrs.get("src")))
    blocks = tuple(Block(t.info.strip(), t.content, (t.map or [0])[0] + 1) for t in tokens if t.type == "fence")
    return Page(links, frozenset(_anchors(tokens)), blocks)


def _anchors(tokens: list[Token]) -> list[str]:
    """GitHub's anchors of all headings, the second of its name with -1 at its end."""
    found: list[str] = []
    for opening, content in pairwise(tokens):
        if opening.type == "heading_open":
            words = "".join(child.content for child in content.children or () if child.type in {"text", "code_inline"})
            slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
            again = sum(1 for other in found if re.fullmatch(rf"{re.escape(slug)}(-\d+)?", other))
            found.append(f"{slug}-{again}" if again else slug)
    return found
