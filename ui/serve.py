"""The server: Streamlit's app, and films by range for those who were given their key."""

from __future__ import annotations

import os
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route
from streamlit.starlette import App

from ui.service import shared
from ui.service.films import SHELF
from ui.settings import VARIABLE, UiSettings


async def film(request: Request) -> Response:
    """Answer with the bytes that were asked for of one film, or 404."""
    found = SHELF.find(request.path_params["key"])
    if found is None or not found.path.is_file():
        return PlainTextResponse("not found", status_code=404)
    headers = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}
    return FileResponse(found.path, media_type=found.kind, headers=headers)


if VARIABLE in os.environ:
    shared.warm(UiSettings.from_environment(os.environ).catalog)

app = App(Path(__file__).parent / "script" / "start.py", routes=[Route("/film/{key}", film)])
