"""I4, I9: which writes of the set's status come before the acts of a decision, and which can wait."""

from typing import Any

import pytest

from rollkeeper.engine.actions import (
    Action,
    CreateInstance,
    CreateRun,
    EvictInstance,
    InstanceAction,
    SwapImage,
    WriteSet,
)
from rollkeeper.engine.decide import decide
from rollkeeper.engine.snapshot import Instance

from .builders import active_run, at, fleet, scale_set, snapshot

GONE = {o: i for o, i in fleet().items() if o != 0}
IN_PLACE = {"replacementMethod": "InPlaceIfPossible"}

ACTS: dict[str, tuple[dict[str, Any], dict[int, Instance], type[Action], bool]] = {
    "the first pod is taken down: it can wait": ({}, fleet(), EvictInstance, False),
    "a pod is made for the run: it comes first": ({}, GONE, CreateInstance, True),
    "an image is changed in place: it comes first": (IN_PLACE, fleet(), SwapImage, True),
}


def written(actions: tuple[Action, ...]) -> WriteSet:
    (write,) = [a for a in actions if isinstance(a, WriteSet)]
    return write


@pytest.mark.parametrize(("method", "instances", "act", "urgent"), ACTS.values(), ids=ACTS)
def test_i9_the_assignment_is_written_before_an_instance_is_made(
    method: dict[str, Any], instances: dict[int, Instance], act: type[Action], urgent: bool
) -> None:
    """All but the assignment stands in the status already."""
    run = active_run(inProgress="0", pending="1-9", batch=(1, "0"), policy=method)
    the_set = scale_set(status={"activeRunName": "up"})
    told = written(decide(snapshot(the_set, instances, runs=[run]), at(0)).actions).status
    the_set = the_set.model_copy(update={"status": told.model_copy(update={"versions": (), "resolved_images": ()})})
    actions = decide(snapshot(the_set, instances, runs=[run]), at(0)).actions
    assert [type(a) for a in actions if isinstance(a, InstanceAction)] == [act]
    assert written(actions).status.versions == told.versions
    assert written(actions).urgent is urgent


def test_i4_the_write_that_names_a_run_tells_of_it() -> None:
    """So that no other write has to, before the first instance is touched."""
    actions = decide(snapshot(), at(0)).actions
    (made,) = [a for a in actions if isinstance(a, CreateRun)]
    status = written(actions).status
    assert status.active_run_name == made.name
    told = {c.type: (c.status, c.reason) for c in status.conditions}
    upgrading = {"Ready": "False", "Reconciling": "True", "UpToDate": "False"}
    assert {kind: told[kind] for kind in upgrading} == {k: (s, "UpgradeInProgress") for k, s in upgrading.items()}
