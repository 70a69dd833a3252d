"""The server: Streamlit's app, and video files with HTTP Range behind unguessable keys."""

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
from ui.server.tcp_nodelay import disable_nagle
from ui.service import shared
from ui.service.media_tokens import MEDIA_TOKENS
from ui.service.settings import FOLLOW, VARIABLE, UiSettings
from ui.service.temp_dirs import remove_own


async def video(request: Request) -> Response:
    """Return the requested bytes of one video file, or 404."""
    media = MEDIA_TOKENS.find(request.path_params["key"])
    if media is None or not media.path.is_file():
        return PlainTextResponse("not found", status_code=404)
    headers = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}
    return FileResponse(media.path, media_type=media.kind, headers=headers)


@asynccontextmanager
async def _lifespan(_: App) -> AsyncIterator[None]:
    disable_nagle()
    yield
    remove_own()


def _middleware() -> list[Middleware]:
    """Return the middleware of the app; none if the module is imported outside the app."""
    if VARIABLE not in os.environ:
        return []
    settings = UiSettings.from_environment(os.environ)
    shared.warm(settings.catalog)
    auth = Middleware(AuthMiddleware, settings=settings, has_signed_in=has_signed_in)
    return [auth, Middleware(LoadingPage)]


if os.environ.get(FOLLOW):
    end_with_parent()
import_module("ui.app")  # load now, so that the first visitor does not wait

app = App(
    Path(__file__).parents[1] / "script" / "start.py",
    routes=[Route("/video/{key}", video)],
    middleware=_middleware(),
    lifespan=_lifespan,
)
