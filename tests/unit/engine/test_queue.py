"""T4, T5: who is next, who waits for whom, who is refused and why; stops in B14's order (T3, T9); target."""

from typing import Any

import pytest

from rollkeeper.api.v1alpha1 import UpgradeRun
from rollkeeper.engine import automatic, queue, ranges, stops, target
from rollkeeper.engine.automatic import Automatic
from rollkeeper.engine.platform import consider as wishes_of
from rollkeeper.engine.platform import run_name
from rollkeeper.engine.queue import Queue
from rollkeeper.engine.reasons import Code, Wait
from rollkeeper.engine.snapshot import DryRun, Pair
from rollkeeper.engine.target import Refused

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
    scale_set,
    unhealthy,
    upgrade_run,
)


def consider(*runs: UpgradeRun, active: UpgradeRun | None = None, **world: Any) -> Queue:
    seen = ctx(
        world.pop("of", None), world.pop("instances", None), runs=[*runs, *([active] if active else [])], **world
    )
    return queue.consider(seen, wishes_of(seen), active)


def said(found: Queue) -> dict[str, str]:
    """What becomes of each run: next, obsolete, or the reason that it waits or ended for."""
    result = {w.run.metadata.name: str(w.reason) for w in found.waiting}
    result |= {e.run.metadata.name: str(e.refused.code) for e in found.ended}
    result |= {r.metadata.name: "obsolete" for r in found.obsolete}
    return result | ({found.next.metadata.name: "next"} if found.next else {})


OURS = run_name(scale_set(), "1.1.0", 1)
up = upgrade_run
ours = upgrade_run(OURS, "1.1.0", **platform())
auto_active = active_run(name=OURS, pending="0-9", **platform())
user_active = active_run(name="busy", pending="0-9")
auto_paused = active_run(name=OURS, pending="0-9", desiredState="Paused", **platform())
PENDING, PAUSED = Wait.RUN_PENDING, Wait.RUN_PAUSED

QUEUE: dict[str, tuple[list[UpgradeRun], dict[str, Any], dict[str, str]]] = {
    "T4 a user's run": ([up()], {}, {"up": "next"}),
    "T4 while automatic upgrades are off": ([up()], {"of": scale_set(automatic=False)}, {"up": "next"}),
    "T5 by creation time": ([up("a", created=2), up("b", created=1)], {}, {"a": PENDING, "b": "next"}),
    "T5 then by name": ([up("b"), up("a")], {}, {"a": "next", "b": PENDING}),
    "T5 users' before automatic": ([ours, up()], {}, {"up": "next", OURS: "obsolete"}),
    "T5 automatic": ([ours], {}, {OURS: "next"}),
    "T5 no longer due": ([ours], {"versions": ("1.0.0", "1.1.0", "1.2.0")}, {OURS: "obsolete"}),
    "T5 no longer due, opted out": ([ours], {"of": scale_set(automatic=False)}, {OURS: "obsolete"}),
    "T5 waits for the active one": ([up()], {"active": user_active}, {"up": PENDING}),
    "T5 supersedes an automatic one": ([up()], {"active": auto_active}, {"up": "next"}),
    "T5 never a paused one": ([up()], {"active": auto_paused}, {"up": PAUSED}),
    "T5 paused stands aside": (
        [up("a", desiredState="Paused"), up("b", created=1)],
        {},
        {"a": PAUSED, "b": "next"},
    ),
    "T5 a refused one makes way": (
        [up("a", "7.0.0"), up("b", created=1)],
        {},
        {"a": Code.IMAGE_VERSION_NOT_FOUND, "b": "next"},
    ),
    "F2 cancelled before it started": ([up(desiredState="Cancelled")], {}, {"up": Code.CANCELLED_BY_USER}),
    "F7 deleted before it started": ([up(deleting=True)], {}, {}),
    "T6 too many unhealthy": (
        [up(instances="0-5")],
        {"instances": fleet(broken=[7, 8, 9])},
        {"up": Code.UNHEALTHY_BEFORE},
    ),
    "T7 those that it mends don't count": ([up()], {"instances": fleet(broken=[7, 8, 9])}, {"up": "next"}),
    "T7 those on target do": (
        [up()],
        {"instances": fleet(made={o: unhealthy(o, "1.1.0") for o in (7, 8, 9)})},
        {"up": Code.UNHEALTHY_BEFORE},
    ),
    "T5 its own checks come first": (
        [up(instances="0-5")],
        {"active": auto_active, "instances": fleet(broken=[7, 8, 9])},
        {"up": Code.UNHEALTHY_BEFORE},
    ),
    "M3 asks first": ([up()], {"accepted": []}, {"up": Wait.CHECKING_MODEL}),
    "M3 refused": (
        [up()],
        {"accepted": [], "dry_runs": {pair("1.1.0"): DryRun("Invalid", "no")}},
        {"up": Code.INVALID_MODEL},
    ),
    "M3 not now": (
        [up()],
        {"accepted": [], "dry_runs": {pair("1.1.0"): DryRun("Forbidden", "no", at(9))}},
        {"up": Wait.MODEL_REFUSED},
    ),
    "T5 the older one's question comes first": (
        [up("a"), up("b", "1.0.0", created=1)],
        {"accepted": [pair()]},
        {"a": Wait.CHECKING_MODEL, "b": PENDING},
    ),
    "startedBy Platform is ours alone": ([up(startedBy="Platform")], {}, {"up": Code.INVALID_STARTED_BY}),
    "T4 an impossible range": ([up(instances="9-3")], {}, {"up": Code.INVALID_INSTANCES}),
    "T4 instances that are not there": ([up(instances="9-12")], {}, {"up": Code.INVALID_INSTANCES}),
    "finished ones are left alone": ([finished("Completed", succeeded="0-9")], {}, {}),
}


