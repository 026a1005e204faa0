"""Splits a byte stream into lines of any length.

aiohttp's own line reader raises `Chunk too big` on a line longer than twice its buffer, and a watch event can be
several megabytes: the watch would fail on the same object again and again.
"""


class LineSplitter:
    """Collects chunks, gives complete lines. Linear in the length of a line, however many chunks it comes in."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that this chunk completes, without their ends, empty ones left out."""
        head, *rest = chunk.split(b"\n")
        self._parts.append(head)
        if not rest:
            return []
        lines = [b"".join(self._parts), *rest[:-1]]
        self._parts = [rest[-1]]
        return [line for line in lines if line.strip()]
