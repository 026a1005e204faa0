"""One log line an act, with the set it is about."""

import logging

from rollkeeper.api.v1alpha1 import ScaleSet

logger = logging.getLogger("rollkeeper")


def log(scale_set: ScaleSet, message: str, **what: object) -> None:
    """Says what is done, and to which run or instance."""
    name = f"{scale_set.metadata.namespace}/{scale_set.metadata.name}"
    logger.info(message, extra={"scale_set": name, **what})
