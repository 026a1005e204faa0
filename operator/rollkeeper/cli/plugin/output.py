"""Output for programs: JSON, YAML, names. Never coloured, never wrapped."""

import json
import sys
from collections.abc import Iterable
from typing import Any

from rollkeeper.cli.plugin.options import JSON, NAME, YAML, Options
from rollkeeper.kube.api import JsonObject


def write_data(options: Options, data: object, objects: Iterable[JsonObject] = ()) -> bool:
    """Writes what `-o json`, `-o yaml` or `-o name` ask for; False when the output is for people.

    `objects` are those that `-o name` names.
    """
    if options.output == JSON:
        sys.stdout.write(json.dumps(data, indent=4, ensure_ascii=False) + "\n")
    elif options.output == YAML:
        sys.stdout.write(_yaml(data))
    elif options.output == NAME:
        sys.stdout.writelines(f"{resource_name(item)}\n" for item in objects)
    else:
        return False
    return True


def without_noise(item: JsonObject) -> JsonObject:
    """An object as kubectl shows it: managed fields left out."""
    metadata: dict[str, Any] = {k: v for k, v in item["metadata"].items() if k != "managedFields"}
    return {**item, "metadata": metadata}


def resource_name(item: JsonObject) -> str:
    """`scaleset.rollkeeper.io/web`, `pod/web-0`."""
    group, slash, _ = str(item.get("apiVersion", "")).partition("/")
    suffix = f".{group}" if slash else ""
    return f"{str(item.get('kind', '')).lower()}{suffix}/{item['metadata']['name']}"


def _yaml(data: object) -> str:
    import yaml  # noqa: PLC0415 - only where it is asked for

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(data, Dumper=dumper, sort_keys=False, allow_unicode=True, width=10_000))
