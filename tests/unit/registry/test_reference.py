"""Image references as container runtimes read them."""

import pytest

from rollkeeper.registry.errors import InvalidReference
from rollkeeper.registry.reference import parse, parse_repository

SHA = "sha256:" + "0123456789abcdef" * 4
READ: dict[str, tuple[str, str, str, str]] = {
    "a name alone": ("nginx", "registry-1.docker.io", "library/nginx", "latest"),
    "a tag": ("nginx:1.2.3", "registry-1.docker.io", "library/nginx", "1.2.3"),
    "a user's": ("team/os:v1", "registry-1.docker.io", "team/os", "v1"),
    "the hub by name": ("docker.io/nginx:1", "registry-1.docker.io", "library/nginx", "1"),
    "the hub by its old name": ("index.docker.io/team/os:1", "registry-1.docker.io", "team/os", "1"),
    "a host": ("registry.example.com/os/base:1.10.0", "registry.example.com", "os/base", "1.10.0"),
    "a port": ("registry.example.com:5000/os:1", "registry.example.com:5000", "os", "1"),
    "a port and no tag": ("localhost:5000/os", "localhost:5000", "os", "latest"),
    "localhost": ("localhost/os:1", "localhost", "os", "1"),
    "IPv6": ("[::1]:5000/os:1", "[::1]:5000", "os", "1"),
    "a digest": (f"registry.example.com/os@{SHA}", "registry.example.com", "os", SHA),
    "with both the digest counts": (f"registry.example.com/os:1@{SHA}", "registry.example.com", "os", SHA),
    "separators": ("r.example/a.b/c__d/e-f:1", "r.example", "a.b/c__d/e-f", "1"),
}


@pytest.mark.parametrize(("text", "host", "path", "target"), READ.values(), ids=READ)
def test_references(text: str, host: str, path: str, target: str) -> None:
    found = parse(text)
    assert (found.repository.host, found.repository.path, found.target) == (host, path, target)


BAD = ["", " ", ":1", "os:", "Os:1", "os@", "os@sha256:12", f"os@{SHA}0", "a//b:1", "http://r.example/os:1", "os:a b"]
BAD += ["r.example/:1", "os:" + "a" * 129, "../os:1", "r.example/os/:1", "os@sha1:" + "a" * 40, "os:-1", "-os:1"]


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_reference_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(InvalidReference, match="is no image reference: write it like registry"):
        parse(text)


def test_v8_pinned_references_keep_the_name_that_the_user_wrote() -> None:
    for name in ("nginx", "team/os", "localhost:5000/os", "registry.example.com/os/base"):
        assert parse(f"{name}:1").repository.pinned(SHA) == f"{name}@{SHA}"


@pytest.mark.parametrize("text", ["registry.example.com/os:1", f"os@{SHA}"])
def test_a_repository_has_no_tag(text: str) -> None:
    with pytest.raises(InvalidReference, match="names one image: leave out the tag or digest"):
        parse_repository(text)


LOOPBACK = {"localhost/os": True, "localhost:5000/os": True, "127.0.0.1:5000/os": True, "[::1]:5000/os": True}
LOOPBACK |= {
    "127.0.0.1.example.com/os": False,
    "localhost.example.com/os": False,
    "os": False,
    "10.0.0.1:5000/os": False,
}


@pytest.mark.parametrize(("text", "wanted"), LOOPBACK.items())
def test_only_this_machine_speaks_plain_http_unasked(text: str, wanted: bool) -> None:
    assert parse_repository(text).is_loopback == wanted
