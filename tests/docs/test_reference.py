"""docs/reference is what the models say."""

from pathlib import Path

from hack import reference
from tests.docs.markdown import parsed


def test_committed_pages_are_what_the_models_say() -> None:
    assert reference.drift() == [], "run `make crds` and commit the result"


def test_drift_names_pages_that_differ_are_missing_or_stand_for_no_kind(tmp_path: Path) -> None:
    reference.write(tmp_path)
    (tmp_path / "scaleset.md").write_text("edited by hand")
    (tmp_path / "upgraderun.md").unlink()
    (tmp_path / "renamed.md").touch()
    assert reference.drift(tmp_path) == ["renamed.md", "scaleset.md", "upgraderun.md"]
    reference.write(tmp_path)
    assert reference.drift(tmp_path) == []


def test_a_field_has_its_type_limits_default_and_words() -> None:
    page = reference.pages()["scaleset.md"]
    assert "| `replicas` | integer, default `1`, 0 to 10000 | How many instances there are" in page
    assert "| `mode` | `Rolling` or `Manual` or `Automatic`, default `Rolling` |" in page
    assert "| `imageReference` | [object](#specimagereference), **required** |" in page
    assert "- `osType`: osType can't be changed: create a new ScaleSet" in page
    assert "specextensions" in parsed(page).anchors
