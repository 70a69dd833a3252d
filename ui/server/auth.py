"""In front of everything that the server answers: who may ask, and from which pages."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Mapping
from html import escape
from importlib.resources import files
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.service.settings import UiSettings, is_local

SIGNED_IN_S = 12 * 3600
"""How long a sign-in with the token lasts."""

GUESS_S = 1.0
"""What a wrong token costs whoever tries it."""

_FORM_BYTES, _FORM_S = 4096, 10.0
_OPEN = {"/_stcore/health"}
_READING = {"GET", "HEAD", "OPTIONS"}
_OIDC_HIDES = re.compile(r"/(media|film|_stcore/(upload_file|metrics|agent|bidi-components))(/|$)")
"""What a provider's visitor reaches only after signing in; the sign-in page needs the rest."""

_HEADERS = {
    # Nothing on a page may come from, or go to, another machine; no page of others may frame ours.
    "Content-Security-Policy": "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
    "frame-ancestors 'none'; base-uri 'self'; form-action 'self'; object-src 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class AuthMiddleware:
    """Refuses what does not come from our own pages, and visitors who have not signed in.

    Args:
        app: What is behind it.
        settings: How visitors sign in.
        has_signed_in: Tells by cookies whether the OpenID provider vouches for a visitor.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: UiSettings,
        has_signed_in: Callable[[Mapping[str, str]], bool],
    ) -> None:
        self._app, self._settings, self._has_signed_in = app, settings, has_signed_in
        self._secret = secrets.token_bytes(32)
        self._cookie = f"vidsearch_{settings.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        answer = await self._answer(HTTPConnection(scope), scope, receive)
        if answer is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await answer(scope, receive, _with_headers(send))

    async def _answer(
        self, asked: HTTPConnection, scope: Scope, receive: Receive
    ) -> Response | None:
        """Return the refusal, or the sign-in page; None: the app may answer."""
        host = asked.headers.get("host", "")
        method = scope.get("method", "")
        if not self._serves(host):
            return PlainTextResponse(
                "This app answers to this machine's own name only. To reach it by another, start "
                "it with --token or --oidc.",
                status_code=421,
            )
        if method not in _READING and not _from_our_pages(asked.headers.get("origin"), host):
            return PlainTextResponse("Refused: asked by a page of another site.", status_code=403)
        path = scope["path"]
        if path in _OPEN:
            return None
        if self._settings.token is not None and not self._admitted(asked):
            return await self._sign_in(scope, receive)
        hidden = self._settings.oidc and _OIDC_HIDES.match(path) is not None
        if hidden and not self._has_signed_in(asked.cookies):
            return PlainTextResponse("Sign in first.", status_code=401)
        return None

    def _serves(self, host: str) -> bool:
        """Tell whether a request came by a name of ours.

        Without sign-in, a page elsewhere whose name is pointed at this machine must not get in.
        """
        if self._settings.token is not None or self._settings.oidc:
            return True
        try:
            return is_local(urlsplit(f"//{host}").hostname or "")
        except ValueError:
            return False

    async def _sign_in(self, scope: Scope, receive: Receive) -> Response:
        if scope["type"] == "websocket" or scope["method"] not in {"GET", "HEAD", "POST"}:
            return PlainTextResponse("Sign in first.", status_code=401)
        if scope["method"] == "POST":
            if self._settings.admits(await _typed_token(Request(scope, receive))):
                return self._let_in(scope)
            await asyncio.sleep(GUESS_S)
            return _page("That is not the token.")
        accepts = HTTPConnection(scope).headers.get("accept", "")
        if "text/html" in accepts:
            return _page("")
        return PlainTextResponse("Sign in first.", status_code=401)

    def _let_in(self, scope: Scope) -> Response:
        # One of our pages, or the first: never a place of somebody else's choice.
        path = scope["path"] if re.fullmatch(r"/[a-z]*", scope["path"]) else "/"
        answer = RedirectResponse(path, status_code=303)
        until = str(int(time.time()) + SIGNED_IN_S)
        answer.set_cookie(
            self._cookie,
            f"{until}.{self._signature(until)}",
            max_age=SIGNED_IN_S,
            httponly=True,
            samesite="lax",
            secure=scope["scheme"] == "https",
        )
        return answer

    def _admitted(self, asked: HTTPConnection) -> bool:
        until, _, signature = asked.cookies.get(self._cookie, "").partition(".")
        expected = self._signature(until).encode()
        if not hmac.compare_digest(expected, signature.encode("utf-8", "replace")):
            return False
        return time.time() < int(until)

    def _signature(self, until: str) -> str:
        return hmac.new(self._secret, until.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _from_our_pages(origin: str | None, host: str) -> bool:
    """Tell whether a page of this app asks; what is no browser says nothing of pages."""
    return origin is None or urlsplit(origin).netloc == host


async def _typed_token(request: Request) -> str:
    """Return the token in a small form; nothing where it is none."""

    async def read() -> bytes:
        content = b""
        async for chunk in request.stream():
            content += chunk
            if len(content) > _FORM_BYTES:
                return b""
        return content

    try:
        content = await asyncio.wait_for(read(), _FORM_S)
    except TimeoutError:
        return ""
    return parse_qs(content.decode("utf-8", "replace")).get("token", [""])[0]


def _page(fault: str) -> Response:
    page = files("ui.server").joinpath("sign_in.html").read_text(encoding="utf-8")
    shown = page.replace("{fault}", escape(fault))
    return HTMLResponse(shown, status_code=401, headers={"Cache-Control": "no-store"})


def _with_headers(send: Send) -> Send:
    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return told
