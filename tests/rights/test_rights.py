"""The chart's rights, held against what the controllers of all cluster tests asked for: none is missing, none idle.

Every controller of those tests is a service account of the chart, for all namespaces or for one. `make test` runs this
when they are over, with the audit logs of all their clusters: only all of them together need all rights.
"""

import os
from pathlib import Path

import pytest

from tests.cluster import release
from tests.cluster.audit import Asked, AuditLog
from tests.cluster.conftest import KEPT_LOGS
from tests.cluster.release import ACCOUNT, Right

CLUSTERS = {
    Right("storage.k8s.io", "storageclasses", "get"),
    Right("scheduling.k8s.io", "priorityclasses", "get"),
}
"""Asked for by a controller of one namespace too, and taken as there when that is refused (T8)."""

BY_CHANCE = {
    Right("rollkeeper.io", "scalesets", "get"): "read again when somebody else wrote first",
    Right("rollkeeper.io", "upgraderuns", "get"): "as above",
    Right("rollkeeper.io", "imageversions", "get"): "as above, before its first use (V7)",
    Right("apps", "controllerrevisions", "get"): "read when the answer to a create was lost",
    Right("", "pods", "get"): "as above",
    Right("events.k8s.io", "events", "patch"): "an Event that repeats within minutes",
}
"""Needed when calls race or answers are lost, which no test here brings about for sure."""

NEVER_CALLED = {
    Right("rollkeeper.io", "scalesets/finalizers", "update"): (
        "asked for by the admission plugin OwnerReferencesPermissionEnforcement, which is on here: without this right "
        "no pod could be made"
    ),
}


@pytest.fixture(scope="module")
def calls() -> list[Asked]:
    """By the account of most tests, and by that of test_least_privilege, which is called as most people's."""
    logs = sorted(Path(os.environ[KEPT_LOGS]).iterdir())
    assert logs, "run tests/cluster first, whole, with the same variable: make test does"
    return [call for log in logs for call in AuditLog(log).asked(ACCOUNT, "rollkeeper")]


def test_no_right_is_missing(calls: list[Asked]) -> None:
    """A refusal of what is granted tells nothing: roles go with their namespace, and come late to a new server."""
    refused = {call for call in calls if not call.allowed and call.right not in release.granted(call.account)}
    missing = {(c.by, c.right) for c in refused if c.right not in CLUSTERS or c.account == release.SYSTEM}
    assert missing == set(), "the chart's role lacks these"


def test_no_right_is_idle(calls: list[Asked]) -> None:
    used = {call.right for call in calls if call.allowed}
    idle = release.granted_at_all() - used - NEVER_CALLED.keys() - BY_CHANCE.keys()
    assert idle == set(), "nothing needed these: take them out of the role, or write the test that needs them"


def test_a_right_that_is_never_called_for_is_not_called_for(calls: list[Asked]) -> None:
    assert {call.right for call in calls} & NEVER_CALLED.keys() == set()
