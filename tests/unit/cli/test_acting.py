"""What the commands that act write, and what they refuse."""

import pytest

from rollkeeper.cli.plugin import holds, steering
from rollkeeper.cli.plugin.errors import CommandError, UsageError
from rollkeeper.cli.plugin.steering import Wanted
from rollkeeper.cli.plugin.views import SetView
from tests.unit.cli.objects import Json, scale_set

SET = SetView(scale_set(10))


def _spec(**wanted: object) -> Json:
    made = steering.body(SET, Wanted("web", **wanted))  # type: ignore[arg-type]
    assert made["metadata"]["name"].startswith("web-user-")
    spec: Json = made["spec"]
    return spec


def test_a_run_asks_for_no_more_than_was_said() -> None:
    assert _spec() == {"scaleSetName": "web", "type": "OSImage"}


def test_a_run_with_everything() -> None:
    assert _spec(version="1.2.0", instances="7, 0-2,1", rollback=True, ttl="1h30m") == {
        "scaleSetName": "web",
        "type": "OSImage",
        "imageVersion": "1.2.0",
        "instances": "0-2,7",
        "automaticRollback": True,
        "ttlSecondsAfterFinished": 5400,
    }


def test_a_model_run_names_no_version() -> None:
    assert _spec(type="Model", version="1.2.0") == {"scaleSetName": "web", "type": "Model"}


@pytest.mark.parametrize(
    ("text", "says"),
    [("8-12", "10-12: scale set web has instances 0-9"), ("4-2", "runs backwards: write 2-4"), ("x", "no ordinal")],
)
def test_instances_that_are_not_there(text: str, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        steering.ordinals(SET, text)


def test_wrong_durations_are_wrong_usage() -> None:
    with pytest.raises(UsageError, match="'soon' is no duration: write for example 90s"):
        steering.Following.of(True, "soon")
    with pytest.raises(UsageError, match="--ttl"):
        _spec(ttl="soon")


def _held(*versions: Json, models: tuple[Json, ...] = ()) -> SetView:
    return SetView(scale_set(status={"heldVersions": list(versions), "heldModelRevisions": list(models)}))


def _hold(version: str, run: str, *, above: bool = False) -> Json:
    return {"version": version, "runName": run, "reason": "UpgradedUnhealthy", "above": above}


def test_the_annotation_releases_that_one_hold() -> None:
    """F3: `<version or revision>/<runName>`."""
    assert holds.chosen(_held(_hold("1.2.0", "r1")), "1.2.0", None).annotation == "1.2.0/r1"


def test_a_version_above_is_released_with_all_of_them() -> None:
    """V5: a hold over every version above one is released as a whole."""
    view = _held(_hold("1.0.0", "down", above=True))
    assert holds.chosen(view, "1.2.0", None).annotation == "1.0.0/down"
    with pytest.raises(CommandError, match=r"0\.9\.0 is not held"):
        holds.chosen(view, "0.9.0", None)


def test_a_held_model() -> None:
    model = {"revision": "web-m2", "runName": "r2", "reason": "UpgradedUnhealthy"}
    assert holds.chosen(_held(models=(model,)), "web-m2", None).annotation == "web-m2/r2"


def test_what_is_not_held_lists_what_is() -> None:
    with pytest.raises(
        CommandError, match=r"1\.3\.0 is not held for set web; held: 1\.2\.0 \(UpgradedUnhealthy, by r1\)"
    ):
        holds.chosen(_held(_hold("1.2.0", "r1")), "1.3.0", None)


def test_of_several_holds_one_is_chosen_by_its_run() -> None:
    view = _held(_hold("1.2.0", "r1"), _hold("1.2.0", "r2"))
    with pytest.raises(CommandError, match="held more than once, choose one with --run"):
        holds.chosen(view, "1.2.0", None)
    assert holds.chosen(view, "1.2.0", "r2").run == "r2"
