"""What the API server answers when it says no, as types: callers catch what they can handle and nothing else."""


class ApiError(Exception):
    """An answer of the API server that is not a success, or no answer at all.

    `code` is the HTTP status (0: no answer), `reason` the machine word of the Status object, `message` the server's
    own sentence, and `causes` the messages of `details.causes[]` (an eviction names its budget only there).
    """

    def __init__(self, code: int, reason: str, message: str, causes: tuple[str, ...] = ()) -> None:
        super().__init__(f"{reason or code}: {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.causes = causes


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


class Forbidden(ApiError):
    """403: not allowed by RBAC, quota, pod security, or a missing service account or priority class."""


class Invalid(ApiError):
    """400 or 422: the object itself is wrong."""
