"""What an ImageVersion says of itself: its name for columns, and whether it can be used (V3, V7)."""

from collections.abc import Iterable
from datetime import UTC, datetime

from rollkeeper.api.v1alpha1 import ImageVersion, ImageVersionStatus
from rollkeeper.api.v1alpha1.image_version import UsedBy
from rollkeeper.engine import conditions, resolution
from rollkeeper.engine.conditions import Wanted
from rollkeeper.engine.reasons import Publishing
from rollkeeper.engine.resolution import Findings
from rollkeeper.engine.versions import image_name, parse_version

NOBODY = UsedBy()


def status_of(
    version: ImageVersion,
    others: Iterable[ImageVersion],
    now: datetime,
    findings: Findings | None = None,
    used_by: UsedBy = NOBODY,
) -> ImageVersionStatus:
    """The status of a version. `others` are the versions of the same image that exist, itself included or not.

    `findings` are what registries said of it; None: they are not asked.
    """
    ready, resolved = _ready(version, others, now), resolution.condition(version, findings)
    if ready.status == "True" and resolution.is_awaited(version, findings):
        ready = Wanted(
            "Ready", "Unknown", Publishing.RESOLVING, f"asking the registry for the digest of {version.spec.reference}"
        )
    return version.status.model_copy(
        update={
            "observed_generation": version.metadata.generation,
            "image_name": image_name(version.spec),
            "resolved_image": resolution.resolved_image(version, findings),
            "replication_status": resolution.replication(version, findings),
            "used_by": used_by,
            "conditions": conditions.merge(
                version.status.conditions,
                [ready, *([resolved] if resolved else [])],
                version.metadata.generation,
                now.replace(microsecond=0),
            ),
        }
    )


def status_of_going(version: ImageVersion, why: str, used_by: UsedBy, now: datetime) -> ImageVersionStatus:
    """The status of a version whose deletion waits; `why` names who for (V7)."""
    status, generation = version.status, version.metadata.generation
    kept = [Wanted(c.type, c.status, c.reason, c.message) for c in status.conditions if c.type != "Ready"]
    ready = Wanted("Ready", "False", Publishing.IN_USE, why)
    stamp = now.replace(microsecond=0)
    return status.model_copy(
        update={
            "observed_generation": generation,
            "used_by": used_by,
            "conditions": conditions.merge(status.conditions, [ready, *kept], generation, stamp),
        }
    )


def _ready(version: ImageVersion, others: Iterable[ImageVersion], now: datetime) -> Wanted:
    try:
        parse_version(version.spec.version)
    except ValueError as error:
        return Wanted("Ready", "False", Publishing.INVALID_VERSION, str(error))
    winner = min((o for o in [version, *others] if _same(version, o)), key=_age)
    if winner.metadata.name != version.metadata.name:
        message = f"ImageVersion {winner.metadata.name} has the same image and version and is older: delete one of them"
        if winner.metadata.deletion_timestamp is not None:
            message = f"ImageVersion {winner.metadata.name} has the same image and version, and is not gone yet"
        return Wanted("Ready", "False", Publishing.DUPLICATE, message)
    end = version.spec.end_of_life_time
    if end is not None and now >= end:
        return Wanted(
            "Ready",
            "True",
            Publishing.END_OF_LIFE,
            f"past its end of life since {end:%Y-%m-%d}: publish a newer version",
        )
    return Wanted("Ready", "True", Publishing.PUBLISHED, "")


def _same(one: ImageVersion, other: ImageVersion) -> bool:
    return (
        one.metadata.namespace == other.metadata.namespace
        and image_name(one.spec) == image_name(other.spec)
        and one.spec.version == other.spec.version  # one that is being deleted counts as long as it is used (V7)
    ) or one.metadata.uid == other.metadata.uid


def _age(version: ImageVersion) -> tuple[datetime, str]:
    return version.metadata.creation_timestamp or datetime.max.replace(tzinfo=UTC), version.metadata.name
