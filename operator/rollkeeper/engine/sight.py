"""Which changes of an ImageVersion concern scale sets: a thousand of them may follow one image."""

from rollkeeper.api.v1alpha1 import ImageVersion
from rollkeeper.engine.conditions import find


def seen(version: ImageVersion | None) -> object:
    """All that scale sets are decided by, to be compared with what it was before.

    None while nobody knows whether the version can be used: then no set can use it, and to look at each of them would
    only keep the one back that finds out.
    """
    if version is None:
        return None
    ready = find(version.status.conditions, "Ready")
    if ready is None or ready.status == "Unknown":
        return None
    meta, status = version.metadata, version.status
    found = (status.resolved_image, status.replication_status)
    return version.spec, ready.status, found, meta.creation_timestamp, meta.deletion_timestamp
