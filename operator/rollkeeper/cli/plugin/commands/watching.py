"""Commands that look: status, history, wait."""

from typing import Annotated

import typer

from rollkeeper.cli.plugin.commands.arguments import SetName, SetOrRun
from rollkeeper.cli.plugin.options import ALL, DATA, Options, with_options


@with_options(*ALL)
def status(
    options: Options,
    scale_set: SetName,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on showing it until Ctrl-C.")] = False,
) -> None:
    """Show a set, and what it waits for. Versions, the run at work, instances and why they are unhealthy."""
    if watch:
        from rollkeeper.cli.plugin import live  # noqa: PLC0415 - only for this

        live.show(options, scale_set)
        return
    from rollkeeper.cli.plugin import status as command  # noqa: PLC0415 - the help must not wait for rich

    command.show(options, scale_set)


@with_options("table", *ALL)
def history(options: Options, scale_set: SetName) -> None:
    """Show the last upgrades of a set. -o json has the shape of Azure's history call."""
    from rollkeeper.cli.plugin import history as command  # noqa: PLC0415 - the help must not wait for rich

    command.show(options, scale_set)


@with_options(*DATA)
def wait(
    options: Options,
    what: SetOrRun,
    timeout: Annotated[str, typer.Option(help="Give up after, like 90s, 5m or 1h; 0: never.")] = "0",
) -> None:
    """Wait for an upgrade to end. Exit code: 0 completed, 1 faulted, 2 cancelled, 3 timed out, 4 can't tell."""
    from rollkeeper.cli.plugin import waiting  # noqa: PLC0415 - the help must not wait for imports

    waiting.wait(options, what, timeout)
