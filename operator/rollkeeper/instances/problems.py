"""What is wrong with a pod, in the words of the kubelet, the scheduler, or what failed in it (H5, E1, E2)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rollkeeper.engine.reasons import Failure
from rollkeeper.engine.snapshot import Problem
from rollkeeper.instances.provisioning import EXTENSION_CONTAINER
from rollkeeper.kube.api import JsonObject

_UNREACHABLE = re.compile(
    r"no such host|server misbehaving|temporary failure in name resolution|no route to host|network is unreachable"
    r"|i/o timeout|TLS handshake timeout|context deadline exceeded|Client\.Timeout|connection (refused|reset)"
    r"|\b50[0234] [A-Z]",
    re.IGNORECASE,
)
_BACK_OFF = re.compile(r'^Back-off pulling image "[^"]*": ErrImagePull: ')
_PULL_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff"})
_HOOK = "PostStartHookError"
_FAILED = frozenset({"CrashLoopBackOff", _HOOK})
_OF_A_HOOK = re.compile(r"(custom data|extension [-a-z0-9]+): exit code \d+")
"""What our hook's program leaves as the termination message of the OS container."""
_HARMLESS = frozenset({"ContainerCreating", "PodInitializing"})


def of_pod(raw: JsonObject, conditions: Mapping[str, Mapping[str, Any]]) -> Problem | None:
    """What is wrong with a pod that is not ready; None while nothing is. `conditions` are the pod's by type."""
    status = raw.get("status", {})
    if status.get("phase") == "Failed":
        return Problem(status.get("reason") or Failure.POD_FAILED, status.get("message") or "the pod ended")
    for container in _containers(status):
        found = _container_problem(container)
        if found is not None:
            return found
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        return Problem(Failure.UNSCHEDULABLE, scheduled.get("message", ""))
    has_disks = any("persistentVolumeClaim" in volume for volume in raw.get("spec", {}).get("volumes") or ())
    if has_disks and conditions.get("PodReadyToStartContainers", {}).get("status") == "False":
        return Problem(Failure.VOLUME_ATTACH, "waits for its data disks or its network: see the pod's events")
    return None


def _containers(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _container_problem(container: Mapping[str, Any]) -> Problem | None:
    waiting = container.get("state", {}).get("waiting", {})
    reason = waiting.get("reason", "")
    ended = container.get("state", {}).get("terminated") or container.get("lastState", {}).get("terminated") or {}
    # Between two crashes the container runs for a moment: told as they come, they would change the status for ever.
    crashed = bool(container.get("lastState", {}).get("terminated", {}).get("exitCode")) and not container.get("ready")
    if crashed or reason in _FAILED or container.get("state", {}).get("terminated", {}).get("exitCode"):
        return _failed(container["name"], reason or ("CrashLoopBackOff" if crashed else ""), ended)
    if reason in _PULL_REASONS:
        # The kubelet goes to and fro between ErrImagePull and ImagePullBackOff; as one they leave the status in peace.
        message = _BACK_OFF.sub("", waiting.get("message", ""))
        unreachable = _UNREACHABLE.search(message) is not None
        reason = Failure.REGISTRY_UNREACHABLE if unreachable else "ImagePullBackOff"
        return Problem(reason, _of_extension(container["name"]) + message)
    if reason and reason not in _HARMLESS:
        return Problem(reason, waiting.get("message", ""))
    return None


def _failed(container: str, reason: str, ended: Mapping[str, Any]) -> Problem:
    """A container that has ended badly, an extension's or the OS container after its hook among them.

    The kubelet's own messages are left out: that of a back-off counts its seconds, so it would change the status for
    ever, and that of a hook repeats its command.
    """
    said = _last_line(ended)
    if _OF_A_HOOK.match(said):
        return Problem(Failure.CUSTOM_DATA_FAILED if said.startswith("custom") else Failure.EXTENSION_FAILED, said)
    if container.startswith(EXTENSION_CONTAINER):
        return Problem(Failure.EXTENSION_FAILED, _of_extension(container) + _exit(ended))
    if reason == _HOOK:
        return Problem(reason, f"container {container}: its postStart hook failed")
    return Problem(reason or ended.get("reason") or "Error", f"container {container}: {_exit(ended)}")


def _of_extension(container: str) -> str:
    """The beginning of a sentence; empty for other containers."""
    name = container.removeprefix(EXTENSION_CONTAINER)
    return f"extension {name}: " if name != container else ""


def _exit(ended: Mapping[str, Any]) -> str:
    said = _last_line(ended)
    return f"exit code {ended.get('exitCode', 'unknown')}" + (f": {said}" if said else "")


def _last_line(ended: Mapping[str, Any]) -> str:
    """The last line of a termination message, or of the output where the container asked for that."""
    lines = (ended.get("message") or "").strip().splitlines()
    return lines[-1] if lines else ""
