"""F4 a, F4b, F5, B11, V5: what instances outside of runs are made with, and when a pair is proven."""

from typing import Any

import pytest

from rollkeeper.engine import assignment, creation, origin, scaling
from rollkeeper.engine.actions import CreateInstance, DeleteClaims, DeleteInstance
from rollkeeper.engine.ranges import NONE, render
from rollkeeper.engine.snapshot import Refusal

from .builders import (
    REVISION,
    active_run,
    at,
    ctx,
    fleet,
    hold,
    image_version,
    instance,
    new_pod,
    pair,
    proven,
    scale_set,
    state,
    unhealthy,
)

CHOSEN: dict[str, Any] = {**proven(None), "creationVersion": "1.0.0", "creationModelRevision": REVISION}
OLD = {o: new_pod(o, "1.0.0", age=100) for o in range(10)}
CREATION: dict[str, tuple[dict[str, Any], Any, str, str]] = {
    # the set's status, the world, the creation pair, what is proven
    "no pod yet": (proven(None), {"instances": {}}, "1.0.0", ""),
    "a newer version": (CHOSEN, {"instances": OLD, "versions": ("1.0.0", "1.1.0")}, "1.1.0", ""),
    "withdrawn: a lower one": (
        {**CHOSEN, "creationVersion": "1.1.0"},
        {"instances": fleet(version="1.1.0")},
        "1.0.0",
        "",
    ),
    "no version at all": (CHOSEN, {"instances": OLD, "versions": ()}, "", ""),
    "F4 all healthy": (CHOSEN, {"instances": fleet()}, "1.0.0", "1.0.0"),
    "F4 some start": (CHOSEN, {"instances": fleet(made={9: new_pod(9, "1.0.0")})}, "1.0.0", ""),
    "F4 clocks over, 20%": (CHOSEN, {"instances": {**fleet(8), 8: OLD[8], 9: OLD[9]}}, "1.0.0", "1.0.0"),
    "F4 clocks over, 30%": (CHOSEN, {"instances": {**fleet(7), 7: OLD[7], 8: OLD[8], 9: OLD[9]}}, "1.0.0", ""),
    "F4 healthy once is enough": (
        {**CHOSEN, "everHealthy": "0-9"},
        {"instances": fleet(broken=[0, 1, 2])},
        "1.0.0",
        "1.0.0",
    ),
    "F4 healthy once on another pair is not": (
        {**CHOSEN, "creationVersion": "0.9.0", "everHealthy": "0-9"},
        {"instances": OLD},
        "1.0.0",
        "",
    ),
    "F4 none healthy": (CHOSEN, {"instances": OLD}, "1.0.0", ""),
    "F4 others are healthy, and a run is to bring them": (
        {**CHOSEN, "creationVersion": "1.1.0"},
        {"instances": fleet(version="1.1.0", made={0: instance(0)}), "versions": ("1.0.0", "1.1.0")},
        "1.1.0",
        "",
    ),
    "F4 others are healthy, and protected": (
        {**CHOSEN, "creationVersion": "1.1.0"},
        {"instances": fleet(version="1.1.0", made={0: instance(0, protected=True)}), "versions": ("1.0.0", "1.1.0")},
        "1.1.0",
        "1.1.0",
    ),
}


@pytest.mark.parametrize(("status", "world", "wanted", "proves"), CREATION.values(), ids=[f"F4b {k}" for k in CREATION])
def test_first_creation(status: dict[str, Any], world: dict[str, Any], wanted: str, proves: str) -> None:
    found = creation.consider(ctx(scale_set(status=status), **{"versions": ("1.0.0",), **world}))
    assert (found.pair.version if found.pair else "") == wanted
    assert (found.proven.version if found.proven else "") == proves


def test_f4_others_are_healthy_and_no_run_is_to_bring_them() -> None:
    """Automatic upgrades are off: what most run is proven, or the set would stay without protection for ever."""
    world = fleet(version="1.1.0", made={0: instance(0)})
    found = creation.consider(ctx(scale_set(automatic=False, status={**CHOSEN, "creationVersion": "1.1.0"}), world))
    assert found.proven == pair("1.1.0")


