"""F3, F4 b, F6, F8, T7: what a set takes note of when a run has ended."""

from datetime import timedelta
from typing import Any

import pytest

from rollkeeper.api.v1alpha1 import ScaleSetStatus
from rollkeeper.engine import ranges
from rollkeeper.engine.finish import finish
from rollkeeper.engine.reasons import Code, Hold

from .builders import at, ctx, finished, fleet, hold, image_version, platform, proven, scale_set, stamp

STOPPED, BEFORE = Code.UPGRADED_UNHEALTHY, Code.UNHEALTHY_DURING
OWN, ENVIRONMENT = {"HealthTimeout": (1, False)}, {"NodeLost": (1, True)}


def ended(code: str, error: str = "", *, world: Any = None, status: Any = None, **fields: Any) -> ScaleSetStatus:
    """The set's status after a run to 1.1.0 of a set on 1.0.0."""
    annotations, replicas = fields.pop("release", {}), fields.pop("replicas", 10)
    rest = {key: fields.pop(key) for key in ("versions",) if key in fields}
    run = finished(code, error, **fields)
    the_set = scale_set(replicas, status={"activeRunName": "up", **(status or {})}, annotations=annotations)
    return finish(the_set.status, run, ctx(the_set, world, runs=[run], **rest))


def failures(count: int) -> dict[str, Any]:
    return {"retry": [{"type": "OSImage", "target": "1.1.0", "attempt": count, "failures": count}]}


FAILED: dict[str, Any] = {"failed": "0", "rolledBack": "0", "pending": "1-9"}
HOLDS: dict[str, tuple[dict[str, Any], str | None]] = {
    "stopped by B8": ({"code": "Faulted", "error": STOPPED, "reasons": OWN, **FAILED}, Hold.UPGRADED_UNHEALTHY),
    "stopped by B8, a user's run": (
        {"code": "Faulted", "error": STOPPED, "reasons": OWN, "failed": "0", "pending": "1-9"},
        Hold.UPGRADED_UNHEALTHY,
    ),
    "stopped by B8, environment": (
        {"code": "Faulted", "error": STOPPED, "reasons": ENVIRONMENT, "failed": "0", "rollbackFailed": "0"},
        None,
    ),
    "environment, but put back it was healthy": (
        {"code": "Faulted", "error": STOPPED, "reasons": ENVIRONMENT, **FAILED},
        Hold.UPGRADED_UNHEALTHY,
    ),
    "environment and its own": (
        {"code": "Faulted", "error": STOPPED, "reasons": {**ENVIRONMENT, **OWN}, "failed": "0-1"},
        Hold.UPGRADED_UNHEALTHY,
    ),
    "completed with touched ones and no success": (
        {"code": "Completed", "reasons": OWN, "failed": "0-9", "rolledBack": "0-9"},
        Hold.UPGRADED_UNHEALTHY,
    ),
    "completed with a success": (
        {"code": "Completed", "reasons": OWN, "failed": "0-8", "rolledBack": "0-8", "succeeded": "9"},
        None,
    ),
    "completed, nothing touched": ({"code": "Completed", "skipped": "0-9"}, None),
    "stopped by B6": ({"code": "Faulted", "error": BEFORE, "reasons": OWN, **FAILED}, None),
    "cancelled by the user": (
        platform(code="Cancelled", error=Code.CANCELLED_BY_USER, succeeded="0-1", pending="2-9"),
        Hold.CANCELLED_BY_USER,
    ),
    "a user's own run cancelled": ({"code": "Cancelled", "error": Code.CANCELLED_BY_USER, "pending": "0-9"}, None),
    "T3 opted out": (platform(code="Cancelled", error=Code.OPTED_OUT, pending="0-9"), None),
    "T5 superseded": (platform(code="Cancelled", error=Code.SUPERSEDED, pending="0-9"), None),
    "T9 withdrawn": (platform(code="Cancelled", error=Code.TARGET_WITHDRAWN, pending="0-9"), None),
    "the third failure of its own in a row": (
        platform(code="Faulted", error=BEFORE, reasons=OWN, status_of_set=failures(2), attempt=3, **FAILED),
        Hold.REPEATED_FAILURE,
    ),
    "the second": (
        platform(code="Faulted", error=BEFORE, reasons=OWN, status_of_set=failures(1), attempt=2, **FAILED),
        None,
    ),
    "the third, environment": (
        platform(code="Faulted", error=BEFORE, reasons=ENVIRONMENT, status_of_set=failures(2), attempt=3, **FAILED),
        None,
    ),
    "never the proven version": (
        {"code": "Faulted", "error": STOPPED, "reasons": OWN, "status_of_set": proven("1.1.0"), **FAILED},
        None,
    ),
    "V5 a user's downgrade": ({"code": "Completed", "version": "0.9.0", "succeeded": "0-9"}, Hold.USER_DOWNGRADE),
    "V5 cancelled half way": (
        {"code": "Cancelled", "error": Code.CANCELLED_BY_USER, "version": "0.9.0", "succeeded": "0-1"},
        Hold.USER_DOWNGRADE,
    ),
    "V5 not of a subset": ({"code": "Completed", "version": "0.9.0", "succeeded": "0-1", "instances": "0-1"}, None),
    "V5 not by the platform": (platform(code="Completed", version="0.9.0", succeeded="0-9"), None),
}


