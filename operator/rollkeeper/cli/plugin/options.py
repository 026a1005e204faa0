"""The options that every command has, as kubectl has them."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

WIDE, JSON, YAML, NAME = "wide", "json", "yaml", "name"
DATA = (JSON, YAML)
ALL = (WIDE, JSON, YAML, NAME)


@dataclass(frozen=True)
class Options:
    """What was chosen on the command line, whatever the command."""

    kubeconfig: Path | None = None
    context: str | None = None
    namespace: str | None = None
    """None: the context's."""
    all_namespaces: bool = False
    output: str = ""
    """Empty: for people."""
    no_color: bool = False
    acting_as: str | None = None


_SHARED: dict[str, tuple[Any, Any]] = {
    "namespace": (Annotated[str | None, typer.Option("--namespace", "-n", help="Left out: the context's.")], None),
    "context": (Annotated[str | None, typer.Option(help="Context in the kubeconfig.")], None),
    "kubeconfig": (Annotated[Path | None, typer.Option(help="Left out: $KUBECONFIG or ~/.kube/config.")], None),
    "acting_as": (Annotated[str | None, typer.Option("--as", metavar="USER", help="User to act as.")], None),
    "no_color": (Annotated[bool, typer.Option("--no-color", help="No colours; as with $NO_COLOR.")], False),
}  # fmt: skip


def with_options(*formats: str, all_namespaces: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command the shared options, and those output formats that make sense for it.

    The command's first parameter takes them; typer reads the signature that the wrapper shows.
    """
    shared = dict(_SHARED)
    if formats:
        help_text = f"Output format: {', '.join(formats)}; left out: for people."
        shared["output"] = (Annotated[str, typer.Option("--output", "-o", metavar="FORMAT", help=help_text)], "")
    if all_namespaces:
        flag = typer.Option("--all-namespaces", "-A", help="All namespaces.")
        shared["all_namespaces"] = (Annotated[bool, flag], False)

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        added = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for name, (kind, default) in shared.items()
        ]

        @wraps(function)
        def command(**given: Any) -> None:  # noqa: ANN401 - typer's values
            options = Options(**{name: given.pop(name) for name in shared})
            if options.output not in ("", *formats):
                raise typer.BadParameter(f"output format {options.output!r}: choose one of {', '.join(formats)}")
            function(options, **given)

        keywords = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
        command.__signature__ = inspect.Signature([*keywords, *added])  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in (*own, *added)}
        return command

    return decorate
