"""What is put on a new OS disk, as far as it is part of the model: order of extensions, content of scripts (E1, E2)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rollkeeper.api.v1alpha1 import ScaleSetSpec
from rollkeeper.api.v1alpha1.extension import Extension, KeyReference, Script
from rollkeeper.engine.limits import Share
from rollkeeper.engine.reasons import Wait
from rollkeeper.engine.snapshot import Problem

MOST_USER_DATA = 960 * 1024
"""Bytes that the scripts of a virtual machine may have together: the rest of a Secret is for what runs them."""


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """A key of a ConfigMap or Secret that a script of the set is in."""

    kind: Literal["ConfigMap", "Secret"]
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Content:
    """What is under a key: the text of a ConfigMap's, of a Secret's only the hash and the size."""

    text: str = ""
    sha256: str = ""
    size: int = 0
    """Bytes of a Secret's; of a text they can be counted."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A key that can't be read, and why; the sentence names it."""

    message: str


Contents = Mapping[Source, Content | Missing]


def sources(spec: ScaleSetSpec) -> tuple[Source, ...]:
    """Every key that the set's scripts are in."""
    found = (_source(script) for script in _scripts(spec))
    return tuple(dict.fromkeys(source for source in found if source is not None))


def _scripts(spec: ScaleSetSpec) -> Iterator[Script]:
    if spec.custom_data is not None:
        yield spec.custom_data
    yield from (extension.script for extension in spec.extensions if extension.script is not None)


def _source(script: Script) -> Source | None:
    if script.config_map_key_ref is not None:
        return Source("ConfigMap", script.config_map_key_ref.name, script.config_map_key_ref.key)
    if script.secret_key_ref is not None:
        return Source("Secret", script.secret_key_ref.name, script.secret_key_ref.key)
    return None


def fault(spec: ScaleSetSpec, contents: Contents) -> Problem | None:
    """Why there is no model of the set now: what the API server can't see, or let pass before it knew the rule."""
    for source in sources(spec):
        found = contents.get(source, Missing(f"{source.kind} {source.name} was not read yet"))
        if isinstance(found, Missing):
            return Problem(Wait.MISSING_REFERENCE, found.message)
    too_large = _too_large(spec, contents) if spec.has_machines else None
    if too_large is not None:
        return too_large
    names = {extension.name for extension in spec.extensions}
    for extension in spec.extensions:
        unknown = [name for name in extension.provision_after_extensions if name not in names]
        if unknown:
            message = f"extension {extension.name} comes after {unknown[0]}, which is not there"
            return Problem(Wait.INVALID_EXTENSIONS, f"{message}: add it, or correct provisionAfterExtensions")
    circle = [e.name for e in spec.extensions if e not in ordered(spec.extensions)]
    if circle:
        message = f"extensions {', '.join(circle)} wait for each other in a circle"
        return Problem(Wait.INVALID_EXTENSIONS, f"{message}: take an entry out of provisionAfterExtensions")
    return None


def _too_large(spec: ScaleSetSpec, contents: Contents) -> Problem | None:
    """E2: the scripts of a virtual machine travel together in one Secret, and a Secret holds no more than 1 MiB."""
    size = sum(_size(script, contents) for script in _scripts(spec))
    if size <= MOST_USER_DATA:
        return None
    share = Share(size, MOST_USER_DATA, 100)
    message = f"{share.sentence('bytes of custom data and extensions')}: let a script fetch what is large"
    return Problem(Wait.USER_DATA_TOO_LARGE, message)


def _size(script: Script, contents: Contents) -> int:
    source = _source(script)
    found = contents.get(source) if source is not None else Content(text=script.inline or "")
    return found.size or len(found.text.encode()) if isinstance(found, Content) else 0


def ordered(extensions: Sequence[Extension]) -> list[Extension]:
    """E1: each after those it comes after, otherwise in the order given. Those in a circle are left out."""
    rest, done = list(extensions), list[Extension]()
    while True:
        names = {extension.name for extension in done}
        ready = next((e for e in rest if names.issuperset(e.provision_after_extensions)), None)
        if ready is None:
            return done
        rest.remove(ready)
        done.append(ready)


def model_of(spec: ScaleSetSpec, contents: Contents) -> dict[str, Any]:
    """The part of the model that is custom data and extensions; empty when there are none.

    Scripts stand in it as they are, wherever they come from, so that an instance can get back what it ran; those of
    Secrets as the key to read and the hash of its content.
    """
    model: dict[str, Any] = {}
    if spec.custom_data is not None:
        model["customData"] = _script(spec.custom_data, contents)
    if spec.extensions:
        model["extensions"] = [_extension(extension, contents) for extension in ordered(spec.extensions)]
    return model


def _extension(extension: Extension, contents: Contents) -> dict[str, Any]:
    made: dict[str, Any] = {"name": extension.name, "type": extension.type}
    if extension.script is not None:
        made["script"] = _script(extension.script, contents)
    if extension.container is not None:
        made["container"] = extension.container
    if extension.suppress_failures:
        made["suppressFailures"] = True
    return made


def _script(script: Script, contents: Contents) -> dict[str, Any]:
    interpreter = {"interpreter": list(script.interpreter)} if script.interpreter else {}
    source = _source(script)
    found = contents.get(source) if source is not None else None
    if isinstance(found, Content) and script.secret_key_ref is not None:
        return {"secretKeyRef": _reference(script.secret_key_ref), "sha256": found.sha256, **interpreter}
    return {"inline": found.text if isinstance(found, Content) else script.inline or "", **interpreter}


def _reference(key: KeyReference) -> dict[str, str]:
    return {"name": key.name, "key": key.key}
