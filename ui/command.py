"""The command ``vidsearch ui``."""

from __future__ import annotations

import os

import click

from ui.service.settings import TOKEN_VARIABLE
from vidsearch.commands import options
from vidsearch.commands.app import Registry, command
from vidsearch.errors import ConfigError
from vidsearch.storage.find_file import find_file
from vidsearch.text.printable import printable
from vidsearch.video.source import local_path


def register(registry: Registry) -> None:
    """Add the command to ``vidsearch``."""
    registry.commands.add_command(ui)


@command("ui", "open a catalog in the browser: search, play, judge")
@options.catalog
@click.option("--port", metavar="PORT", default=8501, help="port")
@click.option(
    "--address", metavar="ADDRESS", default="localhost", help="listening address; 0.0.0.0: all"
)
@click.option("--no-browser", is_flag=True, help="do not open a browser window")
@click.option(
    "--root",
    "roots",
    metavar="FOLDER",
    multiple=True,
    help="folder whose videos may be indexed, and whose reports opened, from the app (repeatable; "
    "default: none)",
)
@click.option(
    "--token",
    metavar="SECRET",
    default=lambda: os.environ.get(TOKEN_VARIABLE),
    show_default=False,
    help="secret that visitors must enter, 16 characters or more; the environment variable "
    "VIDSEARCH_UI_TOKEN is safer, because lists of processes show command lines",
)
@click.option(
    "--oidc",
    is_flag=True,
    help="visitors sign in with the OpenID Connect provider named in .streamlit/secrets.toml",
)
def ui(
    catalog: str,
    port: int,
    address: str,
    no_browser: bool,
    roots: tuple[str, ...],
    token: str | None,
    oidc: bool,
) -> int:
    """Open a catalog in the browser.

    By default, only this machine can reach the app; another --address needs --token or --oidc. The
    app sends nothing to other servers.
    """
    from ui.server.launch import require_free_port, run
    from ui.server.oidc import require_provider
    from ui.service.settings import UiSettings, is_local
    from vidsearch.catalog import Catalog

    if oidc:
        require_provider()
    folders = tuple(_folder(name) for name in roots)
    settings = UiSettings(
        catalog=Catalog.open(catalog).uri,
        address=address,
        port=port,
        roots=folders,
        token=token,
        oidc=oidc,
    )
    require_free_port(address, port)
    url = f"http://{'localhost' if is_local(address) else address}:{port}"
    reach = "this machine only" if is_local(address) else "every machine that reaches this address"
    sign_in = "a token" if settings.token else "OpenID Connect" if settings.oidc else "no sign-in"
    print(f"vidsearch is at {url} ({reach}; {sign_in}). Ctrl-C ends it.", flush=True)
    if not is_local(address):
        print("The connection is not encrypted; run the app behind an HTTPS proxy.")
    return run(settings, browser=not no_browser)


def _folder(name: str) -> str:
    path = find_file(local_path(name)).resolve()
    if not path.is_dir():
        raise ConfigError(f"--root '{printable(name)}' is not a folder; name an existing folder")
    return str(path)
