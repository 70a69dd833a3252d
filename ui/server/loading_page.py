"""Loading page: content for the second or two in which a browser loads the app's scripts."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 176 40" fill="none" role="img" '
    'aria-label="vidsearch"><circle cx="17" cy="17" r="12.5" stroke="#1b8aa5" stroke-width="4.5"/>'
    '<path d="M26.5 26.5 36 36" stroke="#1b8aa5" stroke-width="5.5" stroke-linecap="round"/>'
    '<path d="M14 11.2v11.6L23 17z" fill="#1b8aa5"/><text x="46" y="28" fill="#1b8aa5" '
    'font-family="system-ui, -apple-system, Segoe UI, Noto Sans, DejaVu Sans, sans-serif" '
    'font-size="25" font-weight="700" letter-spacing="-0.6">vidsearch</text></svg>'
)
_EMPTY = b'<div id="root"></div>'
_TITLE = b"<title>Streamlit</title>"


class LoadingPage:
    """Fills Streamlit's page, which is empty until its scripts run and replace the content.

    Args:
        app: The application behind the middleware.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = scope["type"] == "http" and scope["method"] == "GET"
        await self._app(scope, receive, _PageFiller(send) if page else send)


class _PageFiller:
    """Buffers an HTML page until it is complete and sends it filled; forwards other messages."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            self._start = message
        elif self._start is None or message["type"] != "http.response.body":
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                start, self._start = self._start, None
                body = filled(self._body)
                MutableHeaders(scope=start)["content-length"] = str(len(body))
                await self._send(start)
                await self._send({"type": "http.response.body", "body": body})


def _is_page(start: Message) -> bool:
    headers = MutableHeaders(scope=start)
    kind, is_encoded = headers.get("content-type", ""), "content-encoding" in headers
    return start["status"] == 200 and kind.startswith("text/html") and not is_encoded


def filled(page: bytes) -> bytes:
    """Return the app's page with the loading content; a page of unknown layout stays unchanged."""
    return page.replace(_EMPTY, _loading_html(), 1).replace(_TITLE, b"<title>vidsearch</title>", 1)


@cache
def _loading_html() -> bytes:
    text = files("ui.server").joinpath("loading_page.html").read_text(encoding="utf-8")
    return text.strip().replace("{logo}", LOGO).encode()
