"""The server: Streamlit's app, and films by range for those who were given their key."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route
from streamlit.starlette import App

from ui.server.auth import AuthMiddleware
from ui.server.launch import end_with_parent
from ui.server.loading_page import LoadingPage
from ui.server.oidc import has_signed_in
from ui.server.tcp_nodelay import send_at_once
from ui.service import shared
from ui.service.media_tokens import MEDIA_TOKENS
from ui.service.settings import FOLLOW, VARIABLE, UiSettings
from ui.service.temp_dirs import remove_own


async def film(request: Request) -> Response:
    """Answer with the bytes that were asked for of one film, or 404."""
    found = MEDIA_TOKENS.find(request.path_params["key"])
    if found is None or not found.path.is_file():
        return PlainTextResponse("not found", status_code=404)
    headers = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}
    return FileResponse(found.path, media_type=found.kind, headers=headers)


@asynccontextmanager
async def _tidy(_: App) -> AsyncIterator[None]:
    send_at_once()
    yield
    remove_own()


def _gates() -> list[Middleware]:
    """Return what stands before the app; nothing where this file is only looked at."""
    if VARIABLE not in os.environ:
        return []
    settings = UiSettings.from_environment(os.environ)
    shared.warm(settings.catalog)
    gate = Middleware(AuthMiddleware, settings=settings, has_signed_in=has_signed_in)
    return [gate, Middleware(LoadingPage)]


if os.environ.get(FOLLOW):
    end_with_parent()
import_module("ui.app")  # now, not while the first visitor waits

app = App(
    Path(__file__).parents[1] / "script" / "start.py",
    routes=[Route("/film/{key}", film)],
    middleware=_gates(),
    lifespan=_tidy,
)
