"""Merge patches that say only what changed: small, quiet, and safe for fields that others own."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON merge patch (RFC 7386) from one object to another; null removes. Lists are replaced whole."""
    patch: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            inner = difference(before, value)
            if inner:
                patch[key] = inner
        elif key not in old or before != value:
            patch[key] = value
    return patch


def status_patch(old: BaseModel, new: BaseModel) -> dict[str, Any]:
    """The patch from one status to another. Defaults that were never stored count as absent, so they are written."""
    return difference(_json(old, exclude_unset=True), _json(new, exclude_unset=False))


def _json(status: BaseModel, *, exclude_unset: bool) -> dict[str, Any]:
    return status.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=exclude_unset)
