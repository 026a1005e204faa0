"""The pod condition `rollkeeper.io/ApplicationHealthy`: where the state of an application is shown and kept (H4).

`lastTransitionTime` is when the state became what it is, which `reason` tells: there are four states, and a status has
three values. A pod that lists the condition among its readiness gates gets traffic while its application is healthy.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rollkeeper.api.v1alpha1 import names
from rollkeeper.engine.snapshot import Application, ApplicationState

TYPE = f"{names.GROUP}/ApplicationHealthy"

_STATUS: dict[ApplicationState, str] = {
    "Healthy": "True",
    "Unhealthy": "False",
    "Unknown": "Unknown",
    "Initializing": "Unknown",
}
_MOST = 1024
"""Characters of a message."""


def read(conditions: Mapping[str, Mapping[str, Any]], started: datetime | None) -> Application | None:
    """What the pod tells; None: nothing, or nothing since its OS container `started`."""
    found = conditions.get(TYPE)
    if found is None or not found.get("lastTransitionTime"):
        return None
    states: dict[str, ApplicationState] = {state: state for state in _STATUS}
    state, since = states.get(found.get("reason", "")), datetime.fromisoformat(found["lastTransitionTime"])
    if state is None or (started is not None and since < started):
        return None
    return Application(state, since, found.get("message", ""))


def body(application: Application) -> dict[str, Any]:
    """The condition that tells it."""
    return {
        "type": TYPE,
        "status": _STATUS[application.state],
        "reason": application.state,
        "message": application.message[:_MOST],
        "lastTransitionTime": application.since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
