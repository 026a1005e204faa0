"""T8: what a model relies on, and how long an answer is good."""

from datetime import timedelta
from typing import Any

import pytest

from rollkeeper.engine import gates
from rollkeeper.engine.references import Reference, ReferenceCheck, of_claims, of_model
from rollkeeper.engine.snapshot import Pair

from .builders import at, ctx, pair

CONTAINER = {"name": "os"}
MODELS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing": ({}, []),
    "service account": ({"serviceAccountName": "bot"}, ["ServiceAccount bot"]),
    "priority class": ({"priorityClassName": "high"}, ["PriorityClass high"]),
    "config map volume": ({"volumes": [{"name": "a", "configMap": {"name": "app"}}]}, ["ConfigMap app"]),
    "optional volume": ({"volumes": [{"name": "a", "configMap": {"name": "app", "optional": True}}]}, []),
    "secret volume": ({"volumes": [{"name": "a", "secret": {"secretName": "tls"}}]}, ["Secret tls"]),
    "other volumes": ({"volumes": [{"name": "a", "emptyDir": {}}]}, []),
    "projected volume": (
        {
            "volumes": [
                {"name": "a", "projected": {"sources": [{"configMap": {"name": "m"}}, {"secret": {"name": "s"}}]}}
            ]
        },
        ["ConfigMap m", "Secret s"],
    ),
    "environment": (
        {"containers": [{**CONTAINER, "envFrom": [{"configMapRef": {"name": "m"}}, {"secretRef": {"name": "s"}}]}]},
        ["ConfigMap m", "Secret s"],
    ),
    "one variable": (
        {
            "containers": [
                {
                    **CONTAINER,
                    "env": [
                        {"name": "A", "value": "1"},
                        {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}},
                        {"name": "C", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}},
                    ],
                }
            ]
        },
        ["ConfigMap m"],
    ),
    "init containers, each object once": (
        {
            "initContainers": [{"name": "init", "envFrom": [{"configMapRef": {"name": "m"}}]}],
            "containers": [{**CONTAINER, "envFrom": [{"configMapRef": {"name": "m"}}]}],
        },
        ["ConfigMap m"],
    ),
}


@pytest.mark.parametrize(("spec", "wanted"), MODELS.values(), ids=MODELS)
def test_t8_what_a_model_relies_on(spec: dict[str, Any], wanted: list[str]) -> None:
    model = {"template": {"spec": {"containers": [CONTAINER], **spec}}}
    assert [str(reference) for reference in of_model(model)] == wanted


def test_t8_storage_classes_of_claims() -> None:
    templates = [{"spec": {"storageClassName": name}} for name in ("fast", "fast", "slow", "")]
    assert of_claims([*templates, {"spec": {}}]) == (
        Reference("StorageClass", "fast"),
        Reference("StorageClass", "slow"),
    )


APP = Reference("ConfigMap", "app")
HOLDS: dict[str, tuple[ReferenceCheck | None, str, bool]] = {
    # the last look, what the gate says, whether it asks to look (again)
    "never looked": (None, "CheckingReferences", True),
    "all there": (ReferenceCheck("r1", at(-5)), "", False),
    "long ago": (ReferenceCheck("r1", at(-10)), "CheckingReferences", True),
    "of another model": (ReferenceCheck("r0", at(-5)), "CheckingReferences", True),
    "missing": (ReferenceCheck("r1", at(-5), (APP,), at(1)), "MissingReference", False),
    "missing, time to look again": (ReferenceCheck("r1", at(-5), (APP,), at(0)), "MissingReference", True),
}


@pytest.mark.parametrize(("check", "reason", "asks"), HOLDS.values(), ids=HOLDS)
def test_t8_the_gate(check: ReferenceCheck | None, reason: str, asks: bool) -> None:
    checks = {"start/1.1.0": check} if check is not None else {}
    seen = ctx(references={"r1": (APP,)}, reference_checks=checks)
    blocked = gates.references_exist("1.1.0")(seen, pair("1.1.0", "r1"))
    assert (blocked.reason if blocked else "", bool(blocked and blocked.ask)) == (reason, asks)


def test_t8_a_model_without_references_is_never_asked_about() -> None:
    assert gates.references_exist("1.1.0")(ctx(references={"r1": ()}), pair("1.1.0", "r1")) is None


def test_t8_the_sentence_names_what_is_missing() -> None:
    check = ReferenceCheck("r1", at(0), (APP, Reference("PriorityClass", "high")), at(0) + timedelta(seconds=2))
    blocked = gates.missing_reference(
        ctx(references={"r1": (APP,)}, reference_checks={"x": check}), pair("1.0.0", "r1"), "x"
    )
    assert blocked is not None
    assert blocked.message.startswith("ConfigMap app, PriorityClass high is missing, and instances of version")


def test_t8_the_golden_claim_of_a_version_is_looked_for() -> None:
    """B5: where the OS disks of virtual machines are claims, a version relies on one, whatever the model does."""
    seen, wanted = ctx(references={"r1": (APP,)}), Pair("1.1.0", "claim://golden-1", "r1")
    blocked = gates.missing_reference(seen, wanted, "x")
    assert blocked is not None
    assert blocked.ask is not None
    assert blocked.ask.references == (APP, Reference("PersistentVolumeClaim", "golden-1"))
