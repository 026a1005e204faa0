"""Which tags are versions. Patterns are users' input, so they run in time that grows with the tag alone."""

import re2  # type: ignore[import-untyped]  # it ships no types

from rollkeeper.registry.errors import RegistryError

PLAIN = r"v?((?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*))"
"""`X.Y.Z` with or without a `v`."""


class InvalidPattern(RegistryError):  # noqa: N818 - as its siblings
    """A pattern that can't be used; the message says why."""

    reason = "InvalidTagPattern"


class TagPattern:
    """A compiled pattern: `version_of("v1.2.0")` is "1.2.0".

    Python's own `re` backtracks: a pattern like `(a+)+b` would stop the whole controller on a tag of forty letters.
    RE2 can't do that; it lacks look-around and back-references. Raises InvalidPattern.
    """

    def __init__(self, pattern: str | None) -> None:
        options = re2.Options()
        options.log_errors = False
        options.max_mem = 1 << 20
        try:
            self._compiled = re2.compile(pattern or PLAIN, options)
        except re2.error as error:
            detail = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error.args[0])
            raise InvalidPattern(f"spec.tagPattern is no regular expression of RE2's syntax: {detail}") from None
        if self._compiled.groups < 1:
            raise InvalidPattern(
                r"spec.tagPattern has no group for the version: put it in parentheses, like v([0-9]+\.[0-9]+\.[0-9]+)"
            )

    def version_of(self, tag: str) -> str | None:
        """What the pattern's group `version`, else its first group, holds; None: the whole tag does not match."""
        found = self._compiled.fullmatch(tag)
        if found is None:
            return None
        group: str | None = found.group("version" if "version" in self._compiled.groupindex else 1)
        return group
