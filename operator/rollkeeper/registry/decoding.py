"""JSON that strangers wrote."""

import json
from typing import Any


def read_json(text: str | bytes) -> Any:  # noqa: ANN401 - JSON is Any
    """The value. Raises ValueError, for JSON that is nested beyond all reason too."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
