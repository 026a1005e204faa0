"""H4: answers in a row, and the state they add up to; H1 and H2 with it: who is healthy, and when the clocks run."""

from typing import Any

import pytest

from rollkeeper.api.v1alpha1.health import ApplicationHealth, Health
from rollkeeper.api.v1alpha1.scale_set import RollingUpgradePolicy
from rollkeeper.engine import application, gates, health, queue, run
from rollkeeper.engine.application import Answer, Course
from rollkeeper.engine.health import Failed, Waiting
from rollkeeper.engine.platform import consider as wishes_of
from rollkeeper.engine.reasons import Wait
from rollkeeper.engine.snapshot import Application, ApplicationState, Instance

from .builders import at, ctx, fleet, instance, new_pod, pair, scale_set, state, upgrade_run

YES, NO, WHO = (Answer(word, f"said {word}") for word in ("Healthy", "Unhealthy", "Unknown"))
NOBODY = Answer("Unhealthy", "refused", silent=True)


def asked(**fields: Any) -> ApplicationHealth:
    return ApplicationHealth.model_validate({"protocol": "HTTP", "port": 80, "requestPath": "/", **fields})


def states(answers: list[Answer], probes: int, first: ApplicationState, grace: int = 0) -> list[str]:
    """The state after each answer; the grace period is over after `grace` of them."""
    course, found = Course(first), []
    for number, answer in enumerate(answers):
        course = application.after(course, answer, asked(numberOfProbes=probes), initializing=number < grace)
        found.append(course.state[:4])
    return found


# Answers, numberOfProbes, the state before, answers within the grace period, and the states.
COURSES: dict[str, tuple[list[Answer], int, ApplicationState, int, str]] = {
    "one is enough": ([YES, NO, WHO, YES], 1, "Healthy", 0, "Heal Unhe Unkn Heal"),
    "three in a row": ([NO, NO, NO, YES, YES, YES], 3, "Healthy", 0, "Heal Heal Unhe Unhe Unhe Heal"),
    "a row is broken by another answer": ([NO, NO, YES, NO, NO, NO], 3, "Healthy", 0, "Heal Heal Heal Heal Heal Unhe"),
    "unknown breaks it too": ([NO, WHO, NO, WHO, WHO], 2, "Healthy", 0, "Heal Heal Heal Heal Unkn"),
    "nobody there is unhealthy like any other": ([NOBODY, NO], 2, "Healthy", 0, "Heal Unhe"),
    "settles within the grace period": ([YES, YES], 2, "Initializing", 9, "Init Heal"),
    "settles on unhealthy within the grace period": ([NO, NO], 2, "Initializing", 9, "Init Unhe"),
    "nobody there does not settle": ([NOBODY, NOBODY, YES], 1, "Initializing", 9, "Init Init Heal"),
    "unknown does not settle": ([WHO, WHO, YES], 1, "Initializing", 9, "Init Init Heal"),
    "after the grace period it does": ([NOBODY, NOBODY, NOBODY], 1, "Initializing", 2, "Init Init Unhe"),
    "a row that began in the grace period counts": ([NOBODY] * 4, 3, "Initializing", 3, "Init Init Init Unhe"),
    "nothing in a row when the grace period ends": ([YES, NO, YES], 2, "Initializing", 2, "Init Init Unkn"),
    "never Initializing again": ([NO, NOBODY, WHO], 1, "Healthy", 9, "Unhe Unhe Unkn"),
}


@pytest.mark.parametrize(("answers", "probes", "first", "grace", "wanted"), COURSES.values(), ids=COURSES)
def test_h4_course(answers: list[Answer], probes: int, first: ApplicationState, grace: int, wanted: str) -> None:
    assert " ".join(states(answers, probes, first, grace)) == wanted


def test_h4_the_message_says_what_was_seen_and_how_often() -> None:
    course = Course("Healthy", "HTTP 200")
    for _ in range(3):
        course = application.after(course, Answer("Unhealthy", "HTTP 503"), asked(numberOfProbes=3), initializing=False)
    assert course.message == "HTTP 503, 3 times"
    other = application.after(course, Answer("Unhealthy", "HTTP 500"), asked(numberOfProbes=3), initializing=False)
    assert other.message == "HTTP 503, 3 times", "the state is the same: nothing new is told"


def test_h4_what_did_not_settle_says_so() -> None:
    how = asked(numberOfProbes=3, gracePeriodSeconds=60)
    course = application.after(Course(), NOBODY, how, initializing=False)
    assert course == Course("Unknown", "nothing settled within the grace period of 60s; last: refused", "Unhealthy", 1)


