"""The states of a run in docs/concepts.md are those that rollouts go through."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs.markdown import ROOT

GOLDEN = sorted((ROOT / "tests" / "simulation" / "golden").glob("*.log"))
FINAL = {"Completed", "Cancelled", "Faulted"}
SHOWN_ELSEWHERE = {("Pending", "Faulted")}
"""By tests/cluster/test_refusals.py: a run that may not start is refused before any rollout that a log could tell."""
_RUN = re.compile(r"^ *\d+s  run (?P<name>\S+): (?P<code>[A-Z][A-Za-z]+)\b")
_ROW = re.compile(r"^\| `(?P<before>\w+)` \| `(?P<after>\w+)` \| .+ \|$", re.MULTILINE)


def transitions(log: Path) -> Iterator[tuple[str, str]]:
    """From which code to which the runs of a rollout went; their first and what follows an end left out."""
    codes: dict[str, str] = {}
    for match in filter(None, map(_RUN.match, log.read_text(encoding="utf-8").splitlines())):
        before, after = codes.get(match["name"]), match["code"]
        if before is not None and before not in FINAL and before != after:
            yield before, after
        codes[match["name"]] = after


def test_a_run_goes_as_the_page_says() -> None:
    page = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
    told = {(row["before"], row["after"]) for row in _ROW.finditer(page)}
    seen = {step for log in GOLDEN for step in transitions(log)}
    assert told == seen | SHOWN_ELSEWHERE
    diagram = page.split("## How a run goes")[1].split("```")[1]
    assert all(code in diagram for step in told for code in step)
