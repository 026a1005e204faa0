"""`lint FILE…`: everything that is wrong, with file and line; exit code 1 when something is."""

import sys
from collections import Counter
from collections.abc import Sequence

from rollkeeper.cli.plugin.errors import Ended
from rollkeeper.cli.plugin.lint import alone, manifests, together
from rollkeeper.cli.plugin.lint.findings import Finding
from rollkeeper.cli.plugin.lint.manifests import Manifest
from rollkeeper.cli.plugin.options import Options
from rollkeeper.cli.plugin.output import write_data
from rollkeeper.kube.api import JsonObject

_WRONG = 1


def lint(options: Options, sources: Sequence[str]) -> None:
    """`lint FILE…`. Raises CommandError for what can't be read, and Ended with the exit code."""
    read = manifests.read(sources)
    found = check(read)
    errors = sum(one.severity == "error" for one in found)
    if not write_data(options, {"objects": len(_ours(read)), "findings": [_data(one) for one in found]}):
        sys.stdout.writelines(f"{one}\n" for one in found)
        sys.stdout.write(f"{_summary(read, found)}\n")
    raise Ended(_WRONG if errors else 0)


def check(read: Sequence[Manifest]) -> list[Finding]:
    """All findings, by file and line."""
    ours = _ours(read)
    found: list[Finding] = []
    sound: list[tuple[Manifest, JsonObject]] = []
    for manifest in ours:
        said = list(alone.check(manifest))
        found += said
        if not any(one.severity == "error" for one in said):
            sound.append((manifest, alone.stored(manifest)))
    found += together.repeated(ours)
    others = [m for m in read if isinstance(m.value, dict) and not alone.is_ours(m)]
    found += together.Files.of(sound, others).check()
    places = list(dict.fromkeys(manifest.source for manifest in read))
    return sorted(found, key=lambda one: (places.index(one.source), one.line))


def _ours(read: Sequence[Manifest]) -> list[Manifest]:
    return [manifest for manifest in read if alone.is_ours(manifest)]


def _summary(read: Sequence[Manifest], found: Sequence[Finding]) -> str:
    """`3 objects checked: 1 error, 2 notes`."""
    ours = _ours(read)
    counts = Counter(one.severity for one in found)
    told = [f"{counts[kind]} {kind}{'' if counts[kind] == 1 else 's'}" for kind in ("error", "note") if counts[kind]]
    other = len(read) - len(ours)
    aside = f" ({other} of other kinds left aside)" if other else ""
    return f"{len(ours)} object{'' if len(ours) == 1 else 's'} checked{aside}: {', '.join(told) or 'all is well'}"


def _data(one: Finding) -> JsonObject:
    return {
        "severity": one.severity,
        "file": one.source,
        "line": one.line,
        "object": one.thing,
        "field": one.field,
        "message": one.message,
    }
