"""May a run start? T2, F8, T6, M3: in this order, with the numbers and what to do. And T1, sentence by sentence."""

from typing import Any

import pytest

from rollkeeper.engine import automatic, gates, ranges
from rollkeeper.engine.platform import is_ours, next_attempt, run_name
from rollkeeper.engine.reasons import Wait
from rollkeeper.engine.snapshot import DryRun

from .builders import (
    at,
    ctx,
    fleet,
    hold,
    image_version,
    instance,
    new_pod,
    pair,
    platform,
    proven,
    scale_set,
    stamp,
    unhealthy,
    upgrade_run,
)

RETRY = {"type": "OSImage", "target": "1.1.0", "attempt": 2, "notBefore": stamp(120)}


def consider(seconds: float = 0, instances: Any = None, **fields: Any) -> automatic.Automatic:
    """What automatic upgrades make of a set on 1.0.0, with 1.1.0 published."""
    rest = {key: fields.pop(key) for key in ("versions", "accepted", "dry_runs", "revision") if key in fields}
    return automatic.consider(ctx(scale_set(**fields), instances, seconds=seconds, **rest))


DUE: dict[str, tuple[dict[str, Any], str | None]] = {
    "newer version": ({}, "1.1.0"),
    "the highest": ({"versions": ("1.0.0", "1.1.0", "1.10.0", "1.9.0")}, "1.10.0"),
    "switched off": ({"automatic": False}, None),
    "pinned": ({"version": "1.1.0"}, None),
    "nothing newer": ({"versions": ("1.0.0",)}, None),
    "V5 latest is lower than proven": ({"versions": ("0.9.0",)}, None),
    "the newer one is held": ({"status": {"heldVersions": [hold("1.1.0")]}}, None),
    "not supported": ({"versions": ("1.0.0", image_version("1.1.0", automaticOSUpgradeSupported=False))}, None),
    "excluded": ({"versions": ("1.0.0", image_version("1.1.0", excludeFromLatest=True))}, None),
    "replicas 0": ({"replicas": 0}, None),
    "every instance is there already": ({"instances": fleet(version="1.1.0")}, None),
    "one instance lower": ({"instances": fleet(version="1.1.0", made={3: instance(3, "1.0.0")})}, "1.1.0"),
    "only a protected one is lower": (
        {"instances": fleet(version="1.1.0", made={3: instance(3, "1.0.0", protected=True)})},
        None,
    ),
    "all protected": ({"instances": fleet(protected=range(10))}, None),
    "only instances that are scaled in are lower": (
        {"instances": {**fleet(version="1.1.0"), 10: instance(10, "1.0.0")}},
        None,
    ),
    "left behind by a completed run": (
        {"status": proven("1.1.0"), "instances": fleet(version="1.1.0", made={3: instance(3, "1.0.0")})},
        None,
    ),
    "left behind, something newer": (
        {
            "status": proven("1.1.0"),
            "instances": fleet(version="1.1.0", made={3: instance(3, "1.0.0")}),
            "versions": ("1.0.0", "1.1.0", "1.2.0"),
        },
        "1.2.0",
    ),
    "an unhealthy one is lower": ({"replicas": 1, "instances": fleet(1, broken=[0])}, "1.1.0"),
}


@pytest.mark.parametrize(("fields", "version"), DUE.values(), ids=[f"T1 {name}" for name in DUE])
def test_a_run_is_due(fields: dict[str, Any], version: str | None) -> None:
    found = consider(**fields)
    assert (found.due and found.due.version) == version
    if found.due is not None:
        assert found.due == pair(found.due.version)


UNPROVEN = {**proven(None), "creationVersion": "1.1.0", "creationModelRevision": pair().revision}
FIRST: dict[str, tuple[dict[str, Any], str | None]] = {
    "healthy on another version": ({"status": UNPROVEN}, "1.1.0"),
    "unhealthy ones follow at once, not by a run": (
        {"status": UNPROVEN, "instances": fleet(version="1.1.0", made={3: unhealthy(3, "1.0.0")})},
        None,
    ),
    "healthy on a higher version follows too": (
        {"status": UNPROVEN, "instances": fleet(version="1.1.0", made={3: instance(3, "1.2.0")})},
        "1.1.0",
    ),
    "not chosen yet": ({"status": {**proven(None), "creationVersion": "1.0.0"}}, None),
}


@pytest.mark.parametrize(("fields", "version"), FIRST.values(), ids=[f"F4b {name}" for name in FIRST])
def test_while_nothing_is_proven(fields: dict[str, Any], version: str | None) -> None:
    found = consider(**fields)
    assert (found.due and found.due.version) == version


