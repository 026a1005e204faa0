"""The command line: the controller's own command, and those for people."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from rollkeeper.cli.plugin.app import COMMANDS, COMPLETION_VARIABLE, EXIT_CODES, add_commands, finish

HELP = "Keeps scale sets on the newest OS image."
AS_PLUGIN = "kubectl-rollkeeper"
"""The name under which kubectl finds us."""


def run(
    kubeconfig: Annotated[
        Path | None, typer.Option(help="Kubeconfig file; left out: in-cluster or $KUBECONFIG.")
    ] = None,
    context: Annotated[str | None, typer.Option(help="Context in the kubeconfig.")] = None,
    namespace: Annotated[str | None, typer.Option(help="The controller's own namespace, for its Lease.")] = None,
    images_namespace: Annotated[
        str | None, typer.Option(help="Namespace whose ImageVersions all scale sets see.")
    ] = None,
    watch_namespace: Annotated[list[str] | None, typer.Option(help="Work in this namespace only; repeatable.")] = None,
    leader_elect: Annotated[bool | None, typer.Option(help="Work only while holding the Lease.")] = None,
    workers: Annotated[int | None, typer.Option(help="Scale sets worked on at once.")] = None,
    qps: Annotated[float | None, typer.Option(help="Own API calls a second, at most.")] = None,
    resolve_digests: Annotated[
        bool | None, typer.Option(help="Ask registries for the digests of ImageVersions.")
    ] = None,
    kubevirt: Annotated[bool | None, typer.Option(help="Make virtual machines, where KubeVirt is installed.")] = None,
    insecure_registry: Annotated[
        list[str] | None, typer.Option(help="HOST[:PORT] of a registry that speaks plain HTTP; repeatable.")
    ] = None,
    listen: Annotated[str | None, typer.Option(help="HOST:PORT for metrics and probes; left out: none.")] = None,
    log_format: Annotated[str | None, typer.Option(help="text or json.")] = None,
    log_level: Annotated[str | None, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = None,
) -> None:
    """Run the controller. Every flag can also be set as an environment variable, ROLLKEEPER_<FLAG>."""
    import asyncio  # noqa: PLC0415 - the help must not wait for imports

    from pydantic import ValidationError  # noqa: PLC0415 - the help must not wait for imports

    from rollkeeper.cli import logs, operator  # noqa: PLC0415 - as above
    from rollkeeper.cli.settings import Settings  # noqa: PLC0415 - as above
    from rollkeeper.kube.errors import NotConfigured  # noqa: PLC0415 - as above
    from rollkeeper.kube.lease import LeadershipLost  # noqa: PLC0415 - as above

    given = {
        "kubeconfig": kubeconfig,
        "context": context,
        "namespace": namespace,
        "images_namespace": images_namespace,
        "watch_namespaces": tuple(watch_namespace) if watch_namespace else None,
        "leader_elect": leader_elect,
        "workers": workers,
        "qps": qps,
        "resolve_digests": resolve_digests,
        "kubevirt": kubevirt,
        "insecure_registries": tuple(insecure_registry) if insecure_registry else None,
        "listen": listen,
        "log_format": log_format,
        "log_level": log_level,
    }
    try:
        settings = Settings(**{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        raise typer.BadParameter(
            "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        ) from None
    logs.set_up(settings.log_format, settings.log_level)
    try:
        asyncio.run(operator.run(settings))
    except (NotConfigured, LeadershipLost) as error:
        typer.echo(f"rollkeeper ends: {error}", err=True)
        raise typer.Exit(1) from None


def build(arguments: Sequence[str], *, plugin: bool) -> typer.Typer:
    """The command line for these arguments. kubectl's plugin has everything but the controller itself."""
    app = typer.Typer(
        name="rollkeeper",
        help=HELP,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # plain, as kubectl's
        epilog=EXIT_CODES,
    )
    app.callback()(lambda: None)  # else an app with one command would have no command at all
    if not plugin and not set(arguments) & set(COMMANDS):
        app.command()(run)
    add_commands(app, arguments)
    return app


def main() -> None:
    """Entry point of the wheel."""
    plugin = Path(sys.argv[0]).name.startswith(AS_PLUGIN)
    if COMPLETION_VARIABLE in os.environ:  # a shell asks
        from typer.completion import completion_init  # type: ignore[attr-defined]  # noqa: PLC0415 - only for this

        completion_init()
    finish(build(sys.argv[1:], plugin=plugin), "kubectl rollkeeper" if plugin else "rollkeeper")
