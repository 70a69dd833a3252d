"""The command ``vidsearch ui``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from ui.service.settings import TOKEN_VARIABLE
from vidsearch.errors import ConfigError


def register(commands: Any) -> None:
    """Add the command to the parser of ``vidsearch``."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "ui",
        help="open a catalog in the browser: search, play, judge",
        description="Open a catalog in the browser. Only this machine can reach it, unless "
        "--address says otherwise, which demands --token or --oidc. Nothing is sent anywhere.",
    )
    parser.add_argument("catalog", metavar="CATALOG", help="folder of the catalog")
    parser.add_argument("--port", type=int, default=8501, help="port (8501)")
    parser.add_argument(
        "--address", default="localhost", help="address to listen on (localhost); 0.0.0.0: all"
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser window")
    parser.add_argument(
        "--root",
        metavar="FOLDER",
        action="append",
        default=[],
        help="a folder whose videos may be indexed, and whose reports opened, from the app "
        "(repeatable; default: none)",
    )
    parser.add_argument(
        "--token",
        metavar="SECRET",
        default=os.environ.get(TOKEN_VARIABLE),
        help="what visitors must type to get in, 16 characters or more; better in the "
        "environment as VIDSEARCH_UI_TOKEN, where no list of processes shows it",
    )
    parser.add_argument(
        "--oidc",
        action="store_true",
        help="visitors sign in with the OpenID Connect provider that .streamlit/secrets.toml names",
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from ui.server.launch import run
    from ui.server.oidc import require_provider
    from ui.service.settings import UiSettings, is_local
    from vidsearch.catalog import Catalog

    if args.oidc:
        require_provider()
    roots = []
    for name in args.root:
        root = Path(name).resolve()
        if not root.is_dir():
            raise ConfigError(f"--root {name!r} is not a folder; name one that exists")
        roots.append(str(root))
    settings = UiSettings(
        catalog=Catalog.open(args.catalog).uri,
        address=args.address,
        port=args.port,
        roots=tuple(roots),
        token=args.token,
        oidc=args.oidc,
    )
    place = f"http://{'localhost' if is_local(args.address) else args.address}:{args.port}"
    who = "this machine only" if is_local(args.address) else "whoever reaches this address"
    how = "a token" if settings.token else "OpenID Connect" if settings.oidc else "no sign-in"
    print(f"vidsearch is at {place} ({who}; {how}). Ctrl-C ends it.", flush=True)
    if not is_local(args.address):
        print("The connection is not encrypted: put it behind a server that speaks HTTPS.")
    return run(settings, browser=not args.no_browser)
