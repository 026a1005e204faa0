"""What stands in a Markdown page: links, anchors, blocks of code."""

import re
from collections.abc import Iterator
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
    section: str = ""
    """The anchor of the heading that it stands under."""


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
    anchors = _anchors(tokens)
    return Page(links, frozenset(anchors), tuple(_blocks(tokens, anchors)))


def _blocks(tokens: list[Token], anchors: list[str]) -> Iterator[Block]:
    section, following = "", iter(anchors)
    for token in tokens:
        if token.type == "heading_open":
            section = next(following)
        if token.type == "fence":
            yield Block(token.info.strip(), token.content, (token.map or [0])[0] + 1, section)


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