@pytest.mark.parametrize(("fields", "reason"), HOLDS.values(), ids=[f"F3 {name}" for name in HOLDS])
def test_holds(fields: dict[str, Any], reason: str | None) -> None:
    given = dict(fields)
    found = ended(given.pop("code"), given.pop("error", ""), status=given.pop("status_of_set", None), **given)
    assert [h.reason for h in found.held_versions] == ([reason] if reason else [])
    for held in found.held_versions:
        assert (held.version, held.image, held.run_name) == (given.get("version", "1.1.0"), "Contoso/Web/1", "up")
        assert held.above is (reason == Hold.USER_DOWNGRADE)
        assert held.message


STAY: dict[str, tuple[list[dict[str, Any]], dict[str, Any], list[str]]] = {
    "F3 completed with a success ends it": ([hold("1.1.0")], {"succeeded": "0-9"}, []),
    "F3 other versions' stay": ([hold("1.1.0"), hold("1.2.0")], {"succeeded": "0-9"}, ["1.2.0"]),
    "F3 not by a subset": ([hold("1.1.0")], {"succeeded": "0-1", "instances": "0-1"}, ["1.1.0"]),
    "F3 released by the user": (
        [hold("1.2.0", run="r")],
        {"succeeded": "0-9", "release": {"rollkeeper.io/release-hold": "1.2.0/r"}},
        [],
    ),
    "V5 an exception": ([hold("0.9.0", above=True)], {"succeeded": "0-9"}, ["0.9.0 but 1.1.0"]),
}


@pytest.mark.parametrize(("holds", "fields", "wanted"), STAY.values(), ids=STAY)
def test_ends_of_holds(holds: list[dict[str, Any]], fields: dict[str, Any], wanted: list[str]) -> None:
    found = ended("Completed", status={"heldVersions": holds}, **fields)
    told = [h.version + (f" but {','.join(h.except_)}" if h.except_ else "") for h in found.held_versions]
    assert told == wanted


def test_f3_a_hold_is_renewed_not_doubled() -> None:
    found = ended("Faulted", STOPPED, reasons=OWN, status={"heldVersions": [hold("1.1.0", run="old")]}, **FAILED)
    assert [h.run_name for h in found.held_versions] == ["up"]


def test_f3_at_most_twenty_the_newest_stay() -> None:
    holds = [hold(f"2.{n}.0") for n in range(20)]
    found = ended("Faulted", STOPPED, reasons=OWN, status={"heldVersions": holds}, **FAILED)
    assert len(found.held_versions) == 20
    assert found.held_versions[-1].version == "1.1.0"


PROVES: dict[str, tuple[dict[str, Any], str]] = {
    "completed": ({"succeeded": "0-9", "revision": "web-rev2"}, "1.1.0 web-rev2"),
    "completed with failures": ({"succeeded": "9", "failed": "0-8", "rolledBack": "0-8"}, "1.1.0 web-rev1"),
    "on target at the start counts": ({"succeeded": "0-9", "origins": ""}, "1.1.0 web-rev1"),
    "no success": ({"skipped": "0-9"}, "1.0.0 web-rev1"),
    "a subset": ({"succeeded": "0-1", "instances": "0-1"}, "1.0.0 web-rev1"),
    "0 replicas": ({"replicas": 0}, "1.0.0 web-rev1"),
    "down, by name": ({"succeeded": "0-9", "version": "0.9.0"}, "0.9.0 web-rev1"),
    "cancelled": ({"code": "Cancelled", "error": Code.SUPERSEDED, "succeeded": "0-8"}, "1.0.0 web-rev1"),
    "stopped": ({"code": "Faulted", "error": STOPPED, "succeeded": "0-8", "failed": "9"}, "1.0.0 web-rev1"),
}


@pytest.mark.parametrize(("fields", "wanted"), PROVES.values(), ids=[f"F4b {name}" for name in PROVES])
def test_what_a_run_proves(fields: dict[str, Any], wanted: str) -> None:
    given = dict(fields)
    found = ended(given.pop("code", "Completed"), given.pop("error", ""), **given)
    assert f"{found.proven_image_version} {found.proven_model_revision}" == wanted


