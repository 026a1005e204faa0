"""UpToDate as a chain, housekeeping (F6, M2, T5, F9), teardown (F7), revisions (M1, M2), what a set says (T6)."""

import copy
from typing import Any

import pytest

from rollkeeper.engine import housekeeping, revisions, teardown, up_to_date
from rollkeeper.engine.actions import DeleteRevision, DeleteRun, RemoveRunFinalizer, WriteRun, WriteSet
from rollkeeper.engine.queue import Queue
from rollkeeper.engine.reasons import State

from .builders import (
    active_run,
    at,
    ctx,
    finished,
    fleet,
    hold,
    image_version,
    instance,
    pair,
    platform,
    proven,
    scale_set,
    snapshot,
    stamp,
    upgrade_run,
)

HELD_MODEL = {"revision": "worse", "runName": "bad", "reason": "UpgradedUnhealthy", "time": stamp(0)}
BOTH_HELD = {"heldModelRevisions": [HELD_MODEL], "heldVersions": [hold("1.1.0")]}
BEHIND = fleet(version="1.1.0", made={3: instance(3), 7: instance(7)})
UP_TO_DATE: dict[str, tuple[dict[str, Any], State, str]] = {
    "every instance": ({"versions": ("1.0.0",)}, State.UP_TO_DATE, "every instance runs 1.0.0"),
    "a newer one": ({}, State.NEWER_VERSION, "version 1.1.0 can be rolled out"),
    "a newer one, opted out": ({"of": scale_set(automatic=False)}, State.NEWER_VERSION, "create an UpgradeRun, or set"),
    "an active run": ({"active": active_run()}, State.UPGRADING, "UpgradeRun up is active"),
    "some are missing": ({"versions": ("1.0.0",), "instances": fleet(missing=[1])}, State.CREATING, "being created"),
    "V3 no version": (
        {"versions": ()},
        State.NO_IMAGE_VERSION,
        "there is no ImageVersion of Contoso/Web/1: publish one",
    ),
    "V3 none can be used": (
        {"versions": [image_version("1.0.0", ready=False)]},
        State.NO_IMAGE_VERSION,
        "(1.0.0) can be used: excluded",
    ),
    "pinned, not there": (
        {"of": scale_set(version="7.0.0")},
        State.NO_IMAGE_VERSION,
        "no ImageVersion 7.0.0 of Contoso/Web/1: publish it",
    ),
    "pinned": ({"of": scale_set(version="1.1.0")}, State.OTHER_VERSIONS, "instances 0-9 do not run the pinned version"),
    "F3 held": (
        {"of": scale_set(status={"heldVersions": [hold("1.1.0")]})},
        State.HELD,
        "or release it with the annotation rollkeeper.io/release-hold=1.1.0/bad",
    ),
    "F3 the model is held": (
        {
            "of": scale_set(status={"heldModelRevisions": [HELD_MODEL]}),
            "versions": ("1.0.0",),
            "revision": "worse",
        },
        State.MODEL_HELD,
        "change spec.template, or release it with the annotation rollkeeper.io/release-hold=worse/bad",
    ),
    "F3 the model is held, and so is the version": (
        {"of": scale_set(status=BOTH_HELD), "revision": "worse"},
        State.MODEL_HELD,
        "work only together, set spec.upgradePolicy.mode to Manual, release it, create an UpgradeRun with",
    ),
    "F3 the model is held, and what is proven is not healthy": (
        {
            "of": scale_set(status={"heldModelRevisions": [HELD_MODEL]}),
            "instances": fleet(broken=[3]),
            "revision": "worse",
        },
        State.MODEL_HELD,
        "if it and version 1.1.0 work only together",
    ),
    "V5 would downgrade": (
        {"versions": ("0.9.0",)},
        State.WOULD_DOWNGRADE,
        "1.0.0 is newer than the latest usable version 0.9.0",
    ),
    "T1 left behind, with the ordinals": (
        {"of": scale_set(status=proven("1.1.0")), "instances": BEHIND},
        State.LEFT_BEHIND,
        "instances 3,7 were left behind",
    ),
    "V5 brought further": (
        {"versions": ("1.0.0",), "instances": fleet(made={3: instance(3, "1.1.0")})},
        State.OTHER_VERSIONS,
        "nothing is downgraded by itself",
    ),
    "an active run before all else": (
        {"active": active_run(), "of": scale_set(version="1.1.0")},
        State.UPGRADING,
        "is active",
    ),
    "F3 pinned to what is held": (
        {"of": scale_set(version="1.1.0", status={"heldVersions": [hold("1.1.0")]})},
        State.HELD,
        "pin another one",
    ),
}


