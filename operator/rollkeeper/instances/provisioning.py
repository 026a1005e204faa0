"""Puts custom data and extensions into a pod: init containers, a volume of scripts, a postStart hook (E1, E2).

Scripts travel as annotations of the pod, which a volume shows as files: no object beside the pod must be made, kept
and removed, the pod has what its revision says, and no script stands in a command line, where the kubelet would repeat
it in its messages. Scripts of Secrets come from the Secret itself, in the same volume.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rollkeeper.api.v1alpha1 import names
from rollkeeper.instances import scripts
from rollkeeper.instances.scripts import Step

JsonMap = dict[str, Any]

EXTENSION_CONTAINER = "extension-"
"""Containers of extensions are called that and the extension's name."""
VOLUME = "rollkeeper-scripts"
CUSTOM_DATA_NAME = "custom data"
CUSTOM_DATA = f"{names.GROUP}/custom-data"
SCRIPT_ANNOTATION = f"extension.{names.GROUP}/"

_LINUX_FOLDER = "/run/rollkeeper"
_WINDOWS_FOLDER = "C:\\rollkeeper"
_PROBES = frozenset({"startupProbe", "readinessProbe", "livenessProbe"})


def annotations(model: Mapping[str, Any]) -> dict[str, str]:
    """The scripts of a model, as they stand on its pods; those of Secrets do not."""
    return {s.annotation: s.given["inline"] for s in scripts_of(model) if "inline" in s.given}


def has_tasks(model: Mapping[str, Any]) -> bool:
    """Whether a model has extensions that only a new pod can run again."""
    return any(extension["type"] == "Task" for extension in model.get("extensions", ()))


def provision(spec: JsonMap, model: Mapping[str, Any], os_type: Literal["Linux", "Windows"]) -> JsonMap:
    """The spec of a pod with everything that its model provisions. Nothing to provision: the same."""
    containers = [_container(e) for e in model.get("extensions", ()) if e["type"] != "Script"]
    if containers:
        # After the template's own: what the user has to run first, such as a mesh's proxy, extensions may need.
        spec = {**spec, "initContainers": [*spec.get("initContainers", ()), *containers]}
    found = list(scripts_of(model))
    if not found:
        return spec
    mount = {"name": VOLUME, "mountPath": _folder(os_type), "readOnly": True}
    volume = {"name": VOLUME, "projected": {"sources": [_projection(script, os_type) for script in found]}}
    return {
        **spec,
        "containers": [
            _with_hook(c, mount, found, os_type) if c["name"] == model["osContainerName"] else c
            for c in spec["containers"]
        ],
        "volumes": [*spec.get("volumes", ()), volume],
    }


def _container(extension: Mapping[str, Any]) -> JsonMap:
    name, once = extension["name"], extension["type"] == "Task"
    given = {k: v for k, v in extension["container"].items() if k not in {"name", "restartPolicy"}}
    if extension.get("suppressFailures"):
        given = {k: v for k, v in given.items() if k not in _PROBES}
        given["command"] = scripts.without_failure([*given.get("command", ()), *given.pop("args", ())], once=once)
    made = {"terminationMessagePolicy": "FallbackToLogsOnError", **given, "name": f"{EXTENSION_CONTAINER}{name}"}
    return made if once else {**made, "restartPolicy": "Always"}


@dataclass(frozen=True, slots=True)
class Script:
    """Custom data, or an extension of type Script."""

    what: str
    """How it is called where it fails."""
    annotation: str
    """Where its text stands on a pod, unless it is a Secret's."""
    given: Mapping[str, Any]
    """As the model has it: `inline`, or `secretKeyRef` with `sha256`; perhaps an `interpreter`."""
    may_fail: bool = False


def scripts_of(model: Mapping[str, Any]) -> Iterator[Script]:
    """The scripts of a model, in the order in which they run (E1, E2)."""
    if "customData" in model:
        yield Script(CUSTOM_DATA_NAME, CUSTOM_DATA, model["customData"])
    for extension in model.get("extensions", ()):
        if extension["type"] == "Script":
            name, may_fail = extension["name"], extension.get("suppressFailures", False)
            yield Script(f"extension {name}", f"{SCRIPT_ANNOTATION}{name}", extension["script"], may_fail)


def _folder(os_type: str) -> str:
    return _LINUX_FOLDER if os_type == "Linux" else _WINDOWS_FOLDER


def _file(what: str, os_type: str) -> str:
    """PowerShell runs files of that name only."""
    return what.replace(" ", "-") + ("" if os_type == "Linux" else ".ps1")


def _projection(script: Script, os_type: str) -> JsonMap:
    file = _file(script.what, os_type)
    if "secretKeyRef" in script.given:
        reference = script.given["secretKeyRef"]
        return {"secret": {"name": reference["name"], "items": [{"key": reference["key"], "path": file}]}}
    field = {"fieldPath": f"metadata.annotations['{script.annotation}']"}
    return {"downwardAPI": {"items": [{"path": file, "fieldRef": field}]}}


def _with_hook(container: JsonMap, mount: JsonMap, found: Sequence[Script], os_type: str) -> JsonMap:
    separator = "/" if os_type == "Linux" else "\\"
    steps = [
        Step(s.what, _folder(os_type) + separator + _file(s.what, os_type), s.given.get("interpreter", ()), s.may_fail)
        for s in found
    ]
    build = scripts.shell_command if os_type == "Linux" else scripts.powershell_command
    command = build(steps, container.get("terminationMessagePath", "/dev/termination-log"))
    return {
        **container,
        "lifecycle": {**container.get("lifecycle", {}), "postStart": {"exec": {"command": command}}},
        "volumeMounts": [*container.get("volumeMounts", ()), mount],
    }
