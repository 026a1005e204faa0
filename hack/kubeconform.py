"""kubeconform in the version that is pinned here, and schemas for it that come from an API server.

Those that kubeconform fetches by itself are made of the same OpenAPI documents, by others, for some versions.
"""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hack.localcluster.build import ensure
from hack.localcluster.report import Reporter
from hack.localcluster.tools import kubeconform_tool

Json = dict[str, Any]

LOCATION = "{{.ResourceKind}}_{{.Group}}_{{.ResourceAPIVersion}}.json"
WANTED = ("api/v1", "apis/")
KIND = "x-kubernetes-group-version-kind"


@dataclass(frozen=True)
class Checked:
    """What kubeconform said."""

    valid: int
    wrong: list[str]
    """One sentence a manifest, also where there is no schema for it."""


@cache
def program() -> Path:
    """The pinned kubeconform. Raises ClusterError where it can't be built."""
    return ensure((kubeconform_tool(),), Reporter())["kubeconform"]


def check(manifests: str, schemas: Path) -> Checked:
    """Holds manifests (YAML or JSON, lists too) against schemas that `write_schemas` wrote."""
    command: list[str | Path] = [program(), "-output=json", "-verbose", f"-schema-location={schemas}/{LOCATION}", "-"]
    done = subprocess.run(command, input=manifests, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    if done.returncode not in {0, 1}:
        message = f"kubeconform: {done.stderr}"
        raise RuntimeError(message)
    found = json.loads(done.stdout)["resources"]
    wrong = [r for r in found if r["status"] != "statusValid"]
    return Checked(len(found) - len(wrong), [f"{r['kind']} {r['name']}: {r['status']} {r['msg']}" for r in wrong])


def write_schemas(ask: Callable[[str], Json], folder: Path) -> None:
    """One JSON schema a kind, of what an API server publishes. `ask` gives the answer to a GET of a path."""
    for name, where in ask("/openapi/v3")["paths"].items():
        if name.startswith(WANTED) and name.count("/"):
            _write(ask(where["serverRelativeURL"]), folder)


def _write(document: Json, folder: Path) -> None:
    found = document.get("components", {}).get("schemas", {})
    definitions = {name: _strict(schema) for name, schema in found.items()}
    for name, schema in found.items():
        for kind in schema.get(KIND, ()):
            group = kind["group"] or kind["version"]  # so kubeconform calls the group without a name
            path = f"{kind['kind']}_{group}_{kind['version']}.json".lower()
            whole = {"$ref": f"#/definitions/{name}", "definitions": definitions}
            (folder / path).write_text(json.dumps(whole), encoding="utf-8")


def _strict(schema: Any) -> Any:  # noqa: ANN401 - JSON is Any
    """With references that stay inside of the file, and no field that is not known."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _strict(value) for key, value in schema.items()}
    if isinstance(made.get("$ref"), str):
        made["$ref"] = made["$ref"].replace("#/components/schemas/", "#/definitions/")
    open_ended = "additionalProperties" in made or made.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(made.get("properties"), dict) and made.get("type") == "object" and not open_ended:
        made["additionalProperties"] = False
    return made