def test_h4_the_grace_period_is_interval_times_probes_unless_given() -> None:
    assert asked(intervalSeconds=10, numberOfProbes=3).grace == 30
    assert asked(gracePeriodSeconds=0).grace == 0
    assert application.in_grace(asked(gracePeriodSeconds=10), at(0), at(9.9))
    assert not application.in_grace(asked(gracePeriodSeconds=10), at(0), at(10))


def test_h4_silence_is_unknown_in_mode_rich_alone() -> None:
    assert application.silence(asked(), "x") == Answer("Unhealthy", "x", silent=True)
    assert application.silence(asked(mode="Rich"), "x") == Answer("Unknown", "x", silent=True)


def test_h4_the_state_in_the_pod_is_gone_on_from() -> None:
    assert application.begin(None) == Course("Initializing")
    assert application.begin(Application("Unhealthy", at(0), "why")) == Course("Unhealthy", "why")


# --- one instance -----------------------------------------------------------------------------------------------------

SOURCE = Health(source="ApplicationHealth", application_health=asked(gracePeriodSeconds=20))
POLICY = RollingUpgradePolicy(provisioning_timeout_seconds=60, health_timeout_seconds=30)


def says(state: ApplicationState, seconds: float = -100) -> Application:
    return Application(state, at(seconds), f"HTTP 503, {state}")


def started(ago: float, state: ApplicationState | None = None, settled: float | None = None, **fields: Any) -> Instance:
    """Ready, made two seconds before its OS container started; its application was found so just then."""
    return new_pod(
        0,
        age=ago + 2,
        running=True,
        first_started=at(-ago),
        running_since=at(-ago),
        **{"ready": True, "ready_since": at(-ago), **fields},
        application=says(state, -ago) if state else None,
        application_settled=at(settled) if settled is not None else None,
    )


HEALTHY: dict[str, tuple[Instance, bool]] = {
    "ready and healthy": (instance(0, application=says("Healthy")), True),
    "healthy, not ready": (instance(0, ready=False, application=says("Healthy")), False),
    "healthy, does not run": (instance(0, running=False, application=says("Healthy")), False),
    "unhealthy": (instance(0, application=says("Unhealthy")), False),
    "unknown": (instance(0, application=says("Unknown")), False),
    "initializing": (instance(0, application=says("Initializing")), False),
    "not asked": (instance(0), False),
}


@pytest.mark.parametrize(("seen", "wanted"), HEALTHY.values(), ids=HEALTHY)
def test_h1_healthy_by_application(seen: Instance, wanted: bool) -> None:
    assert health.is_healthy(seen, SOURCE) is wanted
    assert health.is_healthy(seen, Health(source="Probe")) is (seen.ready and seen.running), "it counts there alone"


# What is seen, and: the seconds until its clock runs out (None: nobody can tell), or the reason that it failed for.
VERDICTS: dict[str, tuple[Instance, str | float | None]] = {
    "initializing: the clock stands": (started(15, "Initializing"), 35),
    "initializing, over: the clock runs from the end of the grace period": (started(49, "Unknown", -29), 1),
    "initializing for ever": (started(50, "Initializing"), "ApplicationInitializing"),
    "settled early: the clock runs from then": (started(15, "Unhealthy", -10), 20),
    "settled early, failed": (started(40, "Unhealthy", -30), "ApplicationUnhealthy"),
    "settled late: from the end of the grace period": (started(45, "Unknown", -10), 5),
    "unknown": (started(60, "Unknown", -39), "ApplicationUnknown"),
    "not asked yet": (started(5), None),
    "not asked while the controller was away": (started(5000), None),
    "not ready: the pod's fault, asked or not": (started(5000, ready=False, ready_since=None), "HealthTimeout"),
    "not started": (new_pod(0, age=60), "ProvisioningTimeout"),
}


@pytest.mark.parametrize(("seen", "wanted"), VERDICTS.values(), ids=VERDICTS)
def test_h2_and_h4_judge_by_application(seen: Instance, wanted: str | float | None) -> None:
    verdict = health.judge(seen, POLICY, SOURCE, at(0))
    if isinstance(verdict, Failed):
        assert verdict.problem.reason == wanted
        assert verdict.problem.message
    else:
        assert isinstance(verdict, Waiting)
        assert (verdict.until and (verdict.until - at(0)).total_seconds()) == wanted


