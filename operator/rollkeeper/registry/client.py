"""What a registry knows: the digest behind a reference (V8), and a repository's tags.

The OCI distribution API over aiohttp. The libraries that there are for it don't fit: `oras` and `python-dxf` block the
event loop and are made to move images; `aioregistry` is asynchronous, but reads the first page of tags only, and knows
neither back-off nor limits.
"""

import asyncio
import base64
import hashlib
import re
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from rollkeeper.registry import auth
from rollkeeper.registry.auth import Challenge, Token
from rollkeeper.registry.credentials import NOBODY, Keychain, Login
from rollkeeper.registry.decoding import read_json
from rollkeeper.registry.errors import Denied, Malformed, RegistryError
from rollkeeper.registry.reference import Reference, Repository
from rollkeeper.registry.transport import Answer, Transport, refusal

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_ACCEPT = ", ".join((*INDEXES, *MANIFESTS))
"""Indexes first: a version for several architectures is pinned as a whole, and each node finds its own in it."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
MOST_TAGS = 100_000
_TOKENS = 1000


@dataclass(frozen=True)
class Registries:
    """Asks registries. Safe to use from many tasks; how many requests run at once is the transport's limit.

    `insecure` names registries that speak plain HTTP, besides those of this machine.
    """

    transport: Transport
    insecure: frozenset[str] = frozenset()
    page: int = 1000
    """Tags to ask for at a time."""
    _tokens: dict[tuple[str, str, Login | None], Token] = field(default_factory=dict, repr=False)

    async def digest(self, reference: Reference, keychain: Keychain = NOBODY, *, insecure: bool = False) -> str:
        """The digest of what a reference stands for now: an index where there is one. Raises RegistryError."""
        ask = _Asking(self, reference.repository, keychain.login_for(reference.repository), insecure=insecure)
        path = f"manifests/{reference.target}"
        what = f"{reference.repository.name}{'@' if reference.digest else ':'}{reference.target}"
        answer = await ask.get("HEAD", path, what)
        _check_type(answer, what)
        digest = answer.headers.get("Docker-Content-Digest", "")
        if not digest:  # the specification does not demand the header
            answer = await ask.get("GET", path, what)
            _check_manifest(answer, what)
            digest = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        if not _DIGEST.fullmatch(digest):
            raise Malformed(f"the registry gives {digest[:100]!r} as the digest of {what}")
        if reference.digest is not None and digest != reference.digest:
            raise Malformed(f"the registry gives {digest} where it was asked for {reference.digest}")
        return digest

    async def tags(
        self, repository: Repository, keychain: Keychain = NOBODY, *, insecure: bool = False
    ) -> tuple[str, ...]:
        """All tags of a repository, page by page, each once. Raises RegistryError."""
        ask = _Asking(self, repository, keychain.login_for(repository), insecure=insecure)
        found: dict[str, None] = {}
        seen: set[str] = set()
        path: str | None = f"tags/list?n={self.page}"
        while path is not None:
            seen.add(path)
            answer = await ask.get("GET", path, f"repository {repository.name}")
            found.update(dict.fromkeys(_tags(answer)))
            path = ask.next_page(answer)
            if path in seen or len(found) > MOST_TAGS:
                raise Malformed(f"the tag list of {repository.name} does not end ({len(found)} tags so far)")
        return tuple(found)

    def wake(self, repository: Repository) -> None:
        """A person asks: try a registry again that is at rest after failures."""
        self.transport.wake(repository.host)

    async def _token(self, key: tuple[str, str, Login | None], realm: str, challenge: Challenge) -> str:
        now = asyncio.get_running_loop().time()
        known = self._tokens.get(key)
        if known is not None and now < known.until:
            return known.value
        _, scope, login = key
        service = challenge.parameters.get("service", "")
        asked = {name: value for name, value in (("service", service), ("scope", scope)) if value}
        if login is not None and login.identity_token:
            form = {
                **asked,
                "grant_type": "refresh_token",
                "client_id": "rollkeeper",
                "refresh_token": login.identity_token,
            }
            answer = await self.transport.request("POST", realm, {}, form)
        else:
            join = "&" if urlsplit(realm).query else "?"
            answer = await self.transport.request("GET", f"{realm}{join}{urlencode(asked)}", _basic(login))
        error = refusal(answer, f"a token of {urlsplit(realm).netloc}")
        if error is not None:
            raise error
        made = auth.read_token(answer.json(), now)
        if len(self._tokens) >= _TOKENS:
            self._tokens.clear()
        self._tokens[key] = made
        return made.value


class _Asking:
    """Questions about one repository as one login, with the answer to the registry's challenge."""

    def __init__(self, of: Registries, repository: Repository, login: Login | None, *, insecure: bool) -> None:
        self._of = of
        self._repository = repository
        self._login = login
        self._plain = insecure or repository.is_loopback or repository.registry in of.insecure
        self._base = f"{'http' if self._plain else 'https'}://{repository.host}/v2/{repository.path}/"
        self._authorization: dict[str, str] = {}

    async def get(self, method: str, path: str, what: str) -> Answer:
        """An answer that is a success. Raises RegistryError."""
        answer = await self._send(method, path)
        if answer.status == 401 and not self._authorization:
            self._authorization = await self._authorize(answer, what)
            answer = await self._send(method, path)
        error = refusal(answer, what)
        if error is not None:
            raise self._explained(error)
        return answer

    async def _send(self, method: str, path: str) -> Answer:
        return await self._of.transport.request(method, self._base + path, {"Accept": _ACCEPT, **self._authorization})

    async def _authorize(self, answer: Answer, what: str) -> dict[str, str]:
        challenge = auth.parse_challenge(answer.headers.get("WWW-Authenticate", ""))
        if challenge.scheme == "basic":
            if self._login is None:
                raise self._explained(Denied(f"the registry refuses access to {what} (HTTP 401)"))
            return _basic(self._login)
        realm = auth.realm_of(challenge, plain_http=self._plain)
        scope = challenge.parameters.get("scope") or f"repository:{self._repository.path}:pull"
        try:
            token = await self._of._token((realm, scope, self._login), realm, challenge)  # noqa: SLF001 - one module
        except Denied as error:
            raise self._explained(error) from error
        return {"Authorization": f"Bearer {token}"}

    def _explained(self, error: RegistryError) -> RegistryError:
        """What to do about a refusal depends on whether we had a login."""
        if not isinstance(error, Denied):
            return error
        if self._login is None:
            return Denied(f"{error.message}; no credentials for {self._repository.registry} were given: name a Secret")
        return Denied(f"{error.message}; correct the credentials for {self._repository.registry} in the Secret")

    def next_page(self, answer: Answer) -> str | None:
        """The rest of a list, as a path below the repository. Raises Malformed when it leads elsewhere."""
        link = answer.links.get("next")
        if link is None:
            return None
        if not link.startswith(self._base):
            raise Malformed(f"the tag list of {self._repository.name} goes on at another place: {link[:200]}")
        return link.removeprefix(self._base)


def _basic(login: Login | None) -> dict[str, str]:
    if login is None or not login.username:
        return {}
    encoded = base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


def _check_type(answer: Answer, what: str) -> None:
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
    if kind not in {*INDEXES, *MANIFESTS}:
        raise Malformed(f"{what} is no image of a known kind (its type is {kind[:100] or 'not given'})")


def _check_manifest(answer: Answer, what: str) -> None:
    _check_type(answer, what)
    try:
        content = read_json(answer.body)
    except ValueError:
        content = None
    if not isinstance(content, dict) or content.get("schemaVersion") != 2:
        raise Malformed(f"the manifest of {what} is not readable")


def _tags(answer: Answer) -> list[str]:
    content = answer.json()
    tags = content.get("tags") if isinstance(content, dict) else None
    if tags is None:  # what registries answer for a repository without tags
        return []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise Malformed("the registry's tag list is not readable")
    return tags
