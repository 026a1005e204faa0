"""What lint has to say."""

from dataclasses import dataclass
from typing import Literal

from rollkeeper.api.validation import Path, written
from rollkeeper.cli.plugin.lint.manifests import Manifest


@dataclass(frozen=True)
class Finding:
    """An error, which would be refused or never work, or a note, for which the files alone can't answer."""

    severity: Literal["error", "note"]
    source: str
    line: int
    thing: str
    """`ScaleSet web`."""
    field: str
    message: str

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        kind = "" if self.severity == "error" else "note: "
        return f"{self.source}:{self.line}: {kind}{self.thing}: {where}{self.message}"


def error(manifest: Manifest, message: str, field: Path = ()) -> Finding:
    """Something to be corrected."""
    return Finding("error", manifest.source, manifest.line(field), thing(manifest), written(field), message)


def note(manifest: Manifest, message: str, field: Path = ()) -> Finding:
    """Something to know."""
    return Finding("note", manifest.source, manifest.line(field), thing(manifest), written(field), message)


def thing(manifest: Manifest) -> str:
    """Kind and name, as far as they are there."""
    value = manifest.value if isinstance(manifest.value, dict) else {}
    metadata = value.get("metadata")
    name = metadata.get("name") or metadata.get("generateName") if isinstance(metadata, dict) else None
    return f"{value.get('kind') or 'object'} {name or '(without a name)'}"
