"""Docker configurations as pull secrets hold them: which login fits, and what is none."""

import json
from base64 import b64encode
from typing import Any

import pytest

from rollkeeper.registry.credentials import read_secret
from rollkeeper.registry.errors import BadCredentials
from rollkeeper.registry.reference import parse_repository


def encoded(content: object) -> str:
    return b64encode(json.dumps(content).encode()).decode()


def auth(text: str) -> dict[str, str]:
    return {"auth": b64encode(text.encode()).decode()}


def secret(**auths: Any) -> dict[str, str]:
    return {".dockerconfigjson": encoded({"auths": auths})}


FITS: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "the host": ({"r.example": auth("u:p")}, "r.example/os", "u"),
    "another host": ({"r.example": auth("u:p")}, "s.example/os", None),
    "another port": ({"r.example": auth("u:p")}, "r.example:5000/os", None),
    "host and port": ({"r.example:5000": auth("u:p")}, "r.example:5000/os", "u"),
    "as docker login writes the hub": ({"https://index.docker.io/v1/": auth("u:p")}, "nginx", "u"),
    "a URL": ({"https://r.example/v2/": auth("u:p")}, "r.example/os", "u"),
    "a path": ({"r.example/team": auth("u:p")}, "r.example/team/os", "u"),
    "another path": ({"r.example/team": auth("u:p")}, "r.example/others/os", None),
    "the beginning of a word is no path": ({"r.example/te": auth("u:p")}, "r.example/team", None),
    "the longest path": ({"r.example": auth("a:p"), "r.example/team": auth("b:p")}, "r.example/team/os", "b"),
    "a wildcard": ({"*.r.example": auth("u:p")}, "eu.r.example/os", "u"),
    "a wildcard is one label": ({"*.r.example": auth("u:p")}, "a.b.r.example/os", None),
    "two fields": ({"r.example": {"username": "u", "password": "p"}}, "r.example/os", "u"),
    "nothing": ({}, "r.example/os", None),
}


@pytest.mark.parametrize(("auths", "repository", "user"), FITS.values(), ids=FITS)
def test_the_login_that_fits(auths: dict[str, Any], repository: str, user: str | None) -> None:
    login = read_secret(secret(**auths)).login_for(parse_repository(repository))
    assert (login and login.username) == user


def test_a_password_may_have_colons() -> None:
    login = read_secret(secret(r=auth("u:p:q"))).login_for(parse_repository("r:1/os"))
    assert login is None
    login = read_secret(secret(**{"r.example": auth("u:p:q")})).login_for(parse_repository("r.example/os"))
    assert login is not None
    assert (login.username, login.password) == ("u", "p:q")


def test_the_older_kind_of_secret() -> None:
    keychain = read_secret({".dockercfg": encoded({"r.example": auth("u:p")})})
    assert keychain.login_for(parse_repository("r.example/os")) is not None


BAD: dict[str, tuple[dict[str, str], str]] = {
    "another kind of secret": ({"password": "aHVzaA=="}, "has no .dockerconfigjson"),
    "no base64": ({".dockerconfigjson": "%%"}, "is no Docker configuration"),
    "no JSON": ({".dockerconfigjson": b64encode(b"hush").decode()}, "is no Docker configuration"),
    "no auths": ({".dockerconfigjson": encoded({"hush": 1})}, "is no Docker configuration"),
    "a list": ({".dockerconfigjson": encoded([1])}, "is no Docker configuration"),
    "an entry that is none": (secret(**{"r.example": "hush"}), "is no Docker configuration"),
    "an auth that is no base64": (secret(**{"r.example": {"auth": "hush!"}}), "is no Docker configuration"),
}


@pytest.mark.parametrize(("data", "says"), BAD.values(), ids=BAD)
def test_a_secret_that_can_not_be_used_is_told_without_its_content(data: dict[str, str], says: str) -> None:
    with pytest.raises(BadCredentials, match=says) as refused:
        read_secret(data)
    assert "hush" not in str(refused.value)
    assert refused.value.__cause__ is None
