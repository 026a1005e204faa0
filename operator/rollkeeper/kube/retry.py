"""When the client itself may repeat a call, and when the caller has to decide again. Pure: its tests are a table."""

from dataclasses import dataclass

from rollkeeper.kube.backoff import Backoff, jitter
from rollkeeper.kube.errors import ApiError, Throttled, Unavailable

_AFTER_LOSS = Backoff(first=0.2, maximum=2.0)

_NOBODY_ANSWERED = frozenset({0, 502, 503, 504})
"""No answer, or one by something in between: a gateway, or an API server that is just starting or stopping."""


@dataclass(frozen=True)
class Repeatable:
    """What is known about a call before it is made."""

    if_lost: bool = False
    """Harmless to send again although the first one may have taken effect: reads, deletes with a uid precondition,
    creates with a fixed name (the second answer is then AlreadyExists)."""
    eviction: bool = False
    """A 429 is then usually a PodDisruptionBudget's no, which waiting inside the client does not change."""


def retry_delay(error: ApiError, call: Repeatable, failures: int) -> float | None:
    """Seconds to wait before sending the call again after `failures` failures; None: raise the error.

    A 429, and a 503 with Retry-After, promise that nothing was done, so any verb may be repeated. A 409 never is:
    whoever read the object must read it again. Nor is a 500: it is an answer (an eviction of a pod under two budgets
    gives one), and the same question gets it again.
    """
    refused = isinstance(error, Throttled) or error.code == 503
    if call.eviction and isinstance(error, Throttled) and error.causes:
        return None
    if refused and error.retry_after is not None:
        return error.retry_after + jitter(0.5, 1)  # never earlier than asked, and not all clients at once
    if isinstance(error, Throttled) and not call.eviction:
        return _AFTER_LOSS.delay(failures)
    if isinstance(error, Unavailable) and error.code in _NOBODY_ANSWERED and call.if_lost:
        return _AFTER_LOSS.delay(failures)
    return None
