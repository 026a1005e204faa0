"""Custom data and extensions as part of the model: order, content, what is missing (E1, E2, M1, T8)."""

from typing import Any

import pytest

from rollkeeper.api.v1alpha1 import ScaleSetSpec
from rollkeeper.engine import provisioning, revisions
from rollkeeper.engine.actions import CreateInstance, CreateRun, EnsureRevision
from rollkeeper.engine.decide import decide
from rollkeeper.engine.provisioning import Content, Missing, Source
from rollkeeper.engine.snapshot import Problem
from tests.unit.engine.builders import NOW, proven, scale_set, snapshot, upgrade_run

JsonMap = dict[str, Any]
BOOT = Source("ConfigMap", "boot", "run")
TOKEN = Source("Secret", "boot", "run")
IN_CONFIG_MAP = {"configMapKeyRef": {"name": "boot", "key": "run"}}
IN_SECRET = {"secretKeyRef": {"name": "boot", "key": "run"}}


def extension(name: str, *after: str, kind: str = "Script", **more: Any) -> JsonMap:
    what = {"script": {"inline": "true"}} if kind == "Script" else {"container": {"image": "agent"}}
    return {"name": name, "type": kind, **what, "provisionAfterExtensions": list(after), **more}


def spec(*extensions: JsonMap, **fields: Any) -> ScaleSetSpec:
    return scale_set(3, extensions=list(extensions), **fields).spec


ORDERS = {
    "as given": ((extension("b"), extension("a")), "b a"),
    "after a later one": ((extension("b", "a"), extension("a"), extension("c")), "a b c"),
    "a chain": ((extension("c", "b"), extension("b", "a"), extension("a")), "a b c"),
    "a diamond": ((extension("d", "b", "c"), extension("c", "a"), extension("b", "a"), extension("a")), "a c b d"),
}


@pytest.mark.parametrize(("extensions", "order"), ORDERS.values(), ids=ORDERS)
def test_e1_each_comes_after_those_that_it_asks_for_otherwise_as_given(
    extensions: tuple[JsonMap, ...], order: str
) -> None:
    assert [e.name for e in provisioning.ordered(spec(*extensions).extensions)] == order.split()


FAULTS: dict[str, tuple[ScaleSetSpec, dict[Source, Content | Missing], str, str]] = {
    "circle": (
        spec(extension("a", "c"), extension("b", "a"), extension("c", "b"), extension("d")),
        {},
        "InvalidExtensions",
        "extensions a, b, c wait for each other in a circle",
    ),
    "unknown name": (spec(extension("a", "x")), {}, "InvalidExtensions", "extension a comes after x, which is not"),
    "missing": (spec(customData=IN_CONFIG_MAP), {BOOT: Missing("no key run")}, "MissingReference", "no key run"),
    "not read": (spec(customData=IN_SECRET), {}, "MissingReference", "Secret boot was not read yet"),
    "script of an extension": (
        spec(extension("a", script=IN_CONFIG_MAP)),
        {BOOT: Missing("no ConfigMap boot")},
        "MissingReference",
        "no ConfigMap boot",
    ),
}


@pytest.mark.parametrize(("of", "contents", "reason", "says"), FAULTS.values(), ids=FAULTS)
def test_e1_e2_what_is_missing_or_contradictory_is_named(
    of: ScaleSetSpec, contents: dict[Source, Content | Missing], reason: str, says: str
) -> None:
    found = provisioning.fault(of, contents)
    assert found is not None
    assert found.reason == reason
    assert says in found.message


MISSING = Problem("MissingReference", "there is no ConfigMap boot")


def test_t8_no_run_starts_while_the_model_is_not_known() -> None:
    decision = decide(snapshot(model_fault=MISSING), NOW)
    assert [action for action in decision.actions if isinstance(action, CreateRun)] == []
    (write,) = (action for action in decision.actions if hasattr(action, "status"))
    blocked = next(c for c in write.status.conditions if c.type == "UpgradeBlocked")
    assert (blocked.status, blocked.reason, blocked.message) == ("True", MISSING.reason, MISSING.message)


def test_t8_a_users_run_waits() -> None:
    decision = decide(snapshot(model_fault=MISSING, runs=[upgrade_run("mine")]), NOW)
    (said,) = (a.status for a in decision.actions if getattr(a, "run", "") == "mine")
    assert (said.running_status.code, said.message) == ("Pending", MISSING.message)


def test_t8_nothing_is_made_or_stored_for_a_new_set() -> None:
    new = scale_set(3, status=proven(None))
    decision = decide(snapshot(new, {}, revision="", revisions={}, model_fault=MISSING), NOW)
    assert [a for a in decision.actions if isinstance(a, CreateInstance | EnsureRevision)] == []


def model(of: ScaleSetSpec, contents: dict[Source, Content | Missing] | None = None) -> JsonMap:
    return revisions.model_of(of, contents or {})


def test_m1_content_is_part_of_the_model_wherever_it_comes_from() -> None:
    inline = model(spec(customData={"inline": "echo"}))
    assert inline["customData"] == {"inline": "echo"}
    assert model(spec(customData=IN_CONFIG_MAP), {BOOT: Content("echo")}) == inline
    assert model(spec(customData=IN_CONFIG_MAP), {BOOT: Content("other")}) != inline


def test_m1_of_a_secret_only_the_hash_is_kept() -> None:
    made = model(spec(customData=IN_SECRET), {TOKEN: Content(sha256="ab")})
    assert made["customData"] == {**IN_SECRET, "sha256": "ab"}
    assert model(spec(customData=IN_SECRET), {TOKEN: Content(sha256="cd")}) != made


def test_m1_what_changes_no_pod_changes_no_model() -> None:
    plain = model(spec(extension("a"), extension("b", suppressFailures=False)))
    assert model(spec(extension("a"), extension("b", "a"))) == plain
    assert model(spec(extension("b", "a"), extension("a"))) == plain
    assert model(spec(extension("b"), extension("a"))) != plain
    assert model(spec(extension("a"), extension("b", suppressFailures=True))) != plain


def test_without_custom_data_and_extensions_the_model_is_as_before_they_existed() -> None:
    assert model(spec()).keys() == {"imageName", "template", "osContainerName"}


def test_each_key_is_named_once() -> None:
    both = spec(extension("a", script=IN_CONFIG_MAP), customData=IN_CONFIG_MAP)
    assert provisioning.sources(both) == (BOOT,)
