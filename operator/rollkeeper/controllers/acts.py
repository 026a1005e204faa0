"""One log line an act: the set, run, batch and instance that it is about, its reason as a word, and a sentence."""

import logging

from rollkeeper.api.v1alpha1 import ScaleSet, UpgradeRunStatus
from rollkeeper.engine import actions as do
from rollkeeper.engine import conditions

logger = logging.getLogger("rollkeeper")

_DIRECTIONS = {"Forward": "Upgrade", "Back": "PutBack"}
"""What a batch does to an instance, by the last part of `made_by`."""


def log(scale_set: ScaleSet, reason: str, message: str, **what: object) -> None:
    """Says what is done and why, and to which `run`, `batch` or `instance`."""
    name = f"{scale_set.metadata.namespace}/{scale_set.metadata.name}"
    logger.info(message, extra={"scale_set": name, "reason": reason, **what})


def log_instance(scale_set: ScaleSet, action: do.InstanceAction) -> None:
    """Says what is done to an instance."""
    occasion = action.made_by if isinstance(action, do.CreateInstance | do.SwapImage) else action.occasion
    message = f"{type(action).__name__}: {action.message}"
    if "/" not in occasion:
        log(scale_set, occasion, message, instance=action.ordinal)
        return
    run, batch, direction = occasion.split("/")
    log(scale_set, _DIRECTIONS[direction], message, run=run, batch=int(batch), instance=action.ordinal)


def log_run(scale_set: ScaleSet, run: str, status: UpgradeRunStatus) -> None:
    """Says what a run has come to: the reason is that of its conditions."""
    found = (conditions.find(status.conditions, type_) for type_ in ("Finished", "Reconciling"))
    reason = next((c.reason for c in found if c is not None and c.status == "True"), "Status")
    batch = {"batch": status.current_batch.number} if status.current_batch is not None else {}
    log(scale_set, reason, status.message or reason, run=run, **batch)
