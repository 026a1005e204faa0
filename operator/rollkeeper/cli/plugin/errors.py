"""How a command ends other than well: what is said, and which exit code says it to a pipeline."""

from collections.abc import Iterator
from contextlib import contextmanager

from rollkeeper.kube.errors import (
    ApiError,
    Forbidden,
    Invalid,
    NotConfigured,
    NotFound,
    Throttled,
    Unauthorized,
    Unavailable,
)

FAULTED = 1
"""The run is Faulted; for commands that wait for none: refused or failed."""
CANCELLED = 2
TIMED_OUT = 3
UNKNOWN = 4
"""A command that waits could not find out how the run went: no such object, no access, no answer."""
USAGE = 64
"""The command line is wrong: not 2, which says "cancelled"."""
INTERRUPTED = 130


class UsageError(Exception):
    """The command line is wrong in a way that typer does not see."""


class CommandError(Exception):
    """The command can't do what it was asked for; the message says what to do."""


class Ended(Exception):  # noqa: N818 - not an error: the way to an exit code
    """The command is over, with an exit code and a last word on stderr (empty: nothing)."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@contextmanager
def cannot_tell(*, waits: bool) -> Iterator[None]:
    """Where a command waits, what keeps it from knowing the end is told by an exit code of its own: 1 says Faulted."""
    try:
        yield
    except (CommandError, ApiError, NotConfigured) as error:
        if not waits:
            raise
        said = str(error) if isinstance(error, CommandError) else explain(error)
        raise Ended(UNKNOWN, f"error: {said}") from None


def explain(error: ApiError | NotConfigured) -> str:
    """What went wrong with a call, and what to do about it."""
    said = str(error) if isinstance(error, NotConfigured) else error.message
    match error:
        case Unauthorized():
            said = f"the API server does not know you ({said}): log in again, or choose another --context"
        case Forbidden():
            said = f"{said}: ask for that right, or use another --context or --namespace"
        case NotFound() if is_unknown_kind(error):
            said = "the cluster has no Rollkeeper: install it (its CRDs first), or choose another --context"
        case Unavailable() | Throttled():
            said = f"{said}: is the cluster up, and is the --context right?"
        case Invalid():  # the causes are our own rules' sentences, which say what to do
            said = "; ".join(cause for cause in error.causes if cause) or said
        case _:
            pass
    return said


def is_unknown_kind(error: ApiError) -> bool:
    """Whether the cluster does not even know the kind that was asked for."""
    return "could not find the requested resource" in error.message
