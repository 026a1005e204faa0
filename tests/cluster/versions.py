"""Image versions that are deleted, and how long that waits (V7)."""

from tests.cluster.audit import Json
from tests.cluster.world import World, condition


def delete(world: World, name: str) -> None:
    world("delete", "imageversion", name, "--wait=false")


def until_waiting(world: World, name: str, *parts: str) -> Json:
    """Until a version says that its deletion waits, and who for; returns it."""

    def says() -> Json | None:
        found = world.get("imageversions", name)
        ready = condition(found, "Ready")
        waits = (ready.get("status"), ready.get("reason")) == ("False", "InUse")
        return found if waits and all(part in ready["message"] for part in parts) else None

    return world.until(f"{name} waits, and says {parts}", says)


def until_gone(world: World, *names: str) -> None:
    for name in names:
        world.until(f"{name} is gone", lambda name=name: world.find("imageversions", name) is None)
