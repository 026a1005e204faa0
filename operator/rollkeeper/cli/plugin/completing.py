"""Names for the shell to complete, as kubectl completes them: of sets, and of runs."""

import typer

from rollkeeper.kube.resources import Resource


def sets(context: typer.Context, incomplete: str) -> list[str]:
    """ScaleSets of the namespace."""
    from rollkeeper.controllers.resources import SCALE_SETS  # noqa: PLC0415 - only when a shell asks

    return _names(context, SCALE_SETS, incomplete)


def runs(context: typer.Context, incomplete: str) -> list[str]:
    """UpgradeRuns of the namespace."""
    from rollkeeper.controllers.resources import UPGRADE_RUNS  # noqa: PLC0415 - only when a shell asks

    return _names(context, UPGRADE_RUNS, incomplete)


def sets_and_runs(context: typer.Context, incomplete: str) -> list[str]:
    """What can be waited for and steered."""
    return [*sets(context, incomplete), *runs(context, incomplete)]


def _names(context: typer.Context, resource: Resource, incomplete: str) -> list[str]:
    from rollkeeper.cli.plugin.options import Options  # noqa: PLC0415 - only when a shell asks
    from rollkeeper.cli.plugin.session import Session  # noqa: PLC0415 - as above
    from rollkeeper.kube.errors import ApiError, NotConfigured  # noqa: PLC0415 - as above

    given = {name: context.params.get(name) for name in ("kubeconfig", "context", "namespace", "acting_as")}
    session = Session(Options(**given))  # type: ignore[arg-type]
    try:
        items = session.client.list(resource, session.namespace).items
    except (ApiError, NotConfigured):
        return []  # a shell can show nothing but names: the command itself says what is wrong
    names = sorted(str(item["metadata"]["name"]) for item in items)
    return [name for name in names if name.startswith(incomplete)]