@pytest.mark.parametrize(("runs", "world", "wanted"), QUEUE.values(), ids=QUEUE)
def test_what_becomes_of_runs(runs: list[UpgradeRun], world: dict[str, Any], wanted: dict[str, str]) -> None:
    assert said(consider(*runs, **world)) == {name: str(what) for name, what in wanted.items()}


def test_t5_the_question_is_the_older_ones() -> None:
    found = consider(up("a"), up("b", "1.0.0", created=1), accepted=[])
    assert found.dry_run == pair("1.1.0")


def test_t5_in_a_long_line_each_names_the_one_before_it() -> None:
    """So that the end of a run rewrites one sentence, not those of all that wait."""
    line = [up(f"r{n}", created=n) for n in range(5)]
    first = {w.run.metadata.name: w.message for w in consider(*line, active=user_active).waiting}
    assert first == {
        "r0": "waits for UpgradeRun busy",
        **{f"r{n}": f"waits for UpgradeRun r{n - 1}" for n in (1, 2, 3, 4)},
    }
    then = {w.run.metadata.name: w.message for w in consider(*line[1:], active=line[0]).waiting}
    assert then == {name: message for name, message in first.items() if name != "r0"}
    paused = [line[0], up("aside", created=1, desiredState="Paused"), line[2]]
    assert consider(*paused, active=user_active).waiting[2].message == "waits for UpgradeRun r0"


MESSAGES: dict[str, tuple[list[UpgradeRun], dict[str, Any], str]] = {
    "T5 for whom": ([up()], {"active": user_active}, "waits for UpgradeRun busy"),
    "T5 paused": (
        [up()],
        {"active": auto_paused},
        f"waits for UpgradeRun {OURS}, which is paused: resume or cancel it",
    ),
    "T6 the numbers": (
        [up(instances="0-5")],
        {"instances": fleet(broken=[7, 8, 9])},
        "3 of 10 instances unhealthy (30%, limit 20%)",
    ),
    "M3 the server's words": (
        [up()],
        {"accepted": [], "dry_runs": {pair("1.1.0"): DryRun("Invalid", "spec.x: required")}},
        "the API server refuses pods of spec.template: spec.x: required",
    ),
    "T4 missing": (
        [up(instances="8-12")],
        {},
        "spec.instances names 10-12, but the scale set has instances 0-9",
    ),
}


