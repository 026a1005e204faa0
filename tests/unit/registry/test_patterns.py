"""Which tags are versions."""

import pytest

from rollkeeper.registry.patterns import InvalidPattern, TagPattern

FOUND: dict[str, tuple[str | None, str, str | None]] = {
    "plain": (None, "1.2.3", "1.2.3"),
    "plain, with a v": (None, "v1.2.3", "1.2.3"),
    "plain, two parts": (None, "1.2", None),
    "plain, pre-release": (None, "1.2.3-rc1", None),
    "plain, leading zero": (None, "1.02.3", None),
    "plain, latest": (None, "latest", None),
    "the whole tag": (r"([0-9.]+)", "1.2.3-slim", None),
    "a suffix": (r"([0-9.]+)-slim", "1.2.3-slim", "1.2.3"),
    "the first group": (r"(\d+\.\d+\.\d+)(-\w+)?", "1.2.3-slim", "1.2.3"),
    "the group of that name": (r"(\w+)-(?P<version>\d+\.\d+\.\d+)", "os-1.2.3", "1.2.3"),
    "a group that did not take part": (r"latest|(\d+)", "latest", None),
}


@pytest.mark.parametrize(("pattern", "tag", "wanted"), FOUND.values(), ids=FOUND)
def test_the_version_in_a_tag(pattern: str | None, tag: str, wanted: str | None) -> None:
    assert TagPattern(pattern).version_of(tag) == wanted


BAD = {
    "no group": (r"v[0-9.]+", "no group for the version"),
    "no expression": (r"v(", "missing \\)"),
    "look-ahead": (r"v(?=1)(\d+)", "RE2's syntax"),
    "back-reference": (r"(\d)\1", "RE2's syntax"),
}


@pytest.mark.parametrize(("pattern", "says"), BAD.values(), ids=BAD)
def test_patterns_that_can_not_be_used(pattern: str, says: str) -> None:
    with pytest.raises(InvalidPattern, match=says):
        TagPattern(pattern)


def test_a_pattern_can_not_stop_the_controller() -> None:
    """With a backtracking engine this would run for longer than the universe has; here it just does not match."""
    assert TagPattern(r"((a+)+)+b").version_of("a" * 128) is None
