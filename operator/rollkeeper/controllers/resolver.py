"""Asks registries what stands behind the references of ImageVersions (V8), and whether regions have them (V4).

Beside the reconciles, by a few workers of its own: a registry that does not answer keeps no scale set waiting. What was
found is remembered here until the ImageVersion's status says it, which is then the truth.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from rollkeeper.api.v1alpha1 import ImageVersion
from rollkeeper.api.v1alpha1.image_version import ReplicationState
from rollkeeper.api.v1alpha1.names import ANNOTATION_RECONCILE_AT
from rollkeeper.controllers.pull_secrets import PullSecrets
from rollkeeper.engine import resolution
from rollkeeper.engine.resolution import Finding, Findings
from rollkeeper.kube.backoff import Backoff
from rollkeeper.kube.store import Key, Store
from rollkeeper.registry import reference as references
from rollkeeper.registry.api import Registry
from rollkeeper.registry.credentials import Keychain
from rollkeeper.registry.errors import NotThere, RegistryError, Throttled, Unreachable
from rollkeeper.registry.reference import Repository

AGAIN = Backoff(first=15.0, maximum=900.0, share=0.2)
"""How long after a failure a reference is asked for again: the registry may be back, the push may be over."""

_STATES: tuple[tuple[type[RegistryError], ReplicationState], ...] = (
    (NotThere, "Replicating"),
    (Unreachable, "Unknown"),
    (Throttled, "Unknown"),
)


@dataclass
class _Memory:
    findings: dict[str, Finding] = field(default_factory=dict)
    failures: int = 0
    asked_at: str | None = None
    """The user's annotation when it was last asked."""


@dataclass
class Resolver:
    """Asks for one ImageVersion at a time. `changed` is told of each that something new is known of.

    `insecure` says whether a version's namespace has a repository's registry spoken to over plain HTTP.
    """

    registry: Registry
    secrets: PullSecrets
    versions: Store[ImageVersion]
    changed: Callable[[Key], None]
    insecure: Callable[[str, Repository], bool] = lambda _namespace, _repository: False
    _memories: dict[str, _Memory] = field(default_factory=lambda: defaultdict(_Memory))

    def findings(self, version: ImageVersion) -> Findings:
        """What is known of a version's references beside its status."""
        memory = self._memories.get(version.metadata.uid)
        return dict(memory.findings) if memory is not None else {}

    def is_due(self, version: ImageVersion) -> bool:
        """Whether something was never asked, or a person wants it asked again."""
        memory = self._memories.get(version.metadata.uid)
        open_ = resolution.open_questions(version)
        if not open_:
            return False
        if memory is None:
            return True
        return any(r not in memory.findings for r in open_) or _request(version) != memory.asked_at

    def forget(self, uid: str) -> None:
        """A version is gone: so is what was found of it."""
        self._memories.pop(uid, None)

    async def ask(self, key: Key) -> float | None:
        """Asks what is open of a version. Returns the seconds after which to ask again; None: all is known."""
        version = self.versions.get(key)
        if version is None or version.metadata.deletion_timestamp is not None:
            return None
        open_ = resolution.open_questions(version)
        if not open_:
            return None
        memory = self._memories[version.metadata.uid]
        wake = memory.asked_at != _request(version)
        memory.asked_at = _request(version)
        before = dict(memory.findings)
        try:
            name = version.spec.secret_ref.name if version.spec.secret_ref is not None else None
            keychain = await self.secrets.keychain(key[0], name)
        except RegistryError as error:
            memory.findings |= {reference: _failed(error) for reference in open_}
            wait = None
        else:
            wait = await self._ask_each(open_, key[0], keychain, memory, wake=wake)
        if memory.findings != before:
            self.changed(key)
        if all(memory.findings[reference].pinned is not None for reference in open_):
            memory.failures = 0
            return None
        memory.failures += 1
        return max(AGAIN.delay(memory.failures), wait or 0.0)

    async def _ask_each(
        self, open_: tuple[str, ...], namespace: str, keychain: Keychain, memory: _Memory, *, wake: bool
    ) -> float | None:
        """The longest wait that a registry asked for."""
        waits = []
        for text in open_:
            known = memory.findings.get(text)
            if known is not None and known.pinned is not None:
                continue
            try:
                reference = references.parse(text)
                if wake:
                    self.registry.wake(reference.repository)
                insecure = self.insecure(namespace, reference.repository)
                digest = await self.registry.digest(reference, keychain, insecure=insecure)
            except RegistryError as error:
                memory.findings[text] = _failed(error)
                waits.append(error.retry_after or 0.0)
            else:
                memory.findings[text] = Finding(reference.repository.pinned(digest))
        return max(waits, default=None)


def _failed(error: RegistryError) -> Finding:
    states: list[ReplicationState] = [state for kind, state in _STATES if isinstance(error, kind)]
    return Finding(None, error.reason, error.message, states[0] if states else "Failed")


def _request(version: ImageVersion) -> str | None:
    return version.metadata.annotations.get(ANNOTATION_RECONCILE_AT)
