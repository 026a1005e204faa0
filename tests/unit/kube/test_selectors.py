"""Label selectors as policy/v1 reads them."""

from typing import Any

import pytest

from rollkeeper.kube.selectors import matches

LABELS = {"app": "web", "tier": "front"}
SELECTORS: dict[str, tuple[dict[str, Any] | None, bool]] = {
    "none covers nothing": (None, False),
    "empty covers everything": ({}, True),
    "a label": ({"matchLabels": {"app": "web"}}, True),
    "all labels count": ({"matchLabels": {"app": "web", "tier": "back"}}, False),
    "in": ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["db", "web"]}]}, True),
    "in, missing": ({"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}, False),
    "not in": ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
    "not in, missing": ({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}, True),
    "exists": ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
    "does not exist": ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
    "both count": ({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "x", "operator": "Exists"}]}, False),
    "an operator of the future": ({"matchExpressions": [{"key": "app", "operator": "Like"}]}, False),
}


@pytest.mark.parametrize(("selector", "wanted"), SELECTORS.values(), ids=SELECTORS)
def test_matches(selector: dict[str, Any] | None, wanted: bool) -> None:
    assert matches(selector, LABELS) is wanted
