"""Commands that look at versions: images, drift, version."""

import os
import subprocess
import sys
from typing import Annotated

import typer

from rollkeeper.cli.plugin.app import COMPLETION_VARIABLE
from rollkeeper.cli.plugin.commands.arguments import ImagesNamespace
from rollkeeper.cli.plugin.errors import UsageError
from rollkeeper.cli.plugin.options import ALL, DATA, WIDE, Options, with_options

_SHELLS = ("bash", "zsh", "fish")


@with_options(*ALL, all_namespaces=True)
def images(
    options: Options,
    scale_set: Annotated[str | None, typer.Argument(metavar="[SET]", help="Versions of this ScaleSet's image.")] = None,
    publisher: Annotated[str | None, typer.Option(help="Of a platform image.")] = None,
    offer: Annotated[str | None, typer.Option(help="Of a platform image.")] = None,
    sku: Annotated[str | None, typer.Option(help="Of a platform image.")] = None,
    gallery: Annotated[str | None, typer.Option(help="Of a custom image.")] = None,
    definition: Annotated[str | None, typer.Option(help="Of a custom image.")] = None,
    region: Annotated[str | None, typer.Option(help="As sets of this region see them.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="More than the newest ten of each image.")] = False,
    images_namespace: ImagesNamespace = None,
) -> None:
    """List versions of images. Which is latest for whom, and why the others are not."""
    from rollkeeper.cli.plugin import catalogue  # noqa: PLC0415 - the help must not wait for the models

    named = (publisher, offer, sku, gallery, definition)
    catalogue.images(options, catalogue.Wanted(scale_set, named, region, everything, images_namespace))


@with_options(WIDE, *DATA, all_namespaces=True)
def drift(options: Options, images_namespace: ImagesNamespace = None) -> None:
    """List how far sets are behind. In versions, and in days since the first that they miss."""
    from rollkeeper.cli.plugin import catalogue  # noqa: PLC0415 - the help must not wait for the models

    catalogue.drift(options, images_namespace)


def version() -> None:
    """Show the version of this command."""
    from importlib import metadata  # noqa: PLC0415 - beside its only use

    sys.stdout.write(f"rollkeeper {metadata.version('rollkeeper')}\n")


def completion(shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")]) -> None:
    """Print a completion script. In bash: source <(rollkeeper completion bash)."""
    if shell not in _SHELLS:
        raise UsageError(f"no completion for {shell!r}: choose one of {', '.join(_SHELLS)}")
    environment = {**os.environ, COMPLETION_VARIABLE: f"source_{shell}"}
    # The shells' scripts are typer's own; it prints them when a shell asks, so we ask as one.
    done = subprocess.run(
        [sys.executable, "-m", "rollkeeper"], env=environment, capture_output=True, text=True, check=True
    )
    sys.stdout.write(done.stdout)
