"""The command line: `rollkeeper run` starts the controller."""

from rollkeeper.cli.app import main

__all__ = ["main"]
