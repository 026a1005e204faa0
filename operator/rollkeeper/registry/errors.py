"""What a registry answers when it says no, as types: each with the reason that conditions show, and a sentence."""
# ruff: noqa: N818 - named after what happened, as the API server's errors are


class RegistryError(Exception):
    """A registry did not give what it was asked for.

    `reason` is a CamelCase word for conditions. `retry_after` is the number of seconds after which it is worth trying
    again, if that is known.
    """

    reason = "RegistryError"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class InvalidReference(RegistryError):
    """The text is no image reference, or not one that can be asked for."""

    reason = "InvalidReference"


class Unreachable(RegistryError):
    """No answer: no such host, refused, lost, or too slow; or a server error. The registry may be back later."""

    reason = "RegistryUnreachable"


class Hung(Unreachable):
    """No answer in time: the registry takes requests, or drops them, and says nothing."""


class Ailing(Unreachable):
    """5xx: the registry answers, and can't say what it was asked."""


class Throttled(RegistryError):
    """429: asked to slow down."""

    reason = "RegistryThrottled"


class Denied(RegistryError):
    """401 or 403: no credentials, wrong ones, or not allowed. Registries also say so of what does not exist."""

    reason = "RegistryAccessDenied"


class NotThere(RegistryError):
    """404: no such repository, tag or manifest."""

    reason = "ManifestNotFound"


class Malformed(RegistryError):
    """The answer is not what a registry answers: another kind of server, or a broken manifest."""

    reason = "MalformedAnswer"


class BadCredentials(RegistryError):
    """A Secret is not a Docker configuration."""

    reason = "InvalidSecret"
