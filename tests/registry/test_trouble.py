"""A real registry in trouble: by what is broken in its storage, and by what spoils its answers on the way (V8)."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hack.localregistry import LocalRegistry
from rollkeeper.registry.errors import Ailing, RegistryError, Throttled, Unreachable
from rollkeeper.registry.reference import Reference, parse
from tests.registry.asking import asking, image
from tests.registry.front import Front, Spoil, code, front_of, hung_up, torn


@pytest.fixture
def front(registry: LocalRegistry) -> Iterator[Front]:
    with front_of(registry.host) as started:
        yield started


def through(front: Front, rest: str) -> Reference:
    return parse(f"{front.host}/{rest}")


@contextmanager
def lost(registry: LocalRegistry, digest: str) -> Iterator[None]:
    """The registry's disk has nonsense in the place of a manifest."""
    file = registry.stored(digest)
    content = file.read_bytes()
    file.write_bytes(b"{nonsense")
    yield
    file.write_bytes(content)


async def test_a_manifest_that_is_broken_in_storage_is_an_error_of_that_image_alone(registry: LocalRegistry) -> None:
    broken, sound = registry.push("os/storage", "1.0.0"), registry.push("os/storage", "1.1.0")
    async with asking() as registries:
        with lost(registry, broken):
            with pytest.raises(Ailing, match=rf"{registry.host} answers HTTP 500"):
                await registries.digest(image(registry, "os/storage:1.0.0"))
            with pytest.raises(Ailing, match="answers HTTP 500") as rests:
                await registries.digest(image(registry, "os/storage:1.0.0"))
            assert rests.value.retry_after is not None, "it was not asked again"
            assert await registries.digest(image(registry, "os/storage:1.1.0")) == sound
        registries.wake(image(registry, "os/storage").repository)
        assert await registries.digest(image(registry, "os/storage:1.0.0")) == broken


@contextmanager
def without_tags(registry: LocalRegistry, path: str) -> Iterator[None]:
    """The registry's disk has a file in the place of a repository's folder of tags."""
    tags = registry.repository(path) / "_manifests" / "tags"
    aside = tags.rename(tags.with_name("aside"))
    tags.touch()
    yield
    tags.unlink()
    aside.rename(tags)


async def test_a_tag_list_that_is_broken_in_storage(registry: LocalRegistry) -> None:
    registry.push("os/listed", "1.0.0")
    async with asking() as registries:
        with without_tags(registry, "os/listed"), pytest.raises(Ailing, match="answers HTTP 500"):
            await registries.tags(image(registry, "os/listed").repository)
        registries.wake(image(registry, "os/listed").repository)
        assert await registries.tags(image(registry, "os/listed").repository) == ("1.0.0",)


PASSES: dict[str, list[Spoil]] = {
    "500, then 503": [code(500), code(503)],
    "429 for a moment": [code(429, Retry_After="0")],
    "hung up": [hung_up, hung_up],
}


@pytest.mark.parametrize("spoils", PASSES.values(), ids=PASSES)
async def test_trouble_that_passes_is_not_noticed(front: Front, registry: LocalRegistry, spoils: list[Spoil]) -> None:
    pushed = registry.push("os/passes", "1.0.0")
    front.spoils.extend(spoils)
    async with asking() as registries:
        assert await registries.digest(through(front, "os/passes:1.0.0")) == pushed
    assert len(front.asked) == len(spoils) + 1


STAYS: dict[str, tuple[Spoil, type[RegistryError], str]] = {
    "500": (code(500), Ailing, "answers HTTP 500"),
    "429": (code(429, Retry_After="120"), Throttled, "asks to slow down"),
    "429 without a time": (code(429), Throttled, "asks to slow down"),
    "hung up": (hung_up, Unreachable, "does not answer"),
}


@pytest.mark.parametrize(("spoil", "error", "says"), STAYS.values(), ids=STAYS)
async def test_trouble_that_stays_is_told_in_the_same_words_and_ends(
    front: Front, registry: LocalRegistry, spoil: Spoil, error: type[RegistryError], says: str
) -> None:
    """While it lasts the registry has its rest; when a person asks, or later by itself, it is tried again."""
    pushed = registry.push("os/stays", "1.0.0")
    wanted = through(front, "os/stays:1.0.0")
    front.always = spoil
    async with asking() as registries:
        with pytest.raises(error, match=says):
            await registries.digest(wanted)
        asked = len(front.asked)
        with pytest.raises(error, match=says):
            await registries.digest(wanted)
        assert len(front.asked) == asked, "it has its rest"
        front.mend()
        registries.wake(wanted.repository)
        assert await registries.digest(wanted) == pushed


async def test_a_list_that_is_torn_off_is_not_taken_for_a_short_one(front: Front, registry: LocalRegistry) -> None:
    for number in range(3):
        registry.push("os/torn", f"1.{number}.0")
    front.always = torn
    wanted = through(front, "os/torn").repository
    async with asking() as registries:
        with pytest.raises(Unreachable, match="does not answer"):
            await registries.tags(wanted)
        front.mend()
        registries.wake(wanted)
        assert sorted(await registries.tags(wanted)) == ["1.0.0", "1.1.0", "1.2.0"]


async def test_trouble_on_the_second_page_loses_the_whole_list(front: Front, registry: LocalRegistry) -> None:
    """Half a list would look like tags that were taken away."""
    for number in range(4):
        registry.push("os/pages", f"1.{number}.0", "the same")
    wanted = through(front, "os/pages").repository
    async with asking(page=2) as registries:
        assert len(await registries.tags(wanted)) == 4
        pages = len(front.asked)
        front.spoils.append(lambda handler: handler.answer(*handler.ask()))
        front.always = code(500)
        with pytest.raises(Ailing):
            await registries.tags(wanted)
    assert pages >= 2
