"""Asks the API server about a pod before any is made (M3): what is asked, and what the answers mean."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rollkeeper.api.v1alpha1 import ScaleSet
from rollkeeper.engine.snapshot import DryRun, Pair
from rollkeeper.instances import pod_spec
from rollkeeper.kube.errors import Forbidden, Invalid

QUOTA = "exceeded quota"
"""In every refusal by a full ResourceQuota; the API has no reason of its own for it."""

ORDINAL = 999_999
"""No set has that many instances, so the name of a dry run is never taken."""


def body(scale_set: ScaleSet, model: Mapping[str, Any], pair: Pair) -> dict[str, Any]:
    """The pod that is asked about."""
    return pod_spec.build_pod(scale_set, model, ORDINAL, pair, "DryRun")


def verdict(error: Invalid | Forbidden, again: datetime) -> DryRun:
    """What a refusal means: a bad model, or (to be asked `again`) perhaps only "not now"."""
    if isinstance(error, Invalid):
        return DryRun("Invalid", error.message)
    # A full quota is asked last, so everything else about the pod is right; and a set that fills its quota to the last
    # pod can be upgraded all the same, because each pod goes before its successor comes.
    return DryRun("Accepted") if QUOTA in error.message else DryRun("Forbidden", error.message, again)
