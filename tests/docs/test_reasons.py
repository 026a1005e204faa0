"""docs/reasons.md has every reason that the code gives, and no other."""

import re
from enum import StrEnum

import pytest

from rollkeeper.engine import reasons, run_status
from rollkeeper.registry import patterns  # noqa: F401 - brings a registry error of its own
from rollkeeper.registry.errors import RegistryError
from tests.docs.markdown import ROOT

SECTIONS: dict[str, type[StrEnum]] = {
    "How a run ended": reasons.Code,
    "Why something waits": reasons.Wait,
    "Why an instance failed": reasons.Failure,
    "Why a version or a model is held": reasons.Hold,
    "Conditions of a ScaleSet": reasons.State,
    "Conditions of an UpgradeRun": reasons.Course,
    "Conditions of an ImageVersion": reasons.Publishing,
    "Conditions of an ImageSource": reasons.Scan,
    "Events": reasons.Event,
}
REGISTRIES = "Answers of registries"
PARTS = dict(
    part.split("\n", maxsplit=1)
    for part in (ROOT / "docs" / "reasons.md").read_text(encoding="utf-8").split("\n## ")[1:]
)
_ROW = re.compile(r"^\| `(?P<reason>[A-Za-z]+)` \| (?P<means>[^|]+) \| (?P<do>[^|]+) \|$", re.MULTILINE)


def listed(section: str) -> list[str]:
    """The reasons of a section's first table; what may stand below it are the words of Kubernetes."""
    paragraphs = PARTS[section].strip().split("\n\n")
    table = next(paragraph for paragraph in paragraphs if paragraph.startswith("| reason |")) + "\n"
    rows = table.strip().split("\n")[2:]
    found = [match["reason"] for match in _ROW.finditer(table)]
    assert len(found) == len(rows), f"{section}: each row is a reason in backticks, what it means, and what to do"
    return found


def _subclasses(kind: type[RegistryError]) -> set[type[RegistryError]]:
    return {kind}.union(*(_subclasses(child) for child in kind.__subclasses__()))


def test_every_enum_has_a_section() -> None:
    assert set(SECTIONS.values()) == set(reasons.ENUMS)
    assert PARTS.keys() == {*SECTIONS, REGISTRIES}


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_has_the_reasons_of_the_code(section: str) -> None:
    found = listed(section)
    assert len(found) == len(set(found))
    assert set(found) == {str(reason) for reason in SECTIONS[section]}


def test_registries_answers_are_those_of_the_client() -> None:
    assert set(listed(REGISTRIES)) == {kind.reason for kind in _subclasses(RegistryError)}


def test_failures_of_the_environment_are_marked() -> None:
    marked = {m["reason"] for m in _ROW.finditer(PARTS["Why an instance failed"]) if "environment)" in m["means"]}
    assert marked == {str(reason) for reason in reasons.ENVIRONMENT}


def test_codes_say_how_the_run_counts() -> None:
    """Completed, Cancelled or Faulted: what a script sees in runningStatus.code."""
    told = {m["reason"]: re.findall(r"(\w+)\)", m["means"])[0] for m in _ROW.finditer(PARTS["How a run ended"])}
    assert told == {code: run_status._FINAL_CODE.get(code, "Faulted") for code in reasons.Code}
