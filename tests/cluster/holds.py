"""What keeps a set from trying a version again: its holds and its back-off (F3, F8)."""

from tests.cluster.audit import Json
from tests.cluster.replay import status_of
from tests.cluster.world import World


def holds(scale_set: Json) -> list[tuple[str, str]]:
    """Version and reason of each hold on a version."""
    return [(hold["version"], hold["reason"]) for hold in status_of(scale_set).get("heldVersions", ())]


def end_back_off(world: World) -> None:
    """Moves the end of the only back-off, which takes minutes, into the past: the one thing played here is time."""
    (retry,) = status_of(world.get("scalesets", "web"))["retry"]
    over = world.get("scalesets", "web")["metadata"]["creationTimestamp"]
    world.patch_status("scaleset", "web", {"retry": [{**retry, "notBefore": over}]})
