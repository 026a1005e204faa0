"""The README's picture shows what the command shows."""

from hack.picture.__main__ import PICTURE, drawn


def test_the_picture_is_what_status_shows() -> None:
    assert PICTURE.read_text(encoding="utf-8") == drawn(), "`make docs` draws it anew"
