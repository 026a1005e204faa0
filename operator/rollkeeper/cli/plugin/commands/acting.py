"""Commands that act: start, steer and retry runs, release holds, protect instances."""

from typing import Annotated, Literal

import typer

from rollkeeper.cli.plugin.commands.arguments import (
    Instances,
    Ordinals,
    RunName,
    SetName,
    SetOrRun,
    Timeout,
    Ttl,
    Wait,
)
from rollkeeper.cli.plugin.errors import UsageError
from rollkeeper.cli.plugin.options import DATA, NAME, Options, with_options

DesiredState = Literal["Running", "Paused", "Cancelled"]
_KEPT = "7d"


@with_options(*DATA, NAME)
def start(
    options: Options,
    scale_set: SetName,
    version: Annotated[str | None, typer.Option(help="Major.Minor.Patch, up or down; left out: latest.")] = None,
    instances: Instances = None,
    rollback: Annotated[bool, typer.Option("--rollback", help="Put back instances that fail.")] = False,
    wait: Wait = False,
    timeout: Timeout = "0",
    ttl: Ttl = _KEPT,
) -> None:
    """Start an upgrade. By default instances that fail are not put back."""
    from rollkeeper.cli.plugin import steering  # noqa: PLC0415 - the help must not wait for imports

    wanted = steering.Wanted(scale_set, "OSImage", version, instances, rollback or None, _ttl(ttl))
    steering.start(options, wanted, steering.Following.of(wait, timeout))


@with_options(*DATA, NAME)
def update_instances(
    options: Options,
    scale_set: SetName,
    instances: Instances = None,
    everything: Annotated[bool, typer.Option("--all", help="All instances.")] = False,
    rollback: Annotated[bool, typer.Option("--rollback", help="Put back instances that fail.")] = False,
    wait: Wait = False,
    timeout: Timeout = "0",
    ttl: Ttl = _KEPT,
) -> None:
    """Bring instances to the newest model. For sets in mode Manual."""
    from rollkeeper.cli.plugin import steering  # noqa: PLC0415 - the help must not wait for imports

    if (instances is None) != everything:
        raise UsageError("say which: --instances 0-3,7, or --all")
    wanted = steering.Wanted(scale_set, "Model", None, instances, rollback or None, _ttl(ttl))
    steering.start(options, wanted, steering.Following.of(wait, timeout))


@with_options(*DATA, NAME)
def retry(options: Options, run: RunName, wait: Wait = False, timeout: Timeout = "0") -> None:
    """Start what an ended run was for once more."""
    from rollkeeper.cli.plugin import steering  # noqa: PLC0415 - the help must not wait for imports

    steering.retry(options, run, steering.Following.of(wait, timeout))


@with_options(*DATA, NAME)
def cancel(options: Options, run: SetOrRun, wait: Wait = False, timeout: Timeout = "0") -> None:
    """Cancel a run. The batch in hand is brought to its end; what an automatic run goes to is then held."""
    _steer(options, run, "Cancelled", wait, timeout)


@with_options(*DATA, NAME)
def pause(options: Options, run: SetOrRun) -> None:
    """Pause a run. The batch in hand is brought to its end."""
    _steer(options, run, "Paused")


@with_options(*DATA, NAME)
def resume(options: Options, run: SetOrRun, wait: Wait = False, timeout: Timeout = "0") -> None:
    """Resume a paused run."""
    _steer(options, run, "Running", wait, timeout)


@with_options(*DATA, NAME)
def release_hold(
    options: Options,
    scale_set: SetName,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="The version, or model revision, that is held.")],
    run: Annotated[str | None, typer.Option(help="The run that led to the hold, where there are several.")] = None,
) -> None:
    """Release a hold. Automatic upgrades may then go to that version again."""
    from rollkeeper.cli.plugin import holds  # noqa: PLC0415 - the help must not wait for imports

    holds.release(options, scale_set, version, run)


@with_options(*DATA, NAME)
def protect(options: Options, scale_set: SetName, ordinals: Ordinals) -> None:
    """Protect instances from upgrades."""
    from rollkeeper.cli.plugin import protection  # noqa: PLC0415 - the help must not wait for imports

    protection.protect(options, scale_set, ordinals, on=True)


@with_options(*DATA, NAME)
def unprotect(options: Options, scale_set: SetName, ordinals: Ordinals) -> None:
    """Let instances be upgraded again."""
    from rollkeeper.cli.plugin import protection  # noqa: PLC0415 - the help must not wait for imports

    protection.protect(options, scale_set, ordinals, on=False)


def _steer(options: Options, run: str, state: DesiredState, wait: bool = False, timeout: str = "0") -> None:
    from rollkeeper.cli.plugin import steering  # noqa: PLC0415 - the help must not wait for imports

    steering.steer(options, run, state, steering.Following.of(wait, timeout))


def _ttl(text: str) -> str:
    return "" if text == "0" else text
