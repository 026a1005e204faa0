"""What an ImageSource says of itself: what the last scan found, what is wrong, and what to do."""

from collections.abc import Sequence
from datetime import datetime

from rollkeeper.api.v1alpha1 import ImageSource, ImageSourceStatus
from rollkeeper.engine import conditions
from rollkeeper.engine.conditions import Wanted, find
from rollkeeper.engine.reasons import Scan
from rollkeeper.engine.sources import SHOWN, Plan, Result, Tags
from rollkeeper.engine.versions import image_name

PASSING = frozenset({"RegistryUnreachable", "RegistryThrottled"})
"""Failures that end by themselves; all others wait for a person."""


def scanned(source: ImageSource, scan: Result, now: datetime, request: str | None) -> ImageSourceStatus:
    """After a scan."""
    tags, plan = scan.tags, scan.plan
    made = tuple(p for p in plan.published if p.version not in scan.refused)
    ready = _ready(source, scan, len(made))
    ignored = [*tags.ignored, *scan.unusable]
    wanted = [
        ready,
        _stalled(ready),
        _list(Scan.TAG_MOVED, plan.moved, "not followed: a published version never changes; push a new tag"),
        _list(Scan.TAGS_IGNORED, ignored, "correct the tag or spec.tagPattern, or list it in spec.excludeTags"),
    ]
    return _status(source, wanted, now, request).model_copy(
        update={
            "last_scan_time": now,
            "latest_version": tags.newest[0].version if tags.newest else None,
            "tag_count": tags.total,
            "matching_tag_count": tags.matching,
            "published": made,
        }
    )


def _ready(source: ImageSource, scan: Result, made: int) -> Wanted:
    tags = scan.tags
    if scan.refused:
        return Wanted("Ready", "False", Scan.VERSION_REFUSED, _shown(list(scan.refused.values())))
    if not tags.matching:
        return Wanted("Ready", "False", Scan.NO_MATCHING_TAGS, _nothing(source, tags))
    says = f"{tags.matching} of {tags.total} tags are versions, {made} are published"
    return Wanted("Ready", "True", Scan.SCANNED, says)


def failed(source: ImageSource, reason: str, message: str, now: datetime, request: str | None) -> ImageSourceStatus:
    """After a scan that failed: what was found before stays."""
    ready = Wanted("Ready", "False", reason, f"{message}; it is tried again by itself")
    return _status(source, [ready, _stalled(ready), *_kept(source)], now, request)


def resting(source: ImageSource, now: datetime) -> ImageSourceStatus:
    """Nothing is scanned: suspended, or the controller asks no registries."""
    if source.spec.suspend:
        ready = Wanted("Ready", "True", Scan.SUSPENDED, "nothing is scanned until spec.suspend is false")
    else:
        ready = Wanted(
            "Ready",
            "False",
            Scan.REGISTRIES_NOT_ASKED,
            "this controller asks no registries: run it without --no-resolve-digests",
        )
    request = source.status.last_handled_reconcile_at
    return _status(source, [ready, _stalled(ready), *_kept(source)], now, request)


def newly_moved(source: ImageSource, plan: Plan) -> list[str]:
    """Moved tags that the status does not tell of yet."""
    before = find(source.status.conditions, "TagMoved")
    told = before.message if before is not None and before.status == "True" else ""
    return [sentence for sentence in plan.moved if sentence not in told]


def _status(source: ImageSource, wanted: Sequence[Wanted], now: datetime, request: str | None) -> ImageSourceStatus:
    generation = source.metadata.generation
    return source.status.model_copy(
        update={
            "observed_generation": generation,
            "image_name": image_name(source.spec),
            "last_handled_reconcile_at": request,
            "conditions": conditions.merge(source.status.conditions, wanted, generation, now),
        }
    )


def _kept(source: ImageSource) -> list[Wanted]:
    found = [find(source.status.conditions, type_) for type_ in ("TagMoved", "TagsIgnored")]
    return [Wanted(c.type, c.status, c.reason, c.message) for c in found if c is not None]


def _stalled(ready: Wanted) -> Wanted:
    if ready.status == "True" or ready.reason in PASSING:
        return Wanted("Stalled", "False", Scan.NOT_STALLED)
    return Wanted("Stalled", "True", ready.reason, ready.message)


def _list(type_: Scan, sentences: Sequence[str], advice: str) -> Wanted:
    if not sentences:
        return Wanted(type_, "False", Scan.NONE)
    return Wanted(type_, "True", type_, f"{_shown(sentences)}: {advice}")


def _shown(sentences: Sequence[str]) -> str:
    more = f"; and {len(sentences) - SHOWN} more" if len(sentences) > SHOWN else ""
    return "; ".join(sentences[:SHOWN]) + more


def _nothing(source: ImageSource, tags: Tags) -> str:
    pattern = source.spec.tag_pattern
    wanted = f"spec.tagPattern {pattern}" if pattern else "X.Y.Z with or without a v (set spec.tagPattern)"
    return f"none of the {tags.total} tags of {source.spec.repository} is a version by {wanted}"
