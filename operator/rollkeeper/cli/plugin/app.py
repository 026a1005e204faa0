"""Which commands there are, and how they end.

Only the module of the command that is run is imported; all of them only for the help and for completion.
"""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import typer

from rollkeeper.cli.plugin.errors import INTERRUPTED, USAGE, CommandError, Ended, UsageError, explain
from rollkeeper.kube.errors import ApiError, NotConfigured

COMMANDS = {
    "status": "watching",
    "history": "watching",
    "wait": "watching",
    "start": "acting",
    "cancel": "acting",
    "pause": "acting",
    "resume": "acting",
    "retry": "acting",
    "update-instances": "acting",
    "release-hold": "acting",
    "protect": "acting",
    "unprotect": "acting",
    "images": "looking",
    "drift": "looking",
    "plan": "planning",
    "lint": "planning",
    "completion": "looking",
    "version": "looking",
}
"""Command -> module of `rollkeeper.cli.plugin.commands` that has it; in the order of the help."""

COMPLETION_VARIABLE = "_ROLLKEEPER_COMPLETE"
"""Set by shells that ask for completions; the scripts of `completion` set it."""

_FAILED = 1

EXIT_CODES = (
    "Exit codes: 0 done, 1 refused or failed, 64 wrong usage, 130 interrupted. Of wait and --wait: 0 completed, "
    "1 faulted, 2 cancelled, 3 timed out, 4 can't tell."
)


def add_commands(app: typer.Typer, arguments: Sequence[str]) -> None:
    """Gives an app the command that the arguments name, or all when they name none."""
    named = [name for name in COMMANDS if name in arguments]
    for name in named or COMMANDS:
        module = import_module(f"rollkeeper.cli.plugin.commands.{COMMANDS[name]}")
        function: Callable[..., Any] = getattr(module, name.replace("-", "_"))
        app.command(name)(function)


def finish(app: typer.Typer, name: str) -> None:
    """Runs an app under a name and ends the process: what went wrong is said in plain words, and by the exit code."""
    try:
        app(prog_name=name)
    except Ended as end:
        _end(end.code, end.message)
    except UsageError as error:
        _end(USAGE, f"error: {error}")
    except CommandError as error:
        _end(_FAILED, f"error: {error}")
    except (ApiError, NotConfigured) as error:
        _end(_FAILED, f"error: {explain(error)}")
    except KeyboardInterrupt:
        _end(INTERRUPTED, "")
    except BrokenPipeError:
        sys.stderr.close()  # else Python complains about the closed pipe once more
        _end(_FAILED, "")
    except SystemExit as end:
        _end(USAGE if end.code == 2 else end.code, "")  # typer's 2 is wrong usage; ours would be "cancelled"


def _end(code: int | str | None, message: str) -> None:
    if message:
        sys.stderr.write(f"{message}\n")
    sys.exit(code)
