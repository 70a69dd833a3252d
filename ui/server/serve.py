"""The server: Streamlit's app, and video files with HTTP Range behind unguessable keys."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route
from streamlit.starlette import App

from ui.server.attempts import log_to_stderr
from ui.server.auth import AuthMiddleware
from ui.server.launch import end_with_parent
from ui.server.loading_page import LoadingPage
from ui.server.oidc import has_signed_in
from ui.server.tcp_nodelay import disable_nagle
from ui.service import shared
from ui.service.allowed_folders import require_playable
from ui.service.media_tokens import MEDIA_TOKENS, STILL_TOKENS, ServedStill
from ui.service.settings import FOLLOW, VARIABLE, UiSettings
from ui.service.temp_dirs import remove_own
from vidsearch.errors import VidsearchError
from vidsearch.text.printable import printable
from vidsearch.video.stills import draw_boxes, jpeg, still

_PRIVATE = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}
_drawing = asyncio.Semaphore(2)
"""Frames drawn at a time: decoding a large frame takes a core."""


async def video(request: Request) -> Response:
    """Return the requested bytes of one video file, or 404."""
    media = MEDIA_TOKENS.find(request.path_params["key"])
    if media is None or not media.path.is_file() or not _is_real(media.path):
        return PlainTextResponse("not found", status_code=404)
    return FileResponse(media.path, media_type=media.kind, headers=_PRIVATE)


def _is_real(path: Path) -> bool:
    """Return False if a part of the path has become a link since the key was made."""
    try:
        return path.resolve() == path
    except (OSError, RuntimeError):
        return False


async def best_face(request: Request) -> Response:
    """Return a frame of a video with the box of a face, or 404."""
    media = STILL_TOKENS.find(request.path_params["key"])
    if media is None:
        return PlainTextResponse("not found", status_code=404)
    try:
        async with _drawing:
            content = await run_in_threadpool(_draw, media)
    except (VidsearchError, OSError) as error:
        return PlainTextResponse(printable(str(error)), status_code=404, headers=_PRIVATE)
    return Response(content, media_type="image/jpeg", headers=_PRIVATE)


def _draw(media: ServedStill) -> bytes:
    require_playable(media.video, media.roots)
    image = still(media.video, media.time_s, media.read)
    return jpeg(draw_boxes(image, [media.box_xyxy]))


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
    log_to_stderr()
    auth = Middleware(AuthMiddleware, settings=settings, has_signed_in=has_signed_in)
    return [auth, Middleware(LoadingPage)]


if os.environ.get(FOLLOW):
    end_with_parent()
import_module("ui.app")  # load now, so that the first visitor does not wait

app = App(
    Path(__file__).parents[1] / "script" / "start.py",
    routes=[Route("/video/{key}", video), Route("/still/{key}", best_face)],
    middleware=_middleware(),
    lifespan=_lifespan,
)
