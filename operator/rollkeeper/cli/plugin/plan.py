"""`plan`: the batches that would come, in order, by the engine's own decisions; and what keeps a run from starting."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rollkeeper.api.v1alpha1 import Condition, UpgradeRun
from rollkeeper.cli.plugin import steering
from rollkeeper.cli.plugin.errors import Ended
from rollkeeper.cli.plugin.options import Options
from rollkeeper.cli.plugin.output import write_data
from rollkeeper.cli.plugin.reading import Reader
from rollkeeper.cli.plugin.screen import Screen, Table
from rollkeeper.cli.plugin.session import Session
from rollkeeper.cli.plugin.status import COLOURS
from rollkeeper.cli.plugin.times import short
from rollkeeper.cli.plugin.views import RunView, SetView
from rollkeeper.engine import ranges
from rollkeeper.engine.forecast import Answers, Forecast, PlannedBatch, forecast
from rollkeeper.engine.snapshot import Snapshot
from rollkeeper.kube.api import JsonObject

_BLOCKED = 1


@dataclass(frozen=True)
class Scenario:
    """What would come, by itself or of a run that the user starts."""

    title: str
    found: Forecast
    now: datetime
    asked: str | None = None
    """The run that the user would start; None: what comes by itself."""

    @property
    def blocked(self) -> Condition | None:
        """Why a run of the controller's own does not start."""
        return self.found.blocked if self.asked is None else None

    @property
    def obstacle(self) -> str:
        """What keeps anything from being replaced; empty: nothing does, or there is nothing to replace."""
        if self.blocked is not None:
            return self.blocked.message
        stuck = [run for run in self.runs if self.asked in (None, run.name) and not self.batches_of(run.name)]
        return next((run.message for run in stuck if run.code != "Completed"), "")

    @property
    def runs(self) -> tuple[RunView, ...]:
        """As they would be then."""
        return tuple(RunView(run.to_json()) for run in self.found.runs)

    def batches_of(self, run: str) -> list[PlannedBatch]:
        """In order."""
        return [batch for batch in self.found.batches if batch.run == run]


@dataclass(frozen=True)
class Plan:
    """All that is told of one set."""

    scale_set: SetView
    scenarios: dict[str, Scenario]
    """`byItself`, `ifStarted`."""
    notes: Sequence[str]

    @property
    def exit_code(self) -> int:
        """1: something stands in the way of what would come first."""
        return _BLOCKED if next(iter(self.scenarios.values())).obstacle else 0


def show(options: Options, wanted: steering.Wanted, images_namespace: str | None) -> None:
    """`plan SET`. Raises Ended with the exit code."""
    session = Session(options)
    raw = session.scale_set(wanted.scale_set)
    reader = Reader(session, images_namespace)
    snapshot, answers = reader.snapshot(raw)
    scenarios = scenarios_of(snapshot, answers, wanted, session.now)
    plan = Plan(SetView(raw), scenarios, reader.notes)
    if not write_data(options, data(plan), [raw]):
        print_plan(session.screen, plan)
    raise Ended(plan.exit_code)


def scenarios_of(snapshot: Snapshot, answers: Answers, wanted: steering.Wanted, now: datetime) -> dict[str, Scenario]:
    """What comes by itself, unless a run is asked for; and where that replaces nothing, what a run of the user would.

    Raises CommandError for instances that the set does not have.
    """
    now = now.replace(microsecond=0)
    asked = steering.body(SetView(snapshot.scale_set.to_json()), wanted)
    name = f"{snapshot.scale_set.metadata.name}-user-planned"
    asked["metadata"] |= {"name": name, "uid": name, "generation": 1, "creationTimestamp": now}
    with_run = replace(snapshot, runs=(*snapshot.runs, UpgradeRun.model_validate(asked)))
    found: dict[str, Scenario] = {}
    if (wanted.version, wanted.instances, wanted.type) == (None, None, "OSImage"):
        alone = forecast(snapshot, now, answers)
        found["byItself"] = Scenario("by itself", alone, now)
        if alone.batches:
            return found
    command = "start" if wanted.type == "OSImage" else "update-instances"
    version = f" --version {wanted.version}" if wanted.version else ""
    title = f"with kubectl rollkeeper {command} {snapshot.scale_set.metadata.name}{version}"
    found["ifStarted"] = Scenario(title, forecast(with_run, now, answers), now, name)
    return found


