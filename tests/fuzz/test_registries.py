"""What registries and token servers answer, and what users write about them."""

import base64
import json
import traceback
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given
from multidict import CIMultiDict

from rollkeeper.registry import auth, credentials, reference
from rollkeeper.registry.client import _check_manifest, _tags
from rollkeeper.registry.credentials import read_secret
from rollkeeper.registry.errors import BadCredentials, InvalidReference, Malformed, RegistryError
from rollkeeper.registry.patterns import InvalidPattern, TagPattern
from rollkeeper.registry.transport import Answer, _retry_after, refusal
from tests.fuzz.inputs import DEEP, FUZZED, VALUES, bodies, changed, refused_or, texts

IMAGES = texts(
    "registry.example.com:5000/team/os:1.10.0",
    "os@sha256:" + "0" * 64,
    "[::1]:5000/a/b__c.d-e:v1@sha512:" + "f" * 128,
    "localhost/os",
)
CHALLENGES = texts(
    'Bearer realm="https://auth.example.com/token",service="registry.example.com",scope="repository:a/b:pull,push"',
    'Basic realm="a \\"quoted\\" word"',
    "Bearer realm=http://[::1]:5000/token",
)
PATTERNS = texts(r"v?(\d+\.\d+\.\d+)", r"build-(?P<version>[0-9.]+)", r"(a+)+b", r"[", r"\1(x)", r"(?=a)(b)")
AUTH = base64.b64encode(b"someone:hush-hush").decode()
CONFIG = {"auths": {"https://index.docker.io/v1/": {"auth": AUTH}, "*.example.com/team": {"identitytoken": "t"}}}
MANIFEST = {"schemaVersion": 2, "config": {"digest": "sha256:1"}, "layers": []}
LINKS: dict[str, str] = {}


def answer(body: bytes, status: int = 200, **headers: str) -> Answer:
    given_headers = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return Answer(status, given_headers, body, LINKS)


@FUZZED
@given(IMAGES)
def test_v8_image_references(text: str) -> None:
    found = refused_or(lambda: reference.parse(text), InvalidReference)
    if found is not None:
        assert text.startswith(found.repository.name)
        assert found.repository.registry
        assert reference.parse(found.repository.pinned("sha256:" + "1" * 64)).repository == found.repository


@FUZZED
@given(IMAGES)
def test_repositories(text: str) -> None:
    found = refused_or(lambda: reference.parse_repository(text), InvalidReference)
    assert found is None or found.name == text


@FUZZED
@given(PATTERNS, texts("v1.10.0", "build-7", "a" * 200))
@example(r"(a+)+b", "a" * 100_000)
def test_tag_patterns_never_backtrack(pattern: str, tag: str) -> None:
    found = refused_or(lambda: TagPattern(pattern), InvalidPattern)
    if found is not None:
        version = found.version_of(tag)
        assert version is None or version in tag


@FUZZED
@given(CHALLENGES, st.booleans())
@example('Bearer realm="http://[::1"', True)
def test_www_authenticate(header: str, plain: bool) -> None:
    challenge = refused_or(lambda: auth.parse_challenge(header), Malformed)
    if challenge is not None:
        realm = refused_or(lambda: auth.realm_of(challenge, plain_http=plain), Malformed)
        assert realm is None or realm.startswith("https://") or plain


@FUZZED
@given(VALUES | changed({"token": "hush", "access_token": "quiet", "expires_in": 300}))
@example({"token": "hush", "expires_in": 10**400})
@example({"token": "hush", "expires_in": float("nan")})
def test_tokens(said: Any) -> None:
    token = refused_or(lambda: auth.read_token(said, 1000.0), Malformed)
    if token is not None:
        assert "hush" not in repr(token)
        assert 1000 < token.until <= 1000 + auth.MAX_TOKEN_SECONDS


@FUZZED
@given(bodies(CONFIG), st.sampled_from(credentials.CONFIG_KEYS))
def test_docker_configurations(content: bytes, key: str) -> None:
    data = {key: base64.b64encode(content).decode()}
    keychain = refused_or(lambda: read_secret(data), BadCredentials)
    if keychain is not None:
        keychain.login_for(reference.parse_repository("registry.example.com/team/os"))


@FUZZED
@given(changed(CONFIG))
def test_no_word_of_a_secret_is_in_an_error(config: Any) -> None:
    data = {".dockerconfigjson": base64.b64encode(json.dumps(config).encode()).decode()}
    try:
        shown = repr(read_secret(data))
    except BadCredentials as error:
        shown = "".join(traceback.format_exception(error))
    assert "hush" not in shown
    assert AUTH not in shown


@FUZZED
@given(texts(base64.b64encode(json.dumps(CONFIG).encode()).decode()))
def test_secrets_that_are_no_base64(text: str) -> None:
    refused_or(lambda: read_secret({".dockerconfigjson": text}), BadCredentials)


@FUZZED
@given(bodies({"name": "team/os", "tags": ["1.0.0", "latest"]}))
def test_tag_lists(body: bytes) -> None:
    tags = refused_or(lambda: _tags(answer(body)), Malformed)
    assert tags is None or all(isinstance(tag, str) for tag in tags)


@FUZZED
@given(bodies(MANIFEST), texts("application/vnd.oci.image.manifest.v1+json; charset=utf-8"))
def test_manifests(body: bytes, kind: str) -> None:
    refused_or(lambda: _check_manifest(answer(body, Content_Type=kind), "os:1"), Malformed)


@FUZZED
@given(bodies({"errors": [{"code": "DENIED", "message": "no"}]}), st.integers(300, 599))
def test_refusals(body: bytes, status: int) -> None:
    error = refusal(answer(body, status), "os:1")
    assert isinstance(error, RegistryError)
    assert len(error.message) < 500


@FUZZED
@given(texts("120", "Fri, 31 Dec 1999 23:59:59 GMT", "9" * 400), texts("Fri, 31 Dec 1999 23:59:58 GMT"))
def test_retry_after(text: str, date: str) -> None:
    seconds = _retry_after(answer(b"", 429, Retry_After=text, Date=date))
    assert seconds is None or seconds >= 0


def test_json_without_end_is_no_answer() -> None:
    with pytest.raises(Malformed):
        answer(DEEP.encode()).json()
