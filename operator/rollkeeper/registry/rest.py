"""Rest for registries that are in trouble: what failed is left alone for a while, longer each time."""

import asyncio
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from rollkeeper.kube.backoff import Backoff
from rollkeeper.registry.errors import Ailing, Throttled, Unreachable

_REST = Backoff(first=2.0, maximum=60.0)
_LONGEST = 300.0
_MOST = 1000
"""Places that are remembered: those that fail and are never asked for again must not fill our memory."""


@dataclass
class _Trouble:
    last: Unreachable | Throttled
    failures: int = 0
    until: float = 0.0


@dataclass
class Rest:
    """Who is at rest: a host that does not answer or asks to slow down; of one that answers 5xx that URL alone.

    A registry answers 500 for one manifest that is broken in its storage, and serves all others.
    """

    seconds: float
    """How long a request may take."""
    _troubles: dict[str, _Trouble] = field(default_factory=dict)

    def check(self, url: str) -> None:
        """Raises Unreachable or Throttled when the URL or its host is at rest; the words are those of the last failure.

        They stand in conditions, which must not change with each try.
        """
        now = asyncio.get_running_loop().time()
        for place in (urlsplit(url).netloc, url):
            trouble = self._troubles.get(place)
            if trouble is None:
                continue
            if now < trouble.until:
                raise type(trouble.last)(trouble.last.message, retry_after=trouble.until - now)
            # One tries for all: a host that takes requests and answers none would hold every worker that asks it.
            trouble.until = now + self.seconds

    def failed(self, url: str, error: Unreachable | Throttled) -> None:
        """Begins a rest."""
        place = url if isinstance(error, Ailing) else urlsplit(url).netloc
        if len(self._troubles) >= _MOST and place not in self._troubles:
            self._troubles.clear()
        trouble = self._troubles.setdefault(place, _Trouble(error))
        trouble.last = error
        trouble.failures += 1
        rest = error.retry_after if error.retry_after is not None else _REST.delay(trouble.failures)
        trouble.until = asyncio.get_running_loop().time() + min(rest, _LONGEST)
        if isinstance(error, Ailing):  # it answers
            self._troubles.pop(urlsplit(url).netloc, None)

    def went_well(self, url: str) -> None:
        """Ends the rest of a URL and of its host."""
        self._troubles.pop(urlsplit(url).netloc, None)
        self._troubles.pop(url, None)

    def wake(self, host: str) -> None:
        """A person asks: try a host, and all that it has, again."""
        self._troubles = {
            place: t for place, t in self._troubles.items() if host not in (place, urlsplit(place).netloc)
        }
