"""What the reflector takes for granted of lists."""

import asyncio

import pytest

from rollkeeper.controllers.resources import SCALE_SETS
from rollkeeper.kube.resources import LEASES
from tests.contract.bodies import lease, made, version_of
from tests.contract.worlds import World


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        (None, "abc"),
        ("tier=web", "ab"),
        ("tier==web,size=big", "a"),
        ("tier!=web", "c"),
        ("tier in (web, db)", "ab"),
        ("tier notin (web)", "c"),
        ("size", "a"),
        ("!size", "bc"),
        ("tier=web,!size", "b"),
        ("no-such=", ""),
    ],
)
async def test_label_selectors(world: World, selector: str | None, found: str) -> None:
    for name, labels in (("a", {"tier": "web", "size": "big"}), ("b", {"tier": "web"}), ("c", {})):
        await made(world, LEASES, lease(name, labels=labels))
    listing = await world.api.list(LEASES, world.namespace, label_selector=selector)
    assert "".join(item["metadata"]["name"] for item in listing.items) == found


async def test_a_list_has_all_of_it_whatever_the_size_of_a_page(world: World) -> None:
    names = [f"lease-{number:04}" for number in range(620)]
    await asyncio.gather(*(made(world, LEASES, lease(name)) for name in names))
    listing = await world.api.list(LEASES, world.namespace)
    assert [item["metadata"]["name"] for item in listing.items] == names
    assert {(item["apiVersion"], item["kind"]) for item in listing.items} == {(LEASES.api_version, LEASES.kind)}
    newest = max(int(version_of(item)) for item in listing.items)
    assert int(listing.resource_version) >= newest
    everywhere = await world.api.list(LEASES)
    assert {version_of(item) for item in listing.items} <= {version_of(item) for item in everywhere.items}


async def test_an_empty_list_has_a_version(world: World) -> None:
    listing = await world.api.list(SCALE_SETS, world.namespace)
    assert listing.items == ()
    assert int(listing.resource_version) > 0
