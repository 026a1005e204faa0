"""OS disks in claims: a version is a golden claim, each instance has a clone of it, and old clones go (B5, H3)."""

from rollkeeper.api.v1alpha1.names import CLAIM_REFERENCE
from rollkeeper.engine.actions import DeleteOSDisk
from rollkeeper.engine.context import Context
from rollkeeper.engine.snapshot import OSDisk, is_same


def golden_claim(reference: str) -> str | None:
    """The claim that a version is, by what its instances get; None: it is a container image."""
    return reference.removeprefix(CLAIM_REFERENCE) if reference.startswith(CLAIM_REFERENCE) else None


def obsolete(ctx: Context) -> list[DeleteOSDisk]:
    """The clones that nobody runs, and that nobody can be put back on: for when nothing is in hand (F7)."""
    return [
        DeleteOSDisk(disk.name, disk.uid, disk.ordinal) for disk in ctx.snapshot.os_disks if not _is_needed(ctx, disk)
    ]


def _is_needed(ctx: Context, disk: OSDisk) -> bool:
    instance, meant = ctx.instances.get(disk.ordinal), ctx.assignment.get(disk.ordinal)
    if instance is None:  # made again, it goes on with its disk (F5)
        return meant is not None and (disk.version, disk.revision) == (meant.version, meant.revision)
    under_way = instance.unfinished or meant is None or not is_same(instance.pair, meant)
    return under_way or disk.name in instance.claims
