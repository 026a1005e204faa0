"""How registries ask who we are: a Basic or Bearer challenge, and a token from the server that it names."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from rollkeeper.registry.errors import Malformed

_SCHEME = re.compile(r"\s*(\w+)\s*")
_PARAMETER = re.compile(r"""\s*(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))\s*,?""")

MIN_TOKEN_SECONDS = 60.0
"""What a token lives for when the server does not say, by the distribution specification."""
MAX_TOKEN_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a 401 asks for."""

    scheme: str
    """In lower case: basic or bearer."""
    parameters: Mapping[str, str]


def parse_challenge(header: str) -> Challenge:
    """Reads a WWW-Authenticate header. Raises Malformed."""
    scheme = _SCHEME.match(header)
    if scheme is None or scheme.group(1).lower() not in {"basic", "bearer"}:
        raise Malformed(f"the registry asks for an authentication that is not known here: {header[:100]!r}")
    found = {
        name.lower(): re.sub(r"\\(.)", r"\1", quoted) or plain
        for name, quoted, plain in _PARAMETER.findall(header[scheme.end() :])
    }
    return Challenge(scheme.group(1).lower(), found)


def realm_of(challenge: Challenge, *, plain_http: bool) -> str:
    """Where tokens are to be had. Raises Malformed.

    A registry that is spoken to over TLS must not make us send a password in the clear.
    """
    realm = challenge.parameters.get("realm", "")
    allowed = {"https", "http"} if plain_http else {"https"}
    if not _is_address(realm, allowed):
        raise Malformed(f"the registry names no usable token server (realm {realm[:200]!r}): it must be an https URL")
    return realm


def _is_address(realm: str, schemes: Collection[str]) -> bool:
    try:
        address = urlsplit(realm)
    except ValueError:  # such as a bracket that is not closed
        return False
    return address.scheme in schemes and bool(address.hostname)


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and until when it is used, by the event loop's clock."""

    value: str = field(repr=False)
    until: float


def read_token(answer: object, now: float) -> Token:
    """A token server's answer. Raises Malformed."""
    if isinstance(answer, dict):
        value = answer.get("token") or answer.get("access_token")
        seconds = answer.get("expires_in") or MIN_TOKEN_SECONDS
        if isinstance(value, str) and isinstance(seconds, int | float):
            # Nine tenths, so that it does not run out on its way. JSON has numbers that are none, too: the bounds stay.
            return Token(value, now + 0.9 * max(MIN_TOKEN_SECONDS, min(MAX_TOKEN_SECONDS, seconds)))
    raise Malformed("the token server's answer has no token in it")
