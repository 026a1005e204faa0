"""B12: budgets count what is changed in place, though a dry run of an eviction takes nothing from them."""

from typing import Any

import pytest

from rollkeeper.instances.room import Covered, Room

JsonMap = dict[str, Any]
ONES, TWOS = {"app": "one"}, {"app": "two"}


def budget(name: str, labels: JsonMap, allowed: int) -> JsonMap:
    return {
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": labels}},
        "status": {"disruptionsAllowed": allowed},
    }


def room(allowed: int, *pods: Covered) -> Room:
    """Pods a, b, c... and one budget over app=one."""
    return Room([budget("ones", ONES, allowed)], dict(zip("abcdef", pods, strict=False)))


READY = Covered(ONES, ready=True, under_way=False)
UNDER_WAY = Covered(ONES, ready=True, under_way=True)
DOWN = Covered(ONES, ready=False, under_way=False)
OTHER = Covered(TWOS, ready=True, under_way=True)

TAKEN: dict[str, tuple[Room, str, list[bool]]] = {
    # pods that are asked for one after another, and which may be changed
    "one at a time": (room(1, READY, READY), "ab", [True, False]),
    "none": (room(0, READY), "a", [False]),
    "one is under way": (room(2, READY, READY, UNDER_WAY), "ab", [True, False]),
    "somebody else's is not": (room(1, READY, OTHER), "a", [True]),
    "one that serves nobody takes nothing": (room(1, DOWN, READY), "ab", [True, True]),
}


@pytest.mark.parametrize(("found", "pods", "wanted"), TAKEN.values(), ids=TAKEN)
def test_b12_what_budgets_leave(found: Room, pods: str, wanted: list[bool]) -> None:
    assert [found.take(pod) == "" for pod in pods] == wanted


def test_b12_the_refusal_has_the_numbers() -> None:
    found = room(2, READY, UNDER_WAY, UNDER_WAY)
    assert found.take("a") == "2 of the 2 disruptions that the disruption budget ones allows are under way"


def test_b12_nobody_is_asked_about_a_pod_without_a_budget() -> None:
    found = room(0, READY, OTHER)
    assert (found.covering("a"), found.covering("b"), found.covering("nobody")) == (["ones"], [], [])
