"""What really happened to the pods of a set: each event of a watch, as the API server told it."""

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

_LINE = (
    "{.type} {.object.metadata.name} {.object.metadata.uid}"
    ' {.object.status.conditions[?(@.type=="Ready")].status} {.object.metadata.deletionTimestamp}{"\\n"}'
)


class PodWatch:
    """A `kubectl get --watch` in the background; ask when the `with` block is over."""

    def __init__(self, kubectl: Sequence[str], scale_set: str, file: Path) -> None:
        selector = f"--selector=rollkeeper.io/scale-set={scale_set}"
        options = ("--watch", "--output-watch-events", f"--output=jsonpath={_LINE}")
        self._command = [*kubectl, "get", "pods", selector, *options]
        self._file = file
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._file.open("wb") as output:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=output)  # noqa: S603 - ours
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self.broke_off = self._process.poll() is not None
        self._process.terminate()
        self._process.wait()

    def fewest_ready(self) -> int:
        """How many instances were ready at the worst moment after the first at which all were."""
        assert not self.broke_off, "the watch broke off: it did not see everything"
        counts = list(self._ready_counts())
        return min(counts[counts.index(max(counts)) :])

    def _ready_counts(self) -> Iterator[int]:
        ready: set[str] = set()
        for line in self._file.read_text().splitlines():
            event, _, uid, condition, *deleted = line.split(" ")
            if event != "DELETED" and condition == "True" and deleted == [""]:
                ready.add(uid)
            else:
                ready.discard(uid)
            yield len(ready)