@pytest.mark.parametrize(("runs", "world", "wanted"), MESSAGES.values(), ids=MESSAGES)
def test_what_is_said(runs: list[UpgradeRun], world: dict[str, Any], wanted: str) -> None:
    found = consider(*runs, **world)
    assert [*(w.message for w in found.waiting), *(e.refused.message for e in found.ended)] == [wanted]


RESOLVE: dict[str, tuple[str | None, dict[str, Any], str]] = {
    "T4 latest": (None, {}, "1.1.0"),
    "T4 latest by name": ("latest", {}, "1.1.0"),
    "V3 latest is not asked for automaticOSUpgradeSupported": (
        None,
        {"versions": ("1.0.0", image_version("1.2.0", automaticOSUpgradeSupported=False))},
        "1.2.0",
    ),
    "V3 latest skips held ones": (None, {"of": scale_set(status={"heldVersions": [hold("1.1.0")]})}, "1.0.0"),
    "V3 naming one overrides the hold": ("1.1.0", {"of": scale_set(status={"heldVersions": [hold("1.1.0")]})}, "1.1.0"),
    "V5 down": ("0.9.0", {"versions": ("0.9.0", "1.0.0")}, "0.9.0"),
    "V3 an excluded one can be named": (
        "1.1.0",
        {"versions": ("1.0.0", image_version("1.1.0", excludeFromLatest=True))},
        "1.1.0",
    ),
    "V2 no version": ("01.1.0", {}, Code.INVALID_IMAGE_VERSION),
    "T4 not there": ("7.0.0", {}, Code.IMAGE_VERSION_NOT_FOUND),
    "T4 being deleted": (
        "1.1.0",
        {"versions": ("1.0.0", image_version("1.1.0", deleting=True))},
        Code.IMAGE_VERSION_NOT_FOUND,
    ),
    "T4 other OS": (
        "1.1.0",
        {"versions": ("1.0.0", image_version("1.1.0", osType="Windows"))},
        Code.OS_TYPE_MISMATCH,
    ),
    "T4 none published": (None, {"versions": ()}, Code.NO_IMAGE_VERSION),
    "T4 pinned, no name": (None, {"of": scale_set(version="1.0.0")}, "1.0.0"),
    "T4 pinned, its own": ("1.0.0", {"of": scale_set(version="1.0.0")}, "1.0.0"),
    "T4 pinned, another": ("1.1.0", {"of": scale_set(version="1.0.0")}, Code.VERSION_PINNED),
}


@pytest.mark.parametrize(("asked", "world", "wanted"), RESOLVE.values(), ids=RESOLVE)
def test_resolve(asked: str | None, world: dict[str, Any], wanted: str) -> None:
    found = target.resolve(upgrade_run(version=asked), ctx(**world))
    assert (found.version if isinstance(found, Pair) else found.code) == wanted


@pytest.mark.parametrize(
    ("replicas", "asked", "wanted"),
    [
        (10, None, "0-9"),
        (10, "0-3,7", "0-3,7"),
        (10, " 7 , 0-3", "0-3,7"),
        (0, None, ""),
        (3, "3", None),
        (0, "0", None),
    ],
    ids=lambda value: f"T4 {value}",
)
def test_members(replicas: int, asked: str | None, wanted: str | None) -> None:
    run = upgrade_run(**({"instances": asked} if asked else {}))
    found = target.members(run, ctx(scale_set(replicas)))
    assert (None if isinstance(found, Refused) else ranges.render(found)) == wanted


def reasons(run: UpgradeRun, of: Any = None, found: Queue | None = None, **world: Any) -> list[str | None]:
    seen = ctx(of, **world)
    chain = stops.reasons_to_stop(run, pair("1.1.0"), seen, wishes_of(seen), found or Queue())
    return [str(stop.code) if stop.code else None for stop in chain]


def auto(**fields: Any) -> UpgradeRun:
    return active_run(name=OURS, pending="0-9", **platform(**fields))