def data(plan: Plan) -> JsonObject:
    """The same for programs."""
    return {
        "scaleSet": plan.scale_set.name,
        "namespace": plan.scale_set.namespace,
        **{key: _scenario_data(scenario) for key, scenario in plan.scenarios.items()},
        "notes": list(plan.notes),
    }


def _scenario_data(scenario: Scenario) -> JsonObject:
    found, blocked = scenario.found, scenario.blocked
    return {
        "blocked": {"reason": blocked.reason, "message": blocked.message} if blocked else None,
        "runs": [
            {
                "name": run.name,
                "type": run.raw["spec"]["type"],
                "startedBy": run.started_by,
                "target": run.target,
                "code": run.code,
                "message": run.message,
                "skipped": run.skipped,
                "batches": [_batch_data(batch, scenario.now) for batch in scenario.batches_of(run.name)],
            }
            for run in scenario.runs
        ],
        "seconds": int((found.ends - scenario.now).total_seconds()),
        "complete": found.complete,
    }


def _batch_data(batch: PlannedBatch, now: datetime) -> JsonObject:
    return {
        "number": batch.number,
        "instances": ranges.render(batch.instances),
        "domain": batch.domain,
        "unhealthy": ranges.render(batch.unhealthy),
        "begun": batch.begun,
        "afterSeconds": int((batch.starts - now).total_seconds()),
    }


def print_plan(screen: Screen, plan: Plan) -> None:
    """For people."""
    view = plan.scale_set
    screen.line(f"{view.name}: {view.replicas} instances, version {view.proven}, latest {view.latest}")
    for scenario in plan.scenarios.values():
        screen.line()
        _print_scenario(screen, scenario)
    for note in plan.notes:
        screen.line(note, "dim")


def _print_scenario(screen: Screen, scenario: Scenario) -> None:
    found, blocked = scenario.found, scenario.blocked
    if blocked is not None:
        screen.line(f"{scenario.title}: blocked: {blocked.message} ({blocked.reason})", "yellow")
    elif not scenario.runs:
        told = next((c for c in found.scale_set.status.conditions if c.type == "UpToDate"), None)
        screen.line(f"{scenario.title}: nothing comes: {told.message if told else 'there are no instances'}")
    title = "after that" if blocked is not None else scenario.title
    for run in scenario.runs:
        screen.line(f"{title}: a run to {run.target} by {run.started_by}")
        _print_run(screen, run, scenario.batches_of(run.name), scenario.now)
        title = "after that"
    took = found.ends - scenario.now
    if took.total_seconds() > 0:
        screen.line(f"takes {short(took)}, and the time in which instances become healthy")
    if not found.complete:
        screen.line("and so on: there is more than is shown here", "yellow")


def _print_run(screen: Screen, run: RunView, batches: Sequence[PlannedBatch], now: datetime) -> None:
    if batches:
        screen.table(_table(batches, now))
    if run.skipped:
        screen.line(f"left alone: {run.skipped}")
    if run.over:
        screen.line(f"then {run.code}: {run.message}", COLOURS.get(run.code, ""))
    else:
        screen.line(f"then it waits: {run.message}", "yellow")


def _table(batches: Sequence[PlannedBatch], now: datetime) -> Table:
    """Some columns are there only where they have something to tell."""
    columns: dict[str, list[str]] = {
        "BATCH": [f"{batch.number}{' (in hand)' if batch.begun else ''}" for batch in batches],
        "COUNT": [str(len(batch.instances)) for batch in batches],
    }
    if any(batch.domain for batch in batches):
        columns["DOMAIN"] = [batch.domain or "-" for batch in batches]
    if any(batch.starts > now for batch in batches):
        columns["AFTER"] = [short(batch.starts - now) for batch in batches]
    columns["INSTANCES"] = [ranges.render(batch.instances) for batch in batches]
    if any(batch.unhealthy for batch in batches):
        columns["UNHEALTHY"] = [ranges.render(batch.unhealthy) or "-" for batch in batches]
    table = Table(tuple(columns))
    for cells in zip(*columns.values(), strict=True):
        table.add(*cells)
    return table
