"""What was recorded: the objects that `status` reads, at some moments of a rollout."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from rollkeeper.cli.plugin.output import without_noise
from rollkeeper.kube.api import JsonObject

FILE = Path(__file__).with_name("recording.json")


@dataclass(frozen=True)
class Moment:
    """The objects as the API server had them."""

    now: str
    """When, in ISO format."""
    scale_set: JsonObject
    runs: list[JsonObject]
    members: list[JsonObject]

    @classmethod
    def of(
        cls, now: datetime, scale_set: JsonObject, runs: Iterable[JsonObject], members: Iterable[JsonObject]
    ) -> "Moment":
        """Without managed fields, which nobody looks at."""
        return cls(
            now.isoformat(), without_noise(scale_set), *([without_noise(o) for o in of] for of in (runs, members))
        )


def write(moments: Iterable[Moment]) -> None:
    """Keeps them, an object a line."""
    kept = [asdict(moment) for moment in moments]
    FILE.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def read() -> list[Moment]:
    """What was kept."""
    return [Moment(**moment) for moment in json.loads(FILE.read_text(encoding="utf-8"))]
