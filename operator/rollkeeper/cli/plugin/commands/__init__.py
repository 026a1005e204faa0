"""Signatures of the commands, as typer reads them; what they do is in the modules beside this package."""
