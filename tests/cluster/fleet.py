"""Manifests of rollouts: small sets, short clocks, images that the simulated nodes run or refuse."""

from tests.cluster.audit import Json
from tests.cluster.manifests import CUSTOM, PROBED, made, template

GATE = "gate"

BROKEN = "-broken"
"""At the end of an image: its container crashes for ever."""

QUICK = {"provisioningTimeoutSeconds": 20, "healthTimeoutSeconds": 3}
"""Healthy pods of simulated nodes start and become ready at once, however late that is on a busy machine: the first
clock is for them. Broken ones start and never become ready: the second is for those."""


def fleet(
    replicas: int = 5,
    percent: int = 40,
    *,
    automatic: bool = True,
    rollback: bool = True,
    mode: str = "Rolling",
    name: str = "web",
    rolling: Json | None = None,
    **spec: object,
) -> Json:
    """A scale set that notices broken images within seconds, and whose namespace need not wait for its pods.

    `rolling` goes into the rolling upgrade policy, `rollback` is for the controller's own runs.
    """
    upgrades = {"enableAutomaticOSUpgrade": automatic, "disableAutomaticRollback": not rollback}
    policy: Json = {
        "mode": mode,
        "automaticOSUpgradePolicy": upgrades,
        "rollingUpgradePolicy": {"maxBatchInstancePercent": percent, **QUICK, **(rolling or {})},
    }
    body: Json = {
        "replicas": replicas,
        "imageReference": CUSTOM,
        "upgradePolicy": policy,
        "health": {"source": "Probe"},
        "template": {"spec": {**template(PROBED)["spec"], "terminationGracePeriodSeconds": 1}},
    }
    return made("ScaleSet", name, {**body, **spec})


def published(version: str, tail: str = "", *, name: str | None = None) -> Json:
    """An ImageVersion; `tail` stands at the end of its image."""
    spec: Json = {**CUSTOM, "version": version, "image": f"registry.test/os:{version}{tail}"}
    return made("ImageVersion", name or f"os-{version}", spec)


def users_run(name: str, version: str | None = None, *, scale_set: str = "web", **spec: object) -> Json:
    """A run that a user starts."""
    target = {} if version is None else {"imageVersion": version}
    return made("UpgradeRun", name, {"scaleSetName": scale_set, **target, **spec})


def changed_template(setting: str, *containers: Json) -> Json:
    """The template of `fleet` with a setting in the OS container's environment, and more containers."""
    os = {**PROBED, "env": [{"name": "SETTING", "value": setting}]}
    return {"spec": {**template(os, *containers)["spec"], "terminationGracePeriodSeconds": 1}}


def data_disk() -> Json:
    """A small claim template; mounted by nobody, which nobody checks."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"metadata": {"name": "data"}, "spec": spec}


def gate(ordinal: int, name: str = "web") -> Json:
    """A disruption budget that keeps one instance from being evicted: there a run stands still until it is deleted."""
    return _budget(1, {"rollkeeper.io/scale-set": name, "rollkeeper.io/ordinal": str(ordinal)})


def closed_gate() -> Json:
    """A disruption budget that keeps all instances from being evicted."""
    return _budget("100%", {"rollkeeper.io/scale-set": "web"})


def _budget(available: int | str, labels: Json) -> Json:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": GATE},
        "spec": {"minAvailable": available, "selector": {"matchLabels": labels}},
    }
