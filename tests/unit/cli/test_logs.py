"""Log lines: one an act, as JSON with what it is about, at the level that was asked for."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from rollkeeper.cli import logs
from rollkeeper.controllers import acts
from rollkeeper.engine import actions as do
from tests.unit.engine.builders import active_run, pair, scale_set

Json = dict[str, Any]
SET = scale_set()


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[Json]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


ACTS: dict[str, tuple[do.InstanceAction, Json]] = {
    "upgraded": (
        do.EvictInstance(3, "uid", "up/2/Forward", "upgrade to 1.1.0"),
        {"run": "up", "batch": 2, "instance": 3, "reason": "Upgrade", "message": "EvictInstance: upgrade to 1.1.0"},
    ),
    "put back": (
        do.CreateInstance(0, pair(), "up/1/Back", "put back on 1.0.0"),
        {"run": "up", "batch": 1, "instance": 0, "reason": "PutBack", "message": "CreateInstance: put back on 1.0.0"},
    ),
    "outside of runs": (
        do.DeleteInstance(9, "uid", "ScaleIn", "scaled in to 9"),
        {"instance": 9, "reason": "ScaleIn", "message": "DeleteInstance: scaled in to 9"},
    ),
}


@pytest.mark.parametrize(("action", "fields"), ACTS.values(), ids=ACTS)
def test_an_act_on_an_instance(capsys: pytest.CaptureFixture[str], action: do.InstanceAction, fields: Json) -> None:
    logs.set_up("json", "INFO")
    acts.log_instance(SET, action)
    (line,) = lines(capsys)
    assert line.keys() == {"time", "level", "logger", "scale_set", *fields}
    assert {**fields, "level": "info", "scale_set": "default/web"}.items() <= line.items()


def test_what_a_run_has_come_to(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json", "INFO")
    condition = {"type": "Reconciling", "status": "True", "reason": "EvictionRefused", "message": ""}
    conditions = [{**condition, "lastTransitionTime": "2026-01-01T00:00:00Z"}]
    more = {"message": "web-2 can't be evicted", "conditions": conditions}
    acts.log_run(SET, "up", active_run(inProgress="2-3", batch=(2, "2-3"), status=more).status)
    (line,) = lines(capsys)
    wanted = {"run": "up", "batch": 2, "reason": "EvictionRefused", "message": "web-2 can't be evicted"}
    assert wanted.items() <= line.items()


def test_text_has_one_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("text", "INFO")
    acts.log_instance(SET, ACTS["upgraded"][0])
    (line,) = capsys.readouterr().err.splitlines()
    assert line[9:] == "INFO    default/web run=up instance=3 EvictInstance: upgrade to 1.1.0"


@pytest.mark.parametrize(("level", "said"), [("DEBUG", 4), ("INFO", 3), ("WARNING", 2), ("ERROR", 1)])
def test_the_level(capsys: pytest.CaptureFixture[str], level: str, said: int) -> None:
    logs.set_up("json", level)
    for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logging.getLogger("rollkeeper").log(number, "a line\nof two")
    assert len(lines(capsys)) == said


def test_a_failure_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json", "INFO")
    try:
        int("why")
    except ValueError:
        logging.getLogger("rollkeeper").exception("failed")
    (line,) = lines(capsys)
    assert "ValueError: invalid literal" in line["exception"]