def test_h2_creation_plus_both_clocks_and_the_grace_period_is_the_end() -> None:
    """H2, H4: a container that starts late, or anew and anew, gets no more than that."""
    late = new_pod(
        0,
        age=110,
        running=True,
        first_started=at(-1),
        ready=True,
        application=says("Unhealthy"),
        application_settled=at(0),
    )
    verdict = health.judge(late, POLICY, SOURCE, at(0))
    assert isinstance(verdict, Failed)


def test_h2_min_healthy_seconds_count_from_the_application_too() -> None:
    policy = POLICY.model_copy(update={"min_healthy_seconds": 10})
    ready = instance(0, ready_since=at(-60), application=says("Healthy", -4))
    verdict = health.judge(ready, policy, SOURCE, at(0))
    assert isinstance(verdict, Waiting)
    assert verdict.until == at(6)


def test_h5_the_kubelets_word_comes_first() -> None:
    seen = started(5, "Unhealthy", -3)
    problem = health.problem_of(seen, SOURCE)
    assert problem is not None
    assert (problem.reason, problem.message) == ("ApplicationUnhealthy", "HTTP 503, Unhealthy")
    assert health.problem_of(seen, Health(source="Probe")) is None


# --- a set ------------------------------------------------------------------------------------------------------------

SET = {"health": SOURCE.to_json()}


def test_h4_a_set_that_was_not_read_waits() -> None:
    """T6, H4: whoever was not asked yet is neither in order nor a reason to stop."""
    seen = fleet(made={o: instance(o, application=says("Healthy")) for o in range(7)})
    found = ctx(scale_set(**SET), seen)
    assert (found.unread, found.unhealthy) == (frozenset({7, 8, 9}), frozenset({7, 8, 9}))
    blocked = gates.set_is_healthy(exempt=frozenset())(found, found.runs_now(0))
    assert blocked is not None
    assert (blocked.reason, blocked.until) == (Wait.HEALTH_NOT_READ, None)
    assert "instances 7-9" in blocked.message


def test_h4_instances_that_start_are_not_waited_for() -> None:
    seen = fleet(made={o: instance(o, application=says("Healthy")) for o in range(9)} | {9: started(1)})
    found = ctx(scale_set(**SET, status={"starting": "9"}), seen)
    assert (found.unread, found.starting) == (frozenset(), frozenset({9}))


def test_h4_a_users_run_waits_and_does_not_fail() -> None:
    """T6, H4: three of ten are too many to start with, if they are unhealthy; but nobody knows."""
    seen = fleet(made={o: instance(o, application=says("Healthy")) for o in range(7)})
    found = ctx(scale_set(**SET), seen, runs=[upgrade_run("up"), upgrade_run("later", created=1)])
    waiting = queue.consider(found, wishes_of(found), None)
    assert (waiting.next, waiting.ended) == (None, ())
    assert [(w.run.metadata.name, w.reason) for w in waiting.waiting] == [
        ("up", Wait.HEALTH_NOT_READ),
        ("later", Wait.RUN_PENDING),
    ]


def upgraded(*ordinals: int, state: ApplicationState | None = "Healthy") -> dict[int, Instance]:
    said = says(state) if state else None
    return {o: instance(o, "1.1.0", made_by="up/0/Forward", application=said) for o in ordinals}


def test_h4_no_batch_starts_before_all_are_read() -> None:
    """B6, H4: the run goes on where it was when they are."""
    seen = {**upgraded(0, 1), **{o: instance(o) for o in range(2, 10)}}
    advanced = run.advance(state(succeeded="0-1", pending="2-9"), ctx(scale_set(**SET), seen), ())
    assert (advanced.end, advanced.state.batch, advanced.look.until) == (None, None, None)
    assert "instances 2-9" in advanced.look.message


def test_h4_who_was_not_asked_has_not_relapsed() -> None:
    """B8, H4: no clock begins, and one that runs does not end it."""
    seen = {**upgraded(0, 1, state=None), **{o: instance(o, application=says("Healthy")) for o in range(2, 10)}}
    running = state(succeeded="0-1", pending="2-9", relapses={"0": -5000})
    advanced = run.advance(running, ctx(scale_set(**SET), seen), ())
    assert (advanced.end, set(advanced.state.relapses), advanced.state.tally.failed) == (None, {0}, frozenset())


def test_h4_who_was_not_asked_is_not_skipped_on_the_target() -> None:
    """I5, H4: on the target and unhealthy would be left alone; but nobody knows yet."""
    seen = upgraded(*range(9)) | {9: instance(9, "1.1.0")}
    found = ctx(scale_set(**SET), seen, accepted=[pair("1.1.0")])
    advanced = run.advance(state(pending="0-9"), found, ())
    assert (advanced.end, advanced.state.tally.pending) == (None, frozenset({9}))