STOPS: dict[str, tuple[UpgradeRun, dict[str, Any], list[Code | None]]] = {
    "goes on": (auto(), {}, []),
    "F2 cancelled": (auto(desiredState="Cancelled"), {}, [Code.CANCELLED_BY_USER]),
    "F7 deleted": (auto(deleting=True), {}, [Code.CANCELLED_BY_USER]),
    "F2 a user's run too": (active_run(pending="0-9", desiredState="Cancelled"), {}, [Code.CANCELLED_BY_USER]),
    "T3 opted out": (auto(), {"of": scale_set(automatic=False)}, [Code.OPTED_OUT]),
    "T3 not users' runs": (active_run(pending="0-9"), {"of": scale_set(automatic=False)}, []),
    "T9 excluded": (
        auto(),
        {"versions": ("1.0.0", image_version("1.1.0", excludeFromLatest=True))},
        [Code.TARGET_WITHDRAWN],
    ),
    "T9 being deleted": (
        auto(),
        {"versions": ("1.0.0", image_version("1.1.0", deleting=True))},
        [Code.TARGET_WITHDRAWN],
    ),
    "T9 gone": (auto(), {"versions": ("1.0.0",)}, [Code.TARGET_WITHDRAWN]),
    "T9 only not ready ends nothing": (auto(), {"versions": ("1.0.0", image_version("1.1.0", ready=False))}, []),
    "T9 not users' runs": (active_run(pending="0-9"), {"versions": ("1.0.0",)}, []),
    "T9 pinned": (auto(), {"of": scale_set(version="1.0.0")}, [Code.PRECONDITION_LOST]),
    "T9 Windows updates itself again": (auto(), {"of": scale_set(osType="Windows")}, [Code.PRECONDITION_LOST]),
    "T9 health source removed": (auto(), {"of": scale_set(health=None)}, [Code.PRECONDITION_LOST]),
    "T5 newer version": (auto(), {"versions": ("1.0.0", "1.1.0", "1.2.0")}, [Code.SUPERSEDED]),
    "T5 a user's run": (auto(), {"found": Queue(next=up())}, [Code.SUPERSEDED]),
    "T5 not users' runs": (active_run(pending="0-9"), {"versions": ("1.0.0", "1.1.0", "1.2.0")}, []),
    "F2 paused": (auto(desiredState="Paused"), {}, [None]),
    "T5 paused is never superseded": (
        auto(desiredState="Paused"),
        {"versions": ("1.0.0", "1.1.0", "1.2.0"), "found": Queue(next=up())},
        [None],
    ),
    "T5 paused, but T3 ends it": (
        auto(desiredState="Paused"),
        {"of": scale_set(automatic=False)},
        [Code.OPTED_OUT, None],
    ),
    "B14 order": (
        auto(desiredState="Cancelled"),
        {
            "of": scale_set(automatic=False, version="1.0.0"),
            "versions": ("1.0.0", image_version("1.1.0", excludeFromLatest=True)),
            "found": Queue(next=up()),
        },
        [Code.CANCELLED_BY_USER, Code.OPTED_OUT, Code.TARGET_WITHDRAWN, Code.PRECONDITION_LOST, Code.SUPERSEDED],
    ),
}


@pytest.mark.parametrize(("run", "world", "wanted"), STOPS.values(), ids=STOPS)
def test_reasons_to_stop(run: UpgradeRun, world: dict[str, Any], wanted: list[Code | None]) -> None:
    assert reasons(run, **world) == wanted


def test_f9_after_a_lost_status_the_oldest_active_run_is_adopted() -> None:
    runs = [active_run(name="b", created=1), active_run(name="a", created=2), up("c"), finished("Completed")]
    seen = ctx(runs=runs)
    adopted = queue.to_adopt(seen)
    assert adopted is not None
    assert adopted.metadata.name == "b"
    assert [r.metadata.name for r in queue.surplus_active(seen, None)] == ["a"]


def test_t1_off_means_no_target() -> None:
    assert automatic.consider(ctx(scale_set(automatic=False))) == Automatic()
    assert instance(0).pair == pair()