WINDOWS: dict[str, Any] = {
    "osType": "Windows",
    "versions": tuple(image_version(version, osType="Windows") for version in ("1.0.0", "1.1.0")),
}
NOT_SEEN: dict[str, Any] = {"accepted": []}
BLOCKED: dict[str, tuple[dict[str, Any], Wait | None, str]] = {
    "nothing in the way": ({}, None, ""),
    "T2 no health source": ({"health": None}, Wait.NO_HEALTH_SOURCE, "set spec.health.source to Probe"),
    "T2 Windows updates itself": (
        {**WINDOWS, "windowsConfiguration": {}},
        Wait.UPDATES_ITSELF,
        "enableAutomaticUpdates: false",
    ),
    "T2 Windows does so unless told": (WINDOWS, Wait.UPDATES_ITSELF, "enableAutomaticUpdates: false"),
    "E4 Windows does not": ({**WINDOWS, "windowsConfiguration": {"enableAutomaticUpdates": False}}, None, ""),
    "F8 back-off": ({"status": {"retry": [RETRY]}}, Wait.BACK_OFF, "attempt 2 at 1.1.0 failed: next at 12:02:00 UTC"),
    "F8 back-off is over": ({"status": {"retry": [RETRY]}, "seconds": 120}, None, ""),
    "F8 of another target": ({"status": {"retry": [{**RETRY, "target": "1.2.0"}]}}, None, ""),
    "T6 20% exactly passes": ({"instances": fleet(broken=[1, 2])}, None, ""),
    "T6 over the limit": (
        {"instances": fleet(broken=[1, 2, 3])},
        Wait.UNHEALTHY,
        "3 of 10 instances unhealthy (30%, limit 20%)",
    ),
    "T6 says what mends it": (
        {"instances": fleet(broken=[1, 2, 3])},
        Wait.UNHEALTHY,
        "create an UpgradeRun with spec.scaleSetName: web",
    ),
    "T6 missing ones count": ({"instances": fleet(missing=[1, 2, 3])}, Wait.UNHEALTHY, "3 of 10"),
    "T6 protected ones count": ({"instances": fleet(broken=[1, 2, 3], protected=[1])}, Wait.UNHEALTHY, "3 of 10"),
    "T6 starting ones do not": (
        {"status": {"starting": "0-2"}, "instances": fleet(made={o: new_pod(o, "1.0.0") for o in range(3)})},
        None,
        "",
    ),
    "T6 starting ones leave the total": (
        {"status": {"starting": "0"}, "instances": fleet(broken=[8, 9], made={0: new_pod(0, "1.0.0")})},
        Wait.UNHEALTHY,
        "2 of 9 instances unhealthy (22.2%, limit 20%)",
    ),
    "T6 own limit": (
        {"rolling": {"maxUnhealthyInstancePercent": 0}, "instances": fleet(broken=[1])},
        Wait.UNHEALTHY,
        "1 of 10 instances unhealthy (10%, limit 0%)",
    ),
    "T7 left failed by an earlier run": (
        {"status": {"leftFailed": "1-2"}, "instances": fleet(broken=[1, 2, 3, 4])},
        None,
        "",
    ),
    "T7 no others": (
        {"status": {"leftFailed": "1"}, "instances": fleet(broken=[1, 2, 3, 4])},
        Wait.UNHEALTHY,
        "3 of 10",
    ),
    "M3 not asked yet": (NOT_SEEN, Wait.CHECKING_MODEL, "asking the API server"),
    "M3 refused in the server's words": (
        {**NOT_SEEN, "dry_runs": {pair("1.1.0"): DryRun("Invalid", "spec.x: required")}},
        Wait.MODEL_REFUSED,
        "spec.x: required",
    ),
    "M3 not now": (
        {**NOT_SEEN, "dry_runs": {pair("1.1.0"): DryRun("Forbidden", "quota", at(15))}},
        Wait.MODEL_REFUSED,
        "quota",
    ),
    "T2 before F8": ({"health": None, "status": {"retry": [RETRY]}}, Wait.NO_HEALTH_SOURCE, ""),
    "F8 before T6": ({"status": {"retry": [RETRY]}, "instances": fleet(broken=[1, 2, 3])}, Wait.BACK_OFF, ""),
    "T6 before M3": ({**NOT_SEEN, "instances": fleet(broken=[1, 2, 3])}, Wait.UNHEALTHY, ""),
}


@pytest.mark.parametrize(("fields", "reason", "said"), BLOCKED.values(), ids=BLOCKED)
def test_why_a_due_run_does_not_start(fields: dict[str, Any], reason: Wait | None, said: str) -> None:
    found = consider(**fields)
    assert found.due == pair("1.1.0")
    assert (found.blocked and found.blocked.reason) == reason
    if found.blocked is not None:
        assert said in found.blocked.message


