"""Auth middleware: token check, same-origin check and security headers for every request."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import math
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

from ui.server.attempts import Attempts
from ui.service.settings import UiSettings, is_local

SIGNED_IN_S = 12 * 3600
"""Lifetime of a sign-in with the token, seconds."""

GUESS_S = 1.0
"""Delay after a wrong token, seconds; it slows brute force."""

_FORM_BYTES, _FORM_S = 4096, 10.0
_PUBLIC_PATHS = {"/_stcore/health"}
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_OIDC_PROTECTED = re.compile(
    r"/(media|video|still|_stcore/(upload_file|metrics|agent|bidi-components))(/|$)"
)
"""Paths closed to visitors who have not signed in with OIDC; the sign-in page needs all others."""

_HEADERS = {
    # Pages load from and send to this server only; no other site may frame them.
    "Content-Security-Policy": "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
    "frame-ancestors 'none'; base-uri 'self'; form-action 'self'; object-src 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class AuthMiddleware:
    """Refuses requests of other sites' pages and visitors who have not signed in.

    Args:
        app: The application behind the middleware.
        settings: Address and sign-in method.
        has_signed_in: Return True if the cookies hold a valid OpenID Connect sign-in.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: UiSettings,
        has_signed_in: Callable[[Mapping[str, str]], bool],
    ) -> None:
        self._app, self._settings, self._has_signed_in = app, settings, has_signed_in
        self._attempts = Attempts()
        self._secret = secrets.token_bytes(32)
        self._cookie = f"vidsearch_{settings.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        response = await self._early_response(HTTPConnection(scope), scope, receive)
        if response is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await response(scope, receive, _with_headers(send))

    async def _early_response(
        self, request: HTTPConnection, scope: Scope, receive: Receive
    ) -> Response | None:
        """Return the refusal or the sign-in page, or None if the app may answer."""
        host = request.headers.get("host", "")
        method = scope.get("method", "")
        if not self._allows_host(host):
            return PlainTextResponse(
                "This app answers requests for localhost only. To reach it by another name, start "
                "it with --token or --oidc.",
                status_code=421,
            )
        if method not in _SAFE_METHODS and not _same_origin(request.headers.get("origin"), host):
            return PlainTextResponse(
                "Refused: the request comes from a page of another site.", status_code=403
            )
        path = scope["path"]
        if path in _PUBLIC_PATHS:
            return None
        if self._settings.token is not None and not self._has_valid_cookie(request):
            return await self._sign_in(scope, receive)
        protected = self._settings.oidc and _OIDC_PROTECTED.match(path) is not None
        if protected and not self._has_signed_in(request.cookies):
            return PlainTextResponse("Sign in first.", status_code=401)
        return None

    def _allows_host(self, host: str) -> bool:
        """Return True if the request's host name is allowed.

        Without sign-in only local names are: this stops DNS rebinding, where a foreign name
        points to this machine.
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
            return await self._check_token(scope, await _submitted_token(Request(scope, receive)))
        accepts = HTTPConnection(scope).headers.get("accept", "")
        if "text/html" in accepts:
            return _page("")
        return PlainTextResponse("Sign in first.", status_code=401)

    async def _check_token(self, scope: Scope, token: str) -> Response:
        # Nothing is awaited between the limit and the count, so parallel guesses are counted too.
        client = scope.get("client")
        address = str(client[0]) if client else "unknown"
        wait_s = self._attempts.wait_s()
        if wait_s > 0:
            self._attempts.refused(address)
            page = _page(f"Too many wrong tokens. Try again in {math.ceil(wait_s)} seconds.", 429)
            page.headers["Retry-After"] = str(math.ceil(wait_s))
            return page
        if self._settings.admits(token):
            self._attempts.accepted(address)
            return self._signed_in_redirect(scope)
        self._attempts.rejected(address)
        await asyncio.sleep(GUESS_S)
        return _page("The token is wrong.")

    def _signed_in_redirect(self, scope: Scope) -> Response:
        # Redirect to a page of this app only, never to a target of the caller's choice.
        path = scope["path"] if re.fullmatch(r"/[a-z]*", scope["path"]) else "/"
        response = RedirectResponse(path, status_code=303)
        expires = str(int(time.time()) + SIGNED_IN_S)
        response.set_cookie(
            self._cookie,
            f"{expires}.{self._signature(expires)}",
            max_age=SIGNED_IN_S,
            httponly=True,
            samesite="lax",
            secure=scope["scheme"] == "https",
        )
        return response

    def _has_valid_cookie(self, request: HTTPConnection) -> bool:
        expires, _, signature = request.cookies.get(self._cookie, "").partition(".")
        expected = self._signature(expires).encode()
        if not hmac.compare_digest(expected, signature.encode("utf-8", "replace")):
            return False
        return time.time() < int(expires)

    def _signature(self, expires: str) -> str:
        return hmac.new(
            self._secret, expires.encode("utf-8", "replace"), hashlib.sha256
        ).hexdigest()


def _same_origin(origin: str | None, host: str) -> bool:
    """Return True if Origin is this host, or absent (the client is not a browser)."""
    return origin is None or urlsplit(origin).netloc == host


async def _submitted_token(request: Request) -> str:
    """Return the token of the sign-in form, or an empty string."""

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


def _page(error: str, status: int = 401) -> Response:
    page = files("ui.server").joinpath("sign_in.html").read_text(encoding="utf-8")
    content = page.replace("{error}", escape(error))
    return HTMLResponse(content, status_code=status, headers={"Cache-Control": "no-store"})


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers
