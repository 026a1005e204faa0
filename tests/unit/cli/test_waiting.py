"""When a wait is over, and with which exit code."""

import pytest

from rollkeeper.cli.plugin.waiting import Course, Verdict
from tests.unit.cli.objects import Json, condition, ended, run, scale_set

RUN = "web-1-2-0-x7k2p"


def _up_to_date(status: str, reason: str, message: str = "m", **more: object) -> Json:
    return scale_set(status={"conditions": [condition("UpToDate", status, reason, message)], **more})


@pytest.mark.parametrize(("code", "exit_code"), [("Completed", 0), ("Faulted", 1), ("Cancelled", 2)])
def test_the_end_of_a_run(code: str, exit_code: int) -> None:
    verdict = Course(RUN).step(None, [ended(RUN, code, "1.2.0", error={"code": "X", "message": "because"})])
    assert isinstance(verdict, Verdict)
    assert (verdict.code, verdict.message) == (exit_code, f"{RUN}: {code} 5/5: because")


def test_a_run_at_work_says_what_it_does() -> None:
    assert Course(RUN).step(None, [run()]) == f"{RUN}: RollingForward 2/5: batch 3: replacing 2"


def test_a_run_that_was_deleted() -> None:
    verdict = Course(RUN).step(None, [])
    assert isinstance(verdict, Verdict)
    assert verdict.code == 4


def test_a_set_is_followed_to_the_end_of_its_run() -> None:
    """The set forgets its run when that ends: the course remembers it."""
    course = Course()
    active = _up_to_date("False", "UpgradeInProgress", activeRunName=RUN)
    assert isinstance(course.step(active, [run()]), str)
    verdict = course.step(_up_to_date("False", "VersionHeld"), [ended(RUN, "Faulted", "1.2.0")])
    assert isinstance(verdict, Verdict)
    assert verdict.code == 1


def test_what_supersedes_a_run_is_followed_next() -> None:
    course = Course()
    active = _up_to_date("False", "UpgradeInProgress", activeRunName=RUN)
    course.step(active, [run()])
    over = ended(RUN, "Cancelled", "1.2.0", error={"code": "Superseded", "message": "by 1.3.0"})
    assert isinstance(course.step(active, [over]), str)
    next_run = "web-1-3-0-aaaaa"
    active = _up_to_date("False", "UpgradeInProgress", activeRunName=next_run)
    assert course.step(active, [over, run(next_run)]) == f"{next_run}: RollingForward 2/5: batch 3: replacing 2"


def test_a_set_that_is_up_to_date() -> None:
    verdict = Course().step(_up_to_date("True", "UpToDate", "every instance runs 1.1.0"), [])
    assert verdict == Verdict(0, "web: every instance runs 1.1.0")


@pytest.mark.parametrize("reason", ["VersionHeld", "InstancesLeftBehind", "WouldDowngrade"])
def test_a_set_that_waits_for_a_person_is_not_waited_for(reason: str) -> None:
    verdict = Course().step(_up_to_date("False", reason), [])
    assert isinstance(verdict, Verdict)
    assert verdict.code == 1


@pytest.mark.parametrize(("automatic", "waits"), [(True, True), (False, False)])
def test_a_newer_version_is_waited_for_where_it_is_rolled_out_by_itself(*, automatic: bool, waits: bool) -> None:
    raw = _up_to_date("False", "NewerVersionAvailable")
    raw["spec"]["upgradePolicy"]["automaticOSUpgradePolicy"]["enableAutomaticOSUpgrade"] = automatic
    assert isinstance(Course().step(raw, []), str) == waits


def test_a_spec_that_nobody_has_looked_at_is_waited_for() -> None:
    raw = _up_to_date("True", "UpToDate")
    raw["metadata"]["generation"] = 4
    assert "has not looked" in str(Course().step(raw, []))


def test_a_pending_run_and_a_changed_model_are_waited_for() -> None:
    waiting = run(code="Pending", status={"message": "waits for UpgradeRun other"})
    assert "waits for UpgradeRun other" in str(Course().step(_up_to_date("True", "UpToDate"), [waiting]))
    assert isinstance(Course().step(_up_to_date("True", "UpToDate", modelRevision="web-m2"), []), str)


def test_a_set_that_was_deleted() -> None:
    verdict = Course().step(None, [])
    assert isinstance(verdict, Verdict)
    assert verdict.code == 4
