"""The plan of a rollout: what is printed, what programs get, and what stands in the way."""

from collections.abc import Iterable

import pytest

from rollkeeper.cli.plugin import plan
from rollkeeper.cli.plugin.plan import Plan
from rollkeeper.cli.plugin.screen import Screen
from rollkeeper.cli.plugin.steering import Wanted
from rollkeeper.cli.plugin.views import SetView
from rollkeeper.engine.references import Reference
from rollkeeper.engine.snapshot import DryRun, Pair, Snapshot
from tests.unit.cli.golden import check
from tests.unit.engine import builders
from tests.unit.engine.builders import at, fleet, hold, instance, scale_set, snapshot


class Agreeing:
    """A cluster that has everything and accepts everything."""

    def missing(self, _references: Iterable[Reference]) -> tuple[Reference, ...]:
        return ()

    def dry_run(self, _pair: Pair) -> DryRun:
        return DryRun("Accepted")


def planned(of: Snapshot, *notes: str, **wanted: str) -> Plan:
    scenarios = plan.scenarios_of(of, Agreeing(), Wanted("web", **wanted), at(0))  # type: ignore[arg-type]
    return Plan(SetView(of.scale_set.to_json()), scenarios, notes)


def draw(name: str, of: Plan) -> None:
    def draw_it(screen: Screen) -> None:
        plan.print_plan(screen, of)

    check(name, draw_it)


def test_what_comes_by_itself() -> None:
    """B1, B4, B10, B7: zones, protected instances and pauses are told where there are any."""
    there = {o: instance(o, zone="ab"[o % 2], protected=o == 3) for o in range(8)}
    rolling = {"maxBatchInstancePercent": 25, "pauseTimeBetweenBatchesSeconds": 600}
    made = planned(snapshot(scale_set(8, rolling=rolling), there), "not seen: whether Secret a is there")
    assert (list(made.scenarios), made.exit_code) == (["byItself"], 0)
    draw("plan_by_itself", made)


def test_what_is_blocked_and_how_a_run_of_the_user_would_mend_it() -> None:
    """T6, T7."""
    made = planned(snapshot(None, fleet(broken=(1, 2, 3))))
    assert (list(made.scenarios), made.exit_code) == (["byItself", "ifStarted"], 1)
    draw("plan_blocked", made)


def test_a_held_version_comes_only_by_a_run_that_names_it() -> None:
    """F3: to `latest` a user's run skips it."""
    held = snapshot(scale_set(status={"heldVersions": [hold("1.1.0")]}))
    draw("plan_held", planned(held))
    named = planned(held, version="1.1.0")
    assert [len(s.found.batches) for s in named.scenarios.values()] == [5]


def test_a_run_that_would_be_refused() -> None:
    made = planned(snapshot(), version="9.9.9")
    assert made.scenarios["ifStarted"].found.batches, "the automatic run comes all the same"
    assert made.exit_code == 1
    assert "there is no ImageVersion 9.9.9" in made.scenarios["ifStarted"].obstacle


def test_nothing_to_do_is_no_obstacle() -> None:
    made = planned(snapshot(versions=("1.0.0",)))
    assert made.exit_code == 0
    assert [s.obstacle for s in made.scenarios.values()] == ["", ""]


def test_a_thousand_instances_stay_readable() -> None:
    there = {o: instance(o, zone="abc"[o % 3]) for o in range(1000)}
    draw("plan_thousand", planned(snapshot(scale_set(1000), there)))


def test_data_for_programs() -> None:
    told = plan.data(planned(snapshot(scale_set(4, rolling={"maxBatchInstancePercent": 50}))))
    assert told["byItself"]["blocked"] is None
    (run,) = told["byItself"]["runs"]
    assert (run["target"], run["startedBy"], run["code"]) == ("1.1.0", "Platform", "Completed")
    assert run["batches"][1] == {
        "number": 2, "instances": "2-3", "domain": "", "unhealthy": "", "begun": False, "afterSeconds": 0,
    }  # fmt: skip


@pytest.mark.parametrize("wanted", [{"instances": "0-1"}, {"type": "Model"}])
def test_other_runs_are_planned_as_they_would_be_started(wanted: dict[str, str]) -> None:
    """M4, T4."""
    of = snapshot(scale_set(4, automatic=False, policy={"mode": "Manual"}), revision="web-rev2",
                  revisions={builders.REVISION: 1, "web-rev2": 2})  # fmt: skip
    made = planned(of, **wanted)
    batches = made.scenarios["ifStarted"].found.batches
    assert sum(len(b.instances) for b in batches) == (2 if "instances" in wanted else 4)