@pytest.mark.parametrize(("world", "reason", "said"), UP_TO_DATE.values(), ids=UP_TO_DATE)
def test_up_to_date(world: dict[str, Any], reason: State, said: str) -> None:
    given = dict(world)
    active, seen = given.pop("active", None), ctx(**given)
    found = up_to_date.condition(seen.snapshot.scale_set.status, seen, active and active.metadata.name)
    assert found.reason == reason
    assert said in found.message
    assert found.status == ("True" if reason == State.UP_TO_DATE else "False")


ALONE: dict[str, dict[str, Any]] = {
    "the newest version is not held, and all is healthy": {},
    "there is no newer version": {"versions": ("1.0.0",), "instances": fleet(broken=[3])},
}


@pytest.mark.parametrize("world", ALONE.values(), ids=ALONE)
def test_f3_a_held_model_that_needs_no_version(world: dict[str, Any]) -> None:
    """Nothing says that it works only together with another version: releasing it is all."""
    held = scale_set(status={"heldModelRevisions": [HELD_MODEL]})
    found = up_to_date.condition(held.status, ctx(held, **{"revision": "worse", **world}), None)
    assert found.message.endswith("rollkeeper.io/release-hold=worse/bad")


def old_run(number: int, **fields: Any) -> Any:
    return finished("Completed", name=f"r{number}", created=number, **{**platform(), "finalizers": [], **fields})


SEVEN = [old_run(n) for n in range(7)]
PRUNED: dict[str, tuple[list[Any], dict[str, Any], list[str]]] = {
    "the newest five stay": (SEVEN, {}, ["r1", "r0"]),
    "five are not too many": (SEVEN[:5], {}, []),
    "never one that a hold names": (SEVEN, {"heldVersions": [hold("1.1.0", run="r0")]}, ["r1"]),
    "users' runs stay": ([old_run(n, startedBy="User") for n in range(7)], {}, []),
    "never an active or Pending one": (
        [*SEVEN[:5], active_run(name="a", created=-9, **platform()), upgrade_run("p", created=-9, **platform())],
        {},
        [],
    ),
    "not one that somebody else holds": (
        [*SEVEN[1:], old_run(0, finalizers=["rollkeeper.io/active-run"])],
        {},
        ["r1"],
    ),
}


@pytest.mark.parametrize(("runs", "status", "names"), PRUNED.values(), ids=[f"F6 {name}" for name in PRUNED])
def test_runs_are_pruned(runs: list[Any], status: dict[str, Any], names: list[str]) -> None:
    seen = ctx(scale_set(status={**status, "activeRunName": "a"}), runs=runs)
    named = next((r for r in runs if r.metadata.name == "a"), None)
    actions = housekeeping.runs(seen, Queue(), named)
    assert [a.run for a in actions if isinstance(a, DeleteRun)] == names


@pytest.mark.parametrize(
    ("ended", "ttl", "deleted"),
    [(-60, 60, True), (-59, 60, False), (0, 0, True), (-600, None, False)],
    ids=lambda value: f"F6 {value}",
)
def test_users_runs_go_by_their_ttl_only(ended: float, ttl: int | None, deleted: bool) -> None:
    fields: dict[str, Any] = {"ttlSecondsAfterFinished": ttl} if ttl is not None else {}
    run = finished("Completed", ended=ended, **fields)
    run = run.model_copy(update={"status": run.status.model_copy(update={"observed_generation": 1})})
    actions = housekeeping.runs(ctx(runs=[run]), Queue(), None)
    assert [type(a) for a in actions] == ([DeleteRun] if deleted else [])


def test_f9_the_finalizer_goes_last() -> None:
    run = finished("Completed", finalizers=["rollkeeper.io/active-run"], succeeded="0-9")
    run = run.model_copy(update={"status": run.status.model_copy(update={"observed_generation": 1})})
    assert housekeeping.runs(ctx(runs=[run]), Queue(), None) == [RemoveRunFinalizer("up")]
    assert housekeeping.runs(ctx(runs=[run]), Queue(), run) == [], "the set has not taken note of it yet"


def test_conditions_of_finished_runs_follow_the_generation() -> None:
    run = finished("Completed", generation=2, succeeded="0-9")
    (write,) = housekeeping.runs(ctx(runs=[run]), Queue(), None)
    assert isinstance(write, WriteRun)
    assert {c.observed_generation for c in write.status.conditions} == {2}