@pytest.mark.parametrize(
    ("fields", "until"),
    [
        pytest.param({"status": {"retry": [RETRY]}}, 120, id="F8"),
        pytest.param({**NOT_SEEN, "dry_runs": {pair("1.1.0"): DryRun("Forbidden", "", at(15))}}, 15, id="M3"),
    ],
)
def test_it_is_looked_at_again_in_time(fields: dict[str, Any], until: float) -> None:
    blocked = consider(**fields).blocked
    assert blocked is not None
    assert blocked.until == at(until)


def test_t6_the_share_is_none_where_the_limit_is_kept() -> None:
    assert gates.is_healthy_enough(ctx(instances=fleet(broken=[1, 2])), exempt=frozenset()) is None


JOINED = scale_set(status={"starting": "0"})
COUNTS: dict[str, tuple[dict[str, Any], str, str, int]] = {
    "all healthy": ({}, "", "", 10),
    "unhealthy": ({"instances": fleet(broken=[1, 2])}, "1-2", "", 10),
    "missing": ({"instances": fleet(missing=[1])}, "1", "", 10),
    "never given anything": ({"instances": fleet(missing=[9]), "assigned": range(9)}, "", "9", 9),
    "starting": ({"of": JOINED, "instances": fleet(made={0: new_pod(0, "1.0.0")})}, "", "0", 9),
    "above replicas": ({"instances": {**fleet(), 11: unhealthy(11)}}, "", "", 10),
    "terminating": ({"instances": fleet(made={0: instance(0, terminating=True)})}, "0", "", 10),
}


@pytest.mark.parametrize(
    ("fields", "bad", "starting", "total"), COUNTS.values(), ids=[f"section 0 {k}" for k in COUNTS]
)
def test_who_counts(fields: dict[str, Any], bad: str, starting: str, total: int) -> None:
    found = ctx(**fields)
    assert ranges.render(found.unhealthy) == bad
    assert ranges.render(found.starting) == starting
    assert found.total == total


def test_f8_a_name_is_fixed_by_set_target_and_attempt() -> None:
    a_set = scale_set()
    name = run_name(a_set, "1.1.0", 1)
    assert name == run_name(a_set, "1.1.0", 1)
    assert name.startswith("web-1-1-0-")
    assert len(name) == len("web-1-1-0-") + 5
    other_uid = a_set.model_copy(update={"metadata": a_set.metadata.model_copy(update={"uid": "other"})})
    others = {run_name(a_set, "1.1.0", 2), run_name(a_set, "1.1.1", 1)}
    others.add(run_name(other_uid, "1.1.0", 1))
    assert len(others | {name}) == 4


def named(attempt: int, version: str = "1.1.0") -> str:
    return run_name(scale_set(), version, attempt)


def made(attempt: int, version: str = "1.1.0", **fields: Any) -> Any:
    return upgrade_run(named(attempt, version), version, **platform(attempt=attempt, target=version, **fields))


ATTEMPTS: dict[str, tuple[list[Any], list[dict[str, Any]], int]] = {
    "the first": ([], [], 1),
    "recorded": ([], [RETRY], 3),
    "a run exists": ([made(4)], [], 5),
    "the highest of all": ([made(1), made(3)], [RETRY], 4),
    "of another target": ([made(4, "1.2.0")], [{**RETRY, "target": "1.2.0"}], 1),
    "a user's run does not count": ([upgrade_run("web-1-1-0-x", "1.1.0")], [], 1),
    "not ours by its name": ([upgrade_run("other", "1.1.0", **platform(attempt=7))], [], 1),
}


@pytest.mark.parametrize(("runs", "retry", "attempt"), ATTEMPTS.values(), ids=[f"F8 {name}" for name in ATTEMPTS])
def test_attempts_only_grow(runs: list[Any], retry: list[dict[str, Any]], attempt: int) -> None:
    found = ctx(scale_set(status={"retry": retry}), runs=runs)
    assert next_attempt(found, "1.1.0") == attempt


OURS: dict[str, tuple[Any, bool]] = {
    "ours": (made(1), True),
    "by a user": (upgrade_run(named(1), "1.1.0"), False),
    "another name": (upgrade_run("mine", "1.1.0", **platform()), False),
    "without the owner": (upgrade_run(named(1), "1.1.0", **platform(owners=[])), False),
    "of another attempt": (upgrade_run(named(1), "1.1.0", **platform(attempt=2)), False),
    "without a version": (upgrade_run(named(1), None, **platform()), False),
}


@pytest.mark.parametrize(("run", "wanted"), OURS.values(), ids=[f"T1 {name}" for name in OURS])
def test_platform_counts_only_with_name_and_owner(run: Any, wanted: bool) -> None:
    assert is_ours(run, ctx()) is wanted