DELAYS = [(1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (6, 60), (40, 60)]


@pytest.mark.parametrize(("attempt", "minutes"), DELAYS, ids=[f"F8 attempt {n}" for n, _ in DELAYS])
def test_the_back_off_doubles_to_an_hour(attempt: int, minutes: int) -> None:
    (retry,) = ended("Faulted", BEFORE, pending="0-9", **platform(attempt=attempt)).retry
    assert (retry.target, retry.attempt) == ("1.1.0", attempt)
    assert retry.not_before is not None
    assert at(0) + timedelta(minutes=minutes) == retry.not_before


RETRIES: dict[str, tuple[dict[str, Any], str | None]] = {
    "by B6": (platform(code="Faulted", error=BEFORE, pending="0-9"), "later"),
    "by the environment": (
        platform(code="Faulted", error=STOPPED, reasons=ENVIRONMENT, failed="0", rollbackFailed="0"),
        "later",
    ),
    "internal error": (platform(code="Faulted", error=Code.INTERNAL, pending="0-9"), "later"),
    "held: not by itself": (platform(code="Faulted", error=STOPPED, reasons=OWN, **FAILED), "not again"),
    "a completed run ends it": (platform(code="Completed", succeeded="0-9"), None),
    "a user's completed run ends it": ({"code": "Completed", "succeeded": "0-9"}, None),
    "a user's faulted run changes nothing": ({"code": "Faulted", "error": BEFORE, "pending": "0-9"}, "as before"),
}


@pytest.mark.parametrize(("fields", "wanted"), RETRIES.values(), ids=[f"F8 {name}" for name in RETRIES])
def test_retries(fields: dict[str, Any], wanted: str | None) -> None:
    given = dict(fields)
    found = ended(given.pop("code"), given.pop("error", ""), status=failures(7), **given)
    told = ["as before" if r.attempt == 7 else "not again" if r.not_before is None else "later" for r in found.retry]
    assert told == ([wanted] if wanted else [])


LEFT: dict[str, tuple[dict[str, Any], str]] = {
    "failed and not put back": ({"failed": "0-1", "world": fleet(broken=[0, 1])}, "0-1"),
    "put back and healthy": ({"failed": "0-1", "rolledBack": "0", "world": fleet(broken=[1])}, "1"),
    "healthy since": ({"failed": "0", "world": fleet()}, ""),
    "relapsed": ({"succeeded": "0-4", "relapses": {"3": -5}, "world": fleet(broken=[3])}, "3"),
    "from before": ({"status": {"leftFailed": "5,6"}, "world": fleet(broken=[5])}, "5"),
    "scaled away": ({"failed": "9", "replicas": 9, "world": fleet(9)}, ""),
}


@pytest.mark.parametrize(("fields", "wanted"), LEFT.values(), ids=[f"T7 {name}" for name in LEFT])
def test_left_failed(fields: dict[str, Any], wanted: str) -> None:
    assert ranges.parse(ended("Faulted", BEFORE, **fields).left_failed or "") == ranges.parse(wanted)


def entry(name: str, days: float) -> dict[str, Any]:
    return {
        "runName": name,
        "runningStatus": {"code": "Completed", "completedTime": stamp(-days * 86400)},
        "progress": {},
        "startedBy": "User",
        "targetImageReference": {"version": "1.0.0"},
        "rollbackInfo": {},
    }


HISTORY: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "the first": ([], ["up"]),
    "newest first": ([entry("b", 1), entry("a", 2)], ["up", "b", "a"]),
    "five": ([entry(f"r{n}", n) for n in range(5)], ["up", "r0", "r1", "r2", "r3"]),
    "two months": ([entry("b", 59), entry("a", 61)], ["up", "b"]),
    "safe to repeat": ([entry("up", 0), entry("a", 2)], ["up", "a"]),
}


@pytest.mark.parametrize(("before", "names"), HISTORY.values(), ids=[f"F6 {name}" for name in HISTORY])
def test_history(before: list[dict[str, Any]], names: list[str]) -> None:
    found = ended("Completed", succeeded="0-8", failed="9", rolledBack="9", status={"osUpgradeHistory": before})
    assert [e.run_name for e in found.os_upgrade_history] == names


def test_f9_the_run_is_let_go_of_and_all_stands_in_one_write() -> None:
    found = ended("Faulted", STOPPED, reasons=OWN, world=fleet(broken=[0]), **platform(**FAILED))
    assert found.active_run_name is None
    assert found.held_versions
    assert found.os_upgrade_history
    assert found.left_failed == "0"


def test_f9_a_run_that_ended_before_it_started_leaves_nothing_else() -> None:
    run = finished("Faulted", Code.UNHEALTHY_BEFORE, pending="0-9")
    run = run.model_copy(update={"status": run.status.model_copy(update={"instances": None})})
    the_set = scale_set(status={"activeRunName": "up"})
    found = finish(the_set.status, run, ctx(the_set, versions=[image_version("1.1.0")]))
    assert found == the_set.status.model_copy(update={"active_run_name": None})
