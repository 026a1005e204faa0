"""docs/labels.md has every label, annotation and finalizer, and no other."""

import re

from rollkeeper.api.v1alpha1 import names
from tests.docs.markdown import ROOT

_ROW = re.compile(r"^\| `(?P<name>[^`: ]+)", re.MULTILINE)


def test_every_name_is_listed() -> None:
    kinds = ("LABEL_", "ANNOTATION_", "FINALIZER_", "PREFIX_")
    wanted = [value for name, value in vars(names).items() if name.startswith(kinds)]
    page = (ROOT / "docs" / "labels.md").read_text(encoding="utf-8")
    assert sorted(_ROW.findall(page)) == sorted(wanted)