MOST: dict[str, tuple[dict[int, Any], str | None]] = {
    "most": ({0: instance(0, "1.1.0"), 1: instance(1, "1.1.0"), 2: instance(2)}, "1.1.0"),
    "tie: the lower version": ({0: instance(0, "1.10.0"), 1: instance(1, "1.9.0")}, "1.9.0"),
    "none": ({}, None),
}


@pytest.mark.parametrize(("seen", "wanted"), MOST.values(), ids=[f"F4 {name}" for name in MOST])
def test_what_most_run(seen: dict[int, Any], wanted: str | None) -> None:
    found = assignment.most_run(seen, frozenset(seen))
    assert (found and found.version) == wanted


def acts(of: Any = None, instances: Any = None, *, exclusive: Any = NONE, **world: Any) -> list[str]:
    """What is done outside of runs, as `create 3 1.0.0 Repair`."""
    seen = ctx(of, instances, **world)
    new = origin.consider(seen, None).pair
    assigned = scaling.without_held(seen, scaling.assign(seen, new), NONE, new, origin.held_by(seen, None))
    told = []
    for action in scaling.plan(seen, assigned, exclusive, lambda _: True):
        if isinstance(action, CreateInstance):
            told.append(f"create {action.ordinal} {action.pair.version} {action.made_by}")
        elif isinstance(action, DeleteInstance):
            told.append(f"delete {action.ordinal}")
        elif isinstance(action, DeleteClaims):
            told.append(f"claims {action.ordinal}")
    return told


ON_HELD: dict[str, Any] = {
    "versions": [
        {"version": "1.1.0", "image": "i", "modelRevision": REVISION, "replicas": 1, "instances": "1"},
        {"version": "1.0.0", "image": "i", "modelRevision": REVISION, "replicas": 1, "instances": "0"},
    ]
}
FAILED_POD = instance(0, finished=True)
ACTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing to do": ({"of": scale_set(2)}, []),
    "F5 a pod is gone": ({"of": scale_set(2), "instances": fleet(2, missing=[1])}, ["create 1 1.0.0 Repair"]),
    "F5 on its assignment": (
        {"of": scale_set(2, status=ON_HELD), "instances": fleet(2, missing=[1])},
        ["create 1 1.1.0 Repair"],
    ),
    "F5 held: the proven pair": (
        {"of": scale_set(2, status={**ON_HELD, "heldVersions": [hold("1.1.0")]}), "instances": fleet(2, missing=[1])},
        ["create 1 1.0.0 Repair"],
    ),
    "F5 the run's own are left alone": (
        {"of": scale_set(2), "instances": fleet(2, missing=[1]), "exclusive": frozenset({1})},
        [],
    ),
    "F5 a pod has ended": ({"of": scale_set(2), "instances": fleet(2, made={0: FAILED_POD})}, ["delete 0"]),
    "F5 refused just now": (
        {
            "of": scale_set(2),
            "instances": fleet(2, missing=[1]),
            "refusals": {1: Refusal("QuotaExceeded", "", at(-5), at(2), "Repair")},
        },
        [],
    ),
    "F5 unhealthy ones are not replaced": ({"of": scale_set(2), "instances": fleet(2, broken=[1])}, []),
    "B11 scaled out": (
        {"of": scale_set(3), "instances": fleet(2), "assigned": range(2)},
        ["create 2 1.0.0 ScaleOut"],
    ),
    "B11 scaled out, tried before": (
        {"of": scale_set(3, status={"starting": "2"}), "instances": fleet(2)},
        ["create 2 1.0.0 ScaleOut"],
    ),
    "B11 scaled in": ({"of": scale_set(1), "instances": fleet(2)}, ["delete 1"]),
    "B11 scaled in, going": (
        {"of": scale_set(1), "instances": fleet(2, made={1: instance(1, terminating=True)})},
        [],
    ),
    "I3 claims go when their pod is gone": (
        {"of": scale_set(1), "instances": fleet(2), "claims": frozenset({1, 2})},
        ["delete 1", "claims 2"],
    ),
    "F4b first creation": (
        {"of": scale_set(2, status=proven(None)), "instances": {}, "assigned": ()},
        ["create 0 1.1.0 FirstCreation", "create 1 1.1.0 FirstCreation"],
    ),
    "F4b what is not healthy is replaced at once": (
        {"of": scale_set(2, status=CHOSEN), "instances": fleet(2, made={1: unhealthy(1)})},
        ["delete 1"],
    ),
    "F4b on the pair already: waits": (
        {"of": scale_set(2, status=CHOSEN), "instances": fleet(2, "1.1.0", made={1: unhealthy(1, "1.1.0")})},
        [],
    ),
    "F4b another revision counts": (
        {
            "of": scale_set(2, status=CHOSEN),
            "instances": fleet(2, "1.1.0", made={1: unhealthy(1, "1.1.0", revision="web-rev0")}),
        },
        ["delete 1"],
    ),
}


