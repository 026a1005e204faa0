"""The chart's rights, held against what the controllers of all tests here asked for: none is missing, none idle.

Every controller of these tests is a service account of the chart, for all namespaces or for one. This file runs last.
"""

import pytest

from hack.localcluster import LocalCluster
from tests.cluster import release
from tests.cluster.audit import Asked, AuditLog
from tests.cluster.conftest import WHOLE
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
def logs(audit: AuditLog, request: pytest.FixtureRequest) -> list[AuditLog]:
    """Of each cluster that tests ran on."""
    if not request.session.stash[WHOLE]:
        return [audit]
    virtualized: LocalCluster = request.getfixturevalue("virtualized")
    return [audit, AuditLog(virtualized.audit_log)]


@pytest.fixture(scope="module")
def calls(logs: list[AuditLog]) -> list[Asked]:
    """By the account of most tests, and by that of test_least_privilege, which is called as most people's."""
    return [call for log in logs for call in log.asked(ACCOUNT, "rollkeeper")]


def test_no_right_is_missing(calls: list[Asked]) -> None:
    """A refusal of what is granted tells nothing: roles go with their namespace, and come late to a new server."""
    refused = {call for call in calls if not call.allowed and call.right not in release.granted(call.account)}
    missing = {(c.by, c.right) for c in refused if c.right not in CLUSTERS or c.account == release.SYSTEM}
    assert missing == set(), "the chart's role lacks these"


def test_no_right_is_idle(calls: list[Asked], request: pytest.FixtureRequest) -> None:
    if not request.session.stash[WHOLE]:
        pytest.skip("only all tests of this folder together need all rights")
    used = {call.right for call in calls if call.allowed}
    idle = release.granted_at_all() - used - NEVER_CALLED.keys() - BY_CHANCE.keys()
    assert idle == set(), "nothing needed these: take them out of the role, or write the test that needs them"


def test_a_right_that_is_never_called_for_is_not_called_for(calls: list[Asked]) -> None:
    assert {call.right for call in calls} & NEVER_CALLED.keys() == set()
