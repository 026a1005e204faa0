"""What must hold of every line that a controller logs."""

import json
from collections.abc import Iterable, Iterator

from tests.cluster.audit import Json

ALWAYS = {"time", "level", "logger", "message"}
ACTS = "rollkeeper"
"""The logger of acts."""


def check(log: str, secrets: Iterable[str]) -> None:
    """Each line is an object; acts say what they are about and why; no secret stands anywhere.

    The log is that of a controller with `--log-format=json`, at level DEBUG, which says most.
    """
    for secret in secrets:
        assert secret not in log, "a secret stands in the log"
    for act in (line for line in objects(log) if line["logger"] == ACTS):
        assert act.get("reason"), f"an act without a reason: {act}"
        assert "scale_set" in act or "image_source" in act, f"an act about nothing: {act}"


def objects(log: str) -> Iterator[Json]:
    """One a line."""
    for line in log.splitlines():
        found = json.loads(line)
        assert found.keys() >= ALWAYS
        yield found
