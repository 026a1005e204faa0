"""`python -m hack.image base|build|report|sbom`."""

import argparse
import sys
from pathlib import Path

from hack.image.base import usable_base
from hack.image.build import build, default_base, version
from hack.image.contents import contents, report
from hack.image.docker import ImageError


def main() -> int:
    """0 for done, 1 for an error that is shown."""
    parser = argparse.ArgumentParser(prog="python -m hack.image", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("base", help="name a base image that is there, pulled or made of Debian's packages")
    builder = commands.add_parser("build", help="build the image and show its size by part")
    builder.add_argument("--base", default=default_base(), help="base image (default: %(default)s)")
    reporter = commands.add_parser("report", help="show the size of an image by part")
    lister = commands.add_parser("sbom", help="write the software bill of materials of an image")
    lister.add_argument("--output", type=Path, default=Path("dist/rollkeeper.cdx.json"), help="default: %(default)s")
    for command in (builder, reporter, lister):
        command.add_argument("--tag", default=f"rollkeeper:{version()}", help="image (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        if arguments.command == "base":
            print(usable_base())
            return 0
        if arguments.command == "build":
            build(arguments.tag, arguments.base)
        if arguments.command == "sbom":
            from hack.image.sbom import sbom  # noqa: PLC0415 - a library that only this command needs

            arguments.output.parent.mkdir(parents=True, exist_ok=True)
            arguments.output.write_text(sbom(arguments.tag, contents(arguments.tag)), encoding="utf-8")
            print(f"{arguments.output}: {len(contents(arguments.tag).packages)} packages")
        else:
            print(report(arguments.tag))
    except ImageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
