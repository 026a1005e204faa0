"""V8: what a real registry answers, with and without authentication."""

import pytest

from hack.localregistry import PASSWORD, USER, LocalRegistry
from rollkeeper.registry.credentials import Keychain, Login
from rollkeeper.registry.errors import Denied, Hung, NotThere, Unreachable
from rollkeeper.registry.reference import parse, parse_repository
from tests.registry.asking import asking, image, keychain
from tests.registry.tokens import Tokens


async def test_digest_of_a_tag(registry: LocalRegistry) -> None:
    pushed = registry.push("os/base", "1.0.0")
    async with asking() as registries:
        assert await registries.digest(image(registry, "os/base:1.0.0")) == pushed
        assert await registries.digest(image(registry, f"os/base@{pushed}")) == pushed


async def test_a_tag_that_is_moved_has_another_digest(registry: LocalRegistry) -> None:
    before = registry.push("os/moved", "1.0.0", "one")
    async with asking() as registries:
        assert await registries.digest(image(registry, "os/moved:1.0.0")) == before
        after = registry.push("os/moved", "1.0.0", "two")
        assert before != after
        assert await registries.digest(image(registry, "os/moved:1.0.0")) == after
        assert await registries.digest(image(registry, f"os/moved:1.0.0@{before}")) == before


async def test_an_image_for_several_architectures_is_pinned_as_a_whole(registry: LocalRegistry) -> None:
    index = registry.push_index("os/multi", "1.0.0", ("amd64", "arm64"))
    async with asking() as registries:
        assert await registries.digest(image(registry, "os/multi:1.0.0")) == index


async def test_all_pages_of_a_tag_list(registry: LocalRegistry) -> None:
    pushed = [f"1.{n}.0" for n in range(11)]
    for tag in pushed:
        registry.push("os/many", tag, "the same")
    async with asking(page=4) as registries:
        assert sorted(await registries.tags(image(registry, "os/many").repository)) == sorted(pushed)


async def test_what_is_not_there(registry: LocalRegistry) -> None:
    registry.push("os/base", "1.0.0")
    async with asking() as registries:
        with pytest.raises(NotThere, match=r"the registry has no .*/os/base:9\.9\.9 \(HTTP 404"):
            await registries.digest(image(registry, "os/base:9.9.9"))
        with pytest.raises(NotThere, match=r"the registry has no repository .*/os/nowhere \(HTTP 404: NAME_UNKNOWN"):
            await registries.tags(image(registry, "os/nowhere").repository)


async def test_user_name_and_password(locked: LocalRegistry) -> None:
    pushed = locked.push("team/os", "1.0.0")
    async with asking() as registries:
        assert await registries.digest(image(locked, "team/os:1.0.0"), keychain(locked)) == pushed
        assert await registries.tags(image(locked, "team/os").repository, keychain(locked)) == ("1.0.0",)


async def test_no_and_wrong_credentials_say_what_to_do(locked: LocalRegistry) -> None:
    locked.push("team/os", "1.0.0")
    async with asking() as registries:
        with pytest.raises(Denied, match=r"no credentials for 127\.0\.0\.1:\d+ were given: name a Secret"):
            await registries.digest(image(locked, "team/os:1.0.0"))
        with pytest.raises(Denied, match="correct the credentials for 127") as refused:
            await registries.digest(image(locked, "team/os:1.0.0"), keychain(locked, "wrong-one"))
        assert "wrong-one" not in str(refused.value)


async def test_tokens(guarded: LocalRegistry, tokens: Tokens) -> None:
    pushed = guarded.push("team/os", "1.0.0", token=tokens.token("repository:team/os:pull,push"))
    before = tokens.given
    async with asking() as registries:
        for _ in range(3):
            assert await registries.digest(image(guarded, "team/os:1.0.0"), keychain(guarded)) == pushed
        assert await registries.tags(image(guarded, "team/os").repository, keychain(guarded)) == ("1.0.0",)
    assert tokens.given == before + 1, "a token is asked for once, and used while it lives"


async def test_a_login_gets_no_other_logins_token(guarded: LocalRegistry, tokens: Tokens) -> None:
    guarded.push("team/secret", "1.0.0", token=tokens.token("repository:team/secret:pull,push"))
    wanted = image(guarded, "team/secret:1.0.0")
    async with asking() as registries:
        await registries.digest(wanted, keychain(guarded))
        with pytest.raises(Denied, match="wrong user name or password"):
            await registries.digest(wanted, keychain(guarded, "guessed"))
        with pytest.raises(Denied, match="no credentials"):
            await registries.digest(wanted)
        elsewhere = Keychain({"registry.example.com": Login(USER, PASSWORD)})
        with pytest.raises(Denied, match="no credentials"):
            await registries.digest(wanted, elsewhere)


async def test_a_registry_that_stops_answering_and_comes_back(registry: LocalRegistry) -> None:
    pushed = registry.push("os/outage", "1.0.0")
    wanted = image(registry, "os/outage:1.0.0")
    async with asking() as registries:
        assert await registries.digest(wanted) == pushed
        registry.stop()
        with pytest.raises(Unreachable, match=rf"{registry.host} does not answer"):
            await registries.digest(wanted)
        with pytest.raises(Unreachable, match="does not answer") as rests:
            await registries.digest(wanted)
        assert rests.value.retry_after is not None, "it was not asked again"
        registry.start()
        registries.wake(wanted.repository)
        assert await registries.digest(wanted) == pushed


async def test_a_registry_that_takes_questions_and_does_not_answer(registry: LocalRegistry) -> None:
    """It costs one time-out, and one worker: it is asked once, by one for all, until it answers again."""
    pushed = registry.push("os/frozen", "1.0.0")
    wanted = image(registry, "os/frozen:1.0.0")
    async with asking(seconds=0.3) as registries:
        with registry.frozen():
            with pytest.raises(Hung, match=rf"{registry.host} does not answer within 0\.3 s"):
                await registries.digest(wanted)
            with pytest.raises(Unreachable, match="within") as rests:
                await registries.digest(wanted)
            assert rests.value.retry_after is not None, "it was not asked again"
        registries.wake(wanted.repository)
        assert await registries.digest(wanted) == pushed


async def test_a_host_that_does_not_exist() -> None:
    async with asking() as registries:
        with pytest.raises(Unreachable, match=r"registry\.invalid does not answer"):
            await registries.digest(parse("registry.invalid/os:1"))
        with pytest.raises(Unreachable) as rests:
            await registries.tags(parse_repository("registry.invalid/os"))
        assert rests.value.retry_after is not None, "it was not asked again"