TWELVE = {f"rev{n}": n for n in range(12)}
REVISIONS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "ten are kept": ({"revisions": {f"rev{n}": n for n in range(10)}}, []),
    "the oldest go": ({}, ["rev0", "rev1"]),
    "not the newest model": ({"revision": "rev0"}, ["rev1", "rev2"]),
    "not the proven one": ({"of": scale_set(status=proven("1.0.0", "rev1"))}, ["rev0", "rev2"]),
    "not what runs": ({"instances": fleet(made={0: instance(0, revision="rev0")})}, ["rev1", "rev2"]),
    "not the origin of an active run": (
        {
            "runs": [
                active_run(
                    succeeded="0",
                    status={
                        "origins": [{"imageVersion": "1.0.0", "image": "i", "modelRevision": "rev0", "instances": "0"}]
                    },
                )
            ]
        },
        ["rev1", "rev2"],
    ),
}


@pytest.mark.parametrize(("world", "names"), REVISIONS.values(), ids=[f"M2 {name}" for name in REVISIONS])
def test_revisions_are_pruned(world: dict[str, Any], names: list[str]) -> None:
    found = housekeeping.prune_revisions(ctx(**{"revisions": TWELVE, **world}))
    assert found == [DeleteRevision(name) for name in names]


TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "os", "env": [{"name": "A", "value": "1"}]}, {"name": "log", "image": "log:1"}]},
}


def revision(change: Any = None, **spec: Any) -> str:
    template = copy.deepcopy(TEMPLATE)
    if change is not None:
        change(template)
    return revisions.revision_name("web", revisions.model_of(scale_set(template=template, **spec).spec))


SAME: dict[str, Any] = {
    "the OS container's image": lambda t: t["spec"]["containers"][0].update(image="os:9"),
    "the order of keys": lambda t: t.update(dict(reversed(list(t.items())))),
    "empty annotations": lambda t: t["metadata"].update(annotations={}),
}
OTHER: dict[str, Any] = {
    "an environment variable": lambda t: t["spec"]["containers"][0]["env"][0].update(value="2"),
    "another container's image": lambda t: t["spec"]["containers"][1].update(image="log:2"),
    "a label": lambda t: t["metadata"]["labels"].update(tier="a"),
    "an annotation": lambda t: t["metadata"].update(annotations={"a": "b"}),
    "the order of containers": lambda t: t["spec"]["containers"].reverse(),
}


@pytest.mark.parametrize("change", SAME.values(), ids=[f"M1 {name}" for name in SAME])
def test_is_the_same_model(change: Any) -> None:
    assert revision(change) == revision()


@pytest.mark.parametrize("change", OTHER.values(), ids=[f"M1 {name}" for name in OTHER])
def test_is_another_model(change: Any) -> None:
    assert revision(change) != revision()


@pytest.mark.parametrize(
    "spec",
    [{"replicas": 3}, {"version": "1.0.0"}, {"automatic": False}, {"serviceName": "s"}, {"health": None}],
    ids=str,
)
def test_m1_is_no_part_of_the_model(spec: dict[str, Any]) -> None:
    assert revision(**spec) == revision()


def test_m2_the_os_containers_name_is_part_of_the_model() -> None:
    assert revision(osContainerName="os") == revision()
    assert revision(osContainerName="log") != revision()
    assert revision().startswith("web-")


def test_f7_a_set_that_is_deleted_gets_nothing_and_lets_go_of_its_runs() -> None:
    held: dict[str, Any] = {"finalizers": ["rollkeeper.io/active-run"]}
    runs = [active_run(name="a", pending="0-9", **held), finished("Completed", name="b", **held), upgrade_run("c")]
    seen = snapshot(scale_set(deleting=True), fleet(missing=[1]), runs=runs)
    found = teardown.actions(seen, at(0))
    assert [type(a) for a in found] == [WriteRun, RemoveRunFinalizer, RemoveRunFinalizer, WriteSet]
    write, last = found[0], found[-1]
    assert isinstance(write, WriteRun)
    assert write.status.running_status is not None
    assert write.status.running_status.code == "Cancelled"
    assert isinstance(last, WriteSet)
    again = seen.scale_set.model_copy(update={"status": last.status})
    assert teardown.actions(snapshot(again, fleet()), at(9)) == (), "I7"


def test_the_builders_pair_is_what_their_instances_run() -> None:
    assert instance(0).pair == pair()
