"""The command ``vidsearch demo``."""

from __future__ import annotations

import click

from vidsearch.commands.app import command


@command("demo", "index and search a small archive made from real faces")
@click.argument(
    "folder",
    metavar="[FOLDER]",
    default="demo",
    help="folder of the demo (default: ./demo, created anew)",
)
def demo(folder: str) -> int:
    """Make a small archive from real faces that installed packages ship.

    The demo indexes the archive, searches it with photos, and checks every answer.
    """
    from pipelines.demo.run import run

    return run(folder)