@pytest.mark.parametrize(("world", "wanted"), ACTS.values(), ids=ACTS)
def test_outside_of_runs(world: dict[str, Any], wanted: list[str]) -> None:
    assert acts(**world) == wanted


NEW: dict[str, tuple[Any, str]] = {
    "B11 the proven pair": (None, "1.0.0"),
    "B11 during a run too": (active_run(pending="0-9"), "1.0.0"),
    "V5 a user's downgrade: its target": (active_run("0.9.0", pending="0-9"), "0.9.0"),
    "V5 not of a subset": (active_run("0.9.0", pending="0-1", instances="0-1"), "1.0.0"),
    "V5 not by the platform": (active_run("0.9.0", pending="0-9", startedBy="Platform"), "1.0.0"),
}


@pytest.mark.parametrize(("active", "wanted"), NEW.values(), ids=NEW)
def test_what_new_instances_get(active: Any, wanted: str) -> None:
    found = origin.consider(ctx(), active)
    assert found.pair is not None
    assert found.pair.version == wanted


def test_v8_the_proven_reference_outlives_its_image_version() -> None:
    kept = {"version": "1.0.0", "image": "kept", "modelRevision": REVISION, "replicas": 0, "instances": ""}
    found = ctx(scale_set(0, status={"versions": [kept]}), versions=[image_version("1.1.0")]).proven_pair
    assert found is not None
    assert found.image == "kept"


ASSIGNED: dict[str, tuple[dict[str, Any], str]] = {
    "in the batch": ({"inProgress": "0"}, "1.1.0"),
    "succeeded": ({"succeeded": "0"}, "1.1.0"),
    "H3 failed, being put back": ({"failed": "0"}, "1.0.0"),
    "H3 failed, rollback off": ({"failed": "0", "rollback": False}, "1.1.0"),
    "pending": ({"pending": "0"}, "1.0.0"),
}


@pytest.mark.parametrize(("fields", "wanted"), ASSIGNED.values(), ids=[f"F5 {name}" for name in ASSIGNED])
def test_the_assignment_during_a_run(fields: dict[str, Any], wanted: str) -> None:
    found = scaling.with_run(ctx(scale_set(1)), {0: pair()}, state(**fields))
    assert found[0].version == wanted


def test_i9_the_assignment_survives_its_status() -> None:
    given = {0: pair("1.1.0"), 1: pair(), 2: pair("1.10.0")}
    groups = assignment.dump(given, pair("0.9.0"))
    assert [(g.version, g.replicas) for g in groups] == [("1.10.0", 1), ("1.1.0", 1), ("1.0.0", 1), ("0.9.0", 0)]
    status = scale_set(status={"versions": [g.to_json() for g in groups]}).status
    assert assignment.load(status, {}, 3) == given
    assert render(assignment.load(status, {}, 2)) == "0-1", "B11"


def test_f4_a_lost_assignment_is_read_from_the_pods() -> None:
    assert assignment.load(scale_set().status, {0: instance(0, "1.1.0"), 7: instance(7)}, 5) == {0: pair("1.1.0")}
