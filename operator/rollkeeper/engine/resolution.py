"""What registries say of a version: its digest (V8), and whether it is there in each region (V4).

Asking is not done here. What was asked comes in as findings, by reference; what is to be asked goes out as references.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rollkeeper.api.v1alpha1 import ImageVersion
from rollkeeper.api.v1alpha1.image_version import RegionReplication, ReplicationState, TargetRegion
from rollkeeper.api.v1alpha1.names import CLAIM_REFERENCE
from rollkeeper.engine import regions
from rollkeeper.engine.conditions import Wanted, find
from rollkeeper.engine.reasons import Publishing

TYPE = "Resolved"
BY_DIGEST = "@sha256:"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a registry said of a reference."""

    pinned: str | None
    """The reference by digest; None: the registry did not tell."""
    reason: str = ""
    """Why not, as a CamelCase word."""
    message: str = ""
    state: ReplicationState = "Completed"
    """What that means for a region."""


Findings = Mapping[str, Finding]
"""By reference, as it stands in the spec."""


def is_pinned(reference: str) -> bool:
    """Whether a reference names its content, so that nobody can move it (V8); of a claim no registry knows."""
    return BY_DIGEST in reference or reference.startswith(CLAIM_REFERENCE)


def open_questions(version: ImageVersion) -> tuple[str, ...]:
    """The references that are worth asking registries for; none any more when all is known."""
    spec, status = version.spec, version.status
    wanted = [] if status.resolved_image is not None or is_pinned(spec.reference) else [spec.reference]
    for target in spec.target_regions:
        known, reference = regions.found(version, target), regions.reference(version, target)
        verified = known is not None and known.state == "Completed"
        resolved = is_pinned(reference) or (known is not None and known.resolved_image is not None)
        if (spec.replication == "Verified" and not verified) or (target.image is not None and not resolved):
            wanted.append(reference)
    return tuple(dict.fromkeys(wanted))


def resolved_image(version: ImageVersion, findings: Findings | None) -> str | None:
    """V8: the first resolution counts for ever; a tag that is moved later changes nothing."""
    if version.status.resolved_image is not None:
        return version.status.resolved_image
    if is_pinned(version.spec.reference):
        return version.spec.reference
    finding = (findings or {}).get(version.spec.reference)
    return finding.pinned if finding is not None else None


def is_awaited(version: ImageVersion, findings: Findings | None) -> bool:
    """Whether a new version is to wait for its registry's first answer.

    Once somebody may use it, it does not become unready again because a registry is out of reach (T9).
    """
    if findings is None or version.spec.reference in findings or resolved_image(version, findings) is not None:
        return False
    ready = find(version.status.conditions, "Ready")
    return find(version.status.conditions, TYPE) is None and (ready is None or ready.status != "True")


def condition(version: ImageVersion, findings: Findings | None) -> Wanted | None:
    """The condition Resolved; None where registries are not asked."""
    if findings is None:
        return None
    resolved = resolved_image(version, findings)
    if resolved is not None:
        return Wanted(TYPE, "True", Publishing.RESOLVED, f"instances get {resolved}")
    finding = findings.get(version.spec.reference)
    if finding is not None:
        message = f"{finding.message}; until it can be resolved, instances get the tag {version.spec.reference}"
        return Wanted(TYPE, "False", finding.reason, message)
    before = find(version.status.conditions, TYPE)  # asked before a restart of the controller
    if before is not None:
        return Wanted(TYPE, before.status, before.reason, before.message)
    return Wanted(
        TYPE, "Unknown", Publishing.RESOLVING, f"asking the registry for the digest of {version.spec.reference}"
    )


def replication(version: ImageVersion, findings: Findings | None) -> tuple[RegionReplication, ...]:
    """The state of each target region, in the order of the spec."""
    return tuple(_region(version, target, findings) for target in version.spec.target_regions)


def _region(version: ImageVersion, target: TargetRegion, findings: Findings | None) -> RegionReplication:
    reference, known = regions.reference(version, target), regions.found(version, target)
    finding = (findings or {}).get(reference)
    pinned = known.resolved_image if known is not None else None
    if pinned is None and target.image is not None:
        pinned = reference if is_pinned(reference) else finding.pinned if finding is not None else None
    state, message = _state(version, target, known, finding, asked=findings is not None)
    return RegionReplication(region=target.name, state=state, image=reference, resolved_image=pinned, message=message)


def _state(
    version: ImageVersion,
    target: TargetRegion,
    known: RegionReplication | None,
    finding: Finding | None,
    *,
    asked: bool,
) -> tuple[ReplicationState, str]:
    if known is not None and known.state == "Completed":
        return "Completed", ""  # for good: an outage later must not take a region back
    if version.spec.replication == "Verified":
        if finding is not None:
            return finding.state, finding.message
        if not asked:
            return "Unknown", "this controller does not ask registries (resolveDigests is off)"
        return ("Unknown", "") if known is None else (known.state, known.message)
    own_tag = target.image is not None and not is_pinned(target.image)
    if asked and own_tag and finding is None and known is None:
        return "Unknown", "asking the registry for the digest"
    return "Completed", ""
