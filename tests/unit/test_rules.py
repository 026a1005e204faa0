"""docs/rules.md tells no more than what tests show: every rule has one, or says what is not built yet."""

from pathlib import Path

import pytest

from tests import rules_page
from tests.rules_page import Rule

RULES = rules_page.read(rules_page.PAGE.read_text(encoding="utf-8"))

LAST = {"V": 8, "T": 9, "B": 14, "H": 8, "F": 9, "M": 5, "E": 4, "I": 10}
"""The last number of each section."""
NUMBERS = [f"{letter}{n}" for letter, last in LAST.items() for n in range(1, last + 1)]
NUMBERS.insert(NUMBERS.index("F4") + 1, "F4b")
WORDS = ["total", "starting", "healthy", "unavailable", "touched", "settled", "upgraded", "assignment", "active run"]

OPERATOR = rules_page.ROOT / "operator"
MODULES = sorted(OPERATOR.rglob("*.py"))


def test_every_rule_is_listed_once_and_in_order() -> None:
    assert [rule.number for rule in RULES] == WORDS + NUMBERS


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.number)
def test_what_the_page_says_of_a_rule_is_shown(rule: Rule) -> None:
    assert list(rules_page.problems(rule)) == []


@pytest.mark.parametrize("rule", RULES[len(WORDS) :], ids=lambda rule: rule.number)
def test_each_numbered_rule_is_shown_on_a_real_api_server(rule: Rule) -> None:
    """I1, I4 and I5 by the audit log's witness, which every cluster test calls at its end."""
    assert any(path.startswith(("../tests/cluster/", "../tests/e2e/")) for _, path in rule.shown_by)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(OPERATOR)))
def test_code_cites_rules_that_the_page_has(path: Path) -> None:
    assert rules_page.cited(path.read_text(encoding="utf-8")) <= set(NUMBERS)


HERE = "../tests/unit/test_rules.py"
WRONG = {
    "no test": ("Only words.", "T1 has no test"),
    "no such file": ("Shown by [`test_x`](../tests/nowhere.py).", "there is no test_x"),
    "no such test": (f"Shown by [`test_x`]({HERE}).", "there is no test_x"),
    "number not cited": (f"Shown by [`test_every_rule_is_listed_once_and_in_order`]({HERE}).", "does not cite it"),
    "no such log": ("Shown by [`elsewhere`](../tests/simulation/golden/set_of_one.log).", "there is no elsewhere"),
    "log does not cite it": ("Shown by [`set_of_one`](../tests/simulation/golden/set_of_one.log).", "does not cite it"),
    "field is there": ("Not built yet: scaling (`ScaleSet.spec.replicas`).", "ScaleSet.spec.replicas exists now"),
    "value is there": ("Not built yet: `ScaleSet.spec.health.source=Probe`.", "exists now"),
    "reason is there": ("Not built yet: `BackOff`.", "BackOff exists now"),
}


@pytest.mark.parametrize(("body", "says"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_on_a_page_is_found(body: str, says: str) -> None:
    (rule,) = rules_page.read(f"### T1: a rule\n\nWords.\n\n{body}\n\n## The next section\n\nShown by nobody.\n")
    (problem,) = rules_page.problems(rule)
    assert says in problem


def test_what_is_right_passes() -> None:
    """Cites I3, and B1 to B4."""
    shown = (
        f"Shown by [`test_what_is_right_passes`]({HERE}),\n[`set_of_one`](../tests/simulation/golden/set_of_one.log)."
    )
    missing = "Not built yet: `ScaleSet.spec.teleport`, `ScaleSet.spec.health.source=Oracle`, `TeaTime`."
    (rule,) = rules_page.read(f"### B1: a rule\n\n{shown}\n\n{missing}\n")
    assert len(rule.shown_by) == 2
    assert len(rule.not_built) == 3
    assert list(rules_page.problems(rule)) == []


def test_numbers_are_found_in_names_and_spans() -> None:
    assert rules_page.cited("def test_b8_relapse(): I1 to I3, F4b") == {"B8", "I1", "I2", "I3", "F4b"}
