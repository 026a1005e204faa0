"""What the API server answers when it says no, as types: callers catch what they can handle and nothing else."""
# ruff: noqa: N818 - named after the reasons of the Status objects that they stand for

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """An answer of the API server that is not a success, or no answer at all.

    `code` is the HTTP status (0: no answer), `reason` the machine word of the Status object, `message` the server's
    own sentence, and `causes` the messages of `details.causes[]` (an eviction names its budget only there).
    `retry_after` is the number of seconds that the server asked to wait, if it did.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        causes: tuple[str, ...] = (),
        *,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{reason or code}: {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.causes = causes
        self.retry_after = retry_after


class Conflict(ApiError):
    """409: the object changed since it was read, or a precondition (uid) failed. Read again, decide again."""


class AlreadyExists(ApiError):
    """409 on create: an object of that name is there."""


class NotFound(ApiError):
    """404: no such object, or no such resource."""


class Gone(ApiError):
    """410: a resource version is too old to watch from; list anew."""


class Throttled(ApiError):
    """429: asked to slow down, or an eviction that a PodDisruptionBudget refuses."""


class Unavailable(ApiError):
    """5xx, a lost connection or a deadline passed: nobody knows whether the call took effect."""


class Unauthorized(ApiError):
    """401: the credentials are missing, wrong or expired."""


class Forbidden(ApiError):
    """403: not allowed by RBAC, quota, pod security, or a missing service account or priority class."""


class Invalid(ApiError):
    """400, 413 or 422: the object itself is wrong."""


class NotConfigured(Exception):
    """No usable way to an API server: no or a broken kubeconfig, and not inside a cluster."""


_BY_CODE: Mapping[int, type[ApiError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: Invalid,
    422: Invalid,
    429: Throttled,
}


def from_status(code: int, status: Mapping[str, Any], *, text: str = "", retry_after: float | None = None) -> ApiError:
    """The error for an HTTP code and the Status object that came with it.

    `status` may be empty (a proxy answered, not the API server): then `text` is the message. `retry_after`, in
    seconds, is the answer's header; without it the Status' own `retryAfterSeconds` counts.
    """
    reason = str(status.get("reason") or "")
    details = status.get("details") or {}
    causes = tuple(str(cause.get("message") or "") for cause in details.get("causes") or ())
    if retry_after is None and details.get("retryAfterSeconds"):
        retry_after = float(details["retryAfterSeconds"])
    kind = Unavailable if code >= 500 else _BY_CODE.get(code, ApiError)
    if code == 409 and reason == "AlreadyExists":
        kind = AlreadyExists
    message = str(status.get("message") or text or f"HTTP {code}")
    return kind(code, reason, message, causes, retry_after=retry_after)
