"""Links of all pages lead somewhere, as they are read in the repository. `make docs` checks those of the site."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.docs.markdown import PAGES, ROOT, parsed, read


def wrong(link: str, page: Path) -> str | None:
    """What is wrong with a link of a page. Other sites are not asked: their addresses are only read."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        fine = parts.scheme == "https" and "." in (parts.hostname or "") and " " not in link
        return None if fine else f"{link} is no address of a site, or without https"
    target = (page.parent / parts.path).resolve() if parts.path else page
    if not target.exists():
        return f"{link}: there is no such file"
    if not target.is_relative_to(ROOT):
        return f"{link} leads out of the repository"
    if parts.fragment and parts.fragment not in read(target).anchors:
        return f"{link}: {target.name} has no such heading; there are {', '.join(sorted(read(target).anchors))}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert [said for link in read(page).links if (said := wrong(link, page))] == []


@pytest.mark.parametrize(
    "link",
    [
        "gone.md",
        "concepts.md#gone",
        "#gone",
        "http://example.com",
        "https://nowhere",
        "../../etc",
        "mailto:x@example.com",
    ],
)
def test_what_is_wrong_with_a_link_is_found(link: str) -> None:
    assert wrong(link, ROOT / "docs" / "rules.md")


def test_anchors_are_those_of_github() -> None:
    text = "# What it is\n\n## `kubectl rollkeeper`\n\n## B8: How far, and why?\n\n## spec.a[]\n\n## What it is\n"
    wanted = {"what-it-is", "kubectl-rollkeeper", "b8-how-far-and-why", "speca", "what-it-is-1"}
    assert parsed(text).anchors == wanted


def test_links_and_images_are_read_in_tables_too() -> None:
    assert parsed("| a |\n|---|\n| [x](y.md) ![z](w.svg) |\n").links == ("y.md", "w.svg")
