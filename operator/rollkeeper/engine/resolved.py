"""The first resolution of each version that a set used: kept in its status, so that nothing can move it (V8)."""

from collections.abc import Iterable
from dataclasses import replace

from rollkeeper.api.v1alpha1 import ScaleSet
from rollkeeper.api.v1alpha1.scale_set_status import MOST_RESOLVED, ResolvedImage
from rollkeeper.engine.resolution import is_pinned
from rollkeeper.engine.snapshot import Pair
from rollkeeper.engine.versions import Catalogue, image_name, parse_version

MOST = 20
"""Kept beyond those in use: the newest."""


def pin(scale_set: ScaleSet, catalogue: Catalogue) -> Catalogue:
    """The catalogue as the set sees it: what it resolved once stays, whoever publishes that number again."""
    name = image_name(scale_set.spec.image_reference)
    kept = {r.version: r.reference for r in scale_set.status.resolved_images if r.image == name}
    return {v: replace(p, image=kept[v]) if v in kept else p for v, p in catalogue.items()}


def remember(scale_set: ScaleSet, catalogue: Catalogue, used: Iterable[Pair]) -> tuple[ResolvedImage, ...]:
    """What to keep: what was kept, and what the set uses now by digest; never two of one version.

    `used` may hold pairs of an image that the set had before (V6): they count only where they are what is published.
    """
    name = image_name(scale_set.spec.image_reference)
    before = {(r.image, r.version): r for r in scale_set.status.resolved_images}
    now = {}
    for pair in used:
        published = catalogue.get(pair.version)
        if published is not None and published.image == pair.image and is_pinned(pair.image):
            now[name, pair.version] = ResolvedImage(image=name, version=pair.version, reference=pair.image)
    rest = sorted(before.keys() - now.keys(), key=lambda key: (key[0] == name, parse_version(key[1])), reverse=True)
    keep = [*(before.get(key, made) for key, made in now.items()), *(before[key] for key in rest[:MOST])]
    return tuple(sorted(keep[:MOST_RESOLVED], key=lambda r: (r.image, parse_version(r.version)), reverse=True))
