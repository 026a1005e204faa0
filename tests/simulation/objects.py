"""Kubernetes objects as JSON: copies, merge patches, timestamps, names."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.resources import Resource

Key = tuple[str, str]
"""Namespace ("" for what is not namespaced) and name."""


def clone(body: Mapping[str, Any]) -> JsonObject:
    """A copy as it comes out of the wire: tuples are lists, and what JSON can't carry (a datetime) is refused."""
    return cast("JsonObject", json.loads(json.dumps(body)))


def timestamp(moment: datetime) -> str:
    """Whole seconds, as the API server and the kubelet write them."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def earlier(moment: str, seconds: float) -> str:
    """The timestamp so many seconds before another."""
    return timestamp(parse_time(moment) - timedelta(seconds=seconds))


def parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def merge(target: Any, patch: Any) -> Any:
    """RFC 7396. Neither argument is changed; the result may share parts with both."""
    if not isinstance(patch, dict):
        return patch
    result: dict[str, Any] = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


MERGE_KEYS = {"conditions": "type", "containers": "name", "initContainers": "name"}
"""By which field the items of a list are told apart, in the kinds that anybody patches so."""


def strategic_merge(target: Any, patch: Any) -> Any:
    """As `merge`, but lists with a key are merged item by item."""
    if not isinstance(patch, dict):
        return patch
    result: dict[str, Any] = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        key = MERGE_KEYS.get(name)
        if value is None:
            result.pop(name, None)
        elif key is not None and isinstance(value, list):
            items = {item[key]: item for item in result.get(name) or ()}
            for item in value:
                items[item[key]] = strategic_merge(items.get(item[key]), item)
            result[name] = [*items.values()]
        else:
            result[name] = strategic_merge(result.get(name), value)
    return result


def key_of(obj: JsonObject) -> Key:
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def group_resource(resource: Resource) -> str:
    """How the server's messages call a resource: `pods`, `scalesets.rollkeeper.io`."""
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural


def condition(obj: JsonObject, kind: str) -> JsonObject | None:
    """The condition of that type in status."""
    found = (c for c in obj.get("status", {}).get("conditions", []) if c["type"] == kind)
    return next(found, None)


def is_true(obj: JsonObject, kind: str) -> bool:
    found = condition(obj, kind)
    return found is not None and found["status"] == "True"


def controller_of(obj: JsonObject) -> JsonObject | None:
    """The owner reference with `controller: true`."""
    owners = obj["metadata"].get("ownerReferences", [])
    return next((owner for owner in owners if owner.get("controller")), None)
