"""The command ``vidsearch ui``."""

from __future__ import annotations

import os
import sys

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
    help="secret that visitors must enter, 16 characters or more; lists of processes show it, so "
    "--token-file and the environment variable VIDSEARCH_UI_TOKEN are safer",
)
@click.option(
    "--token-file",
    metavar="FILE",
    help="file whose only line is the token; only its owner should be able to read it",
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
    token_file: str | None,
    oidc: bool,
) -> int:
    """Open a catalog in the browser.

    By default, only this machine can reach the app; another --address needs a token or --oidc. The
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
        token=_token(token, token_file),
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


def _token(token: str | None, token_file: str | None) -> str | None:
    """Return the token of an option, a file or the environment, in this order; None without one."""
    from ui.server.token_file import read_token_file

    if token is not None and token_file is not None:
        raise ConfigError("--token and --token-file are two tokens; pass one of them")
    if token is not None:
        print(
            "warning: other users of this machine see --token in lists of processes; pass "
            f"--token-file FILE, or set the environment variable {TOKEN_VARIABLE}",
            file=sys.stderr,
        )
        return token
    if token_file is None:
        return os.environ.get(TOKEN_VARIABLE)
    secret, warning = read_token_file(token_file)
    if warning:
        print(f"warning: {warning}", file=sys.stderr)
    return secret


def _folder(name: str) -> str:
    path = find_file(local_path(name)).resolve()
    if not path.is_dir():
        raise ConfigError(f"--root '{printable(name)}' is not a folder; name an existing folder")
    return str(path)
