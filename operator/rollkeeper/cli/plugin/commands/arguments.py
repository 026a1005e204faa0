"""Arguments and options that several commands have."""

from typing import Annotated

import typer

from rollkeeper.cli.plugin import completing

SetName = Annotated[str, typer.Argument(metavar="SET", help="Name of a ScaleSet.", autocompletion=completing.sets)]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="Name of an UpgradeRun.", autocompletion=completing.runs)]
SetOrRun = Annotated[
    str,
    typer.Argument(
        metavar="SET|RUN",
        help="An UpgradeRun, or the ScaleSet that it works on.",
        autocompletion=completing.sets_and_runs,
    ),
]
Ordinals = Annotated[str, typer.Argument(metavar="ORDINALS", help="Like 0-3,7.")]
Instances = Annotated[str | None, typer.Option(help="Only these instances, like 0-3,7.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for the end; the exit code says how it ended.")]
Timeout = Annotated[str, typer.Option(help="With --wait: give up after, like 90s, 5m or 1h; 0: never.")]
Ttl = Annotated[str, typer.Option(help="Delete the run so long after its end; 0: never.")]
ImagesNamespace = Annotated[
    str | None,
    typer.Option(envvar="ROLLKEEPER_IMAGES_NAMESPACE", help="The controller's shared images namespace, if it has one."),
]
