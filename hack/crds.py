"""Writes crds/*.yaml from the models, and the same into the chart, which can't reach outside of its folder.

`python -m hack.crds` writes them, `python -m hack.crds --check` fails when the committed files differ.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

from rollkeeper.api.crd import KINDS, crd

_ROOT = Path(__file__).resolve().parent.parent
FOLDER = _ROOT / "crds"
FOLDERS = (FOLDER, _ROOT / "charts" / "rollkeeper" / "files" / "crds")
HEADER = "# Made from the models in operator/rollkeeper/api by `make crds`. Do not edit.\n"


class _Dumper(yaml.SafeDumper):
    """Without anchors: shared parts of the schema are written out, as every reader of CRDs expects."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401 -- as in the base class
        """Never an alias."""
        del data
        return True


def documents() -> dict[str, str]:
    """The files: name and content."""
    return {f"{kind.plural}.yaml": HEADER + _yaml(crd(kind)) for kind in KINDS}


def _yaml(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


def drift(folder: Path = FOLDER) -> list[str]:
    """Names of files in the folder that are missing, differ from what the models say, or stand for no kind."""
    wanted = documents()
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.yaml")}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def write(folder: Path = FOLDER) -> None:
    """Make the folder hold exactly the files of the models."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = documents()
    for path in folder.glob("*.yaml"):
        if path.name not in wanted:
            path.unlink()
    for name, content in wanted.items():
        (folder / name).write_text(content, encoding="utf-8")


def main() -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m hack.crds", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when a file differs")
    if not parser.parse_args().check:
        for folder in FOLDERS:
            write(folder)
        return 0
    changed = {folder.relative_to(_ROOT): names for folder in FOLDERS if (names := drift(folder))}
    for where, names in changed.items():
        print(f"{where}: out of date: {', '.join(names)}; run `make crds` and commit the result", file=sys.stderr)
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
