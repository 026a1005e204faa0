"""Commands that tell what would be: plan, lint."""

from typing import Annotated

import typer

from rollkeeper.cli.plugin.commands.arguments import ImagesNamespace, Instances, SetName
from rollkeeper.cli.plugin.options import DATA, Options, with_options


@with_options(*DATA)
def plan(
    options: Options,
    scale_set: SetName,
    version: Annotated[
        str | None, typer.Option(help="As start would go to it; left out: what comes by itself.")
    ] = None,
    instances: Instances = None,
    model: Annotated[bool, typer.Option("--model", help="As update-instances.")] = False,
    images_namespace: ImagesNamespace = None,
) -> None:
    """Show the batches that would come. By the controller's own rules; exit code 1: something is in the way."""
    from rollkeeper.cli.plugin import plan as command  # noqa: PLC0415 - the help must not wait for the models
    from rollkeeper.cli.plugin import steering  # noqa: PLC0415 - as above

    wanted = steering.Wanted(scale_set, "Model" if model else "OSImage", version, instances)
    command.show(options, wanted, images_namespace)


def lint(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files, folders, or - for standard input.")],
    output: Annotated[str, typer.Option("--output", "-o", metavar="FORMAT", help="json or yaml.")] = "",
) -> None:
    """Check manifests, without a cluster. Exit code 1: something would be refused, or never work."""
    from rollkeeper.cli.plugin.lint import command  # noqa: PLC0415 - the help must not wait for the models

    if output not in ("", *DATA):
        raise typer.BadParameter(f"output format {output!r}: choose one of {', '.join(DATA)}")
    command.lint(Options(output=output), files)
