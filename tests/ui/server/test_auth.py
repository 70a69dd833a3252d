"""Auth middleware: nothing is reachable before sign-in; foreign pages are refused."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from tests.helpers.app_server import Served, free_port, serving
from ui.server.auth import AuthMiddleware
from ui.service.settings import UiSettings

SECRET = "0123456789abcdef"
PATHS = (
    "/",
    "/people",
    "/media/abc",
    "/video/abc",
    "/still/abc",
    "/static/js/index.js",
    "/_stcore/metrics",
    "/_stcore/host-config",
    "/component/x/y",
    "/%2e%2e/%2e%2e/etc/passwd",
)


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("behind the gate")(scope, receive, send)


def ask(
    gate: AuthMiddleware, method: str = "GET", path: str = "/", *, body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str], str]:
    """Send one request through; return status, headers and body, or the code of a close."""
    told: list[Message] = []
    kind = "websocket" if method == "WEBSOCKET" else "http"
    asked = {"host": "localhost:8501", **headers}
    scope: dict[str, Any] = {
        "type": kind,
        "scheme": "http",
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in asked.items()],
    }
    if kind == "http":
        scope["method"] = method

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        told.append(message)

    asyncio.run(gate(scope, receive, send))
    if told[0]["type"] == "websocket.close":
        return told[0]["code"], {}, ""
    found = {name.decode().lower(): value.decode() for name, value in told[0]["headers"]}
    return told[0]["status"], found, b"".join(m.get("body", b"") for m in told[1:]).decode()


def gate(**options: Any) -> AuthMiddleware:
    settings = UiSettings(catalog="c", **options)
    return AuthMiddleware(behind, settings, lambda cookies: cookies.get("user") == "vouched for")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.server.auth.GUESS_S", 0.0)


def test_without_sign_in_this_machine_alone_is_served() -> None:
    open_gate = gate()
    assert ask(open_gate)[2] == "behind the gate"
    for name in ("127.0.0.1:8501", "[::1]:8501", "localhost"):
        assert ask(open_gate, host=name)[0] == 200
    # A name that somebody else pointed at this machine.
    for name in ("rebound.example.org:8501", "localhost.example.org", "", "[::1", "10.0.0.7"):
        status, _, words = ask(open_gate, host=name)
        assert status == 421
        assert "start it with --token" in words
    assert ask(gate(token=SECRET, address="0.0.0.0"), host="archive.example.org")[0] == 401


def test_pages_of_other_sites_cannot_ask() -> None:
    open_gate = gate()
    elsewhere = "https://example.org"
    assert ask(open_gate, "WEBSOCKET", "/_stcore/stream", origin=elsewhere)[0] == 1008
    assert ask(open_gate, "PUT", "/_stcore/upload_file/a/b", origin=elsewhere)[0] == 403
    assert ask(open_gate, "PUT", origin="null")[0] == 403
    assert ask(open_gate, "PUT", origin="http://localhost:9999")[0] == 403
    assert ask(open_gate, "PUT", origin="http://localhost:8501")[0] == 200


def test_every_answer_forbids_other_machines_and_frames() -> None:
    _, headers, _ = ask(gate())
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert headers["x-frame-options"] == "DENY"
    assert ask(gate(token=SECRET))[1]["x-content-type-options"] == "nosniff"


@pytest.mark.usefixtures("quick")
def test_the_token_opens_the_gate() -> None:
    shut = gate(token=SECRET)
    status, _, words = ask(shut, accept="text/html")
    assert (status, "Enter the token" in words) == (401, True)
    status, headers, words = ask(shut, "POST", body=b"token=wrong")
    assert (status, "The token is wrong." in words) == (401, True)
    assert "set-cookie" not in headers
    for body in (b"", b"x" * 10_000 + b"&token=" + SECRET.encode(), b"\xff\xfe", b"token=%ff"):
        assert ask(shut, "POST", body=body)[0] == 401
    status, headers, _ = ask(shut, "POST", "/people", body=b"token=" + SECRET.encode())
    assert (status, headers["location"]) == (303, "/people")
    cookie, *rest = headers["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=lax"} <= set(rest)
    assert SECRET not in cookie
    assert ask(shut, cookie=cookie)[2] == "behind the gate"
    name, _, value = cookie.partition("=")
    later = f"{int(value.split('.')[0]) + 1}.{value.split('.')[1]}"
    for wrong in (later, "", ".", value[:-1], "9999999999.", "x.é"):
        assert ask(shut, cookie=f"{name}={wrong}")[0] == 401
    assert ask(gate(token=SECRET), cookie=cookie)[0] == 401, "of another run"


def test_a_sign_in_leads_to_no_other_site() -> None:
    body = b"token=" + SECRET.encode()
    for path in ("//example.org", "/\\example.org", "/a/../b", "/https://example.org"):
        assert ask(gate(token=SECRET), "POST", path, body=body)[1]["location"] == "/"


def test_a_sign_in_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    shut = gate(token=SECRET)
    cookie = ask(shut, "POST", body=b"token=" + SECRET.encode())[1]["set-cookie"].split(";")[0]
    monkeypatch.setattr("ui.server.auth.time.time", lambda: 4e9)
    assert ask(shut, cookie=cookie)[0] == 401


def test_the_provider_must_vouch_for_who_sends_and_fetches() -> None:
    shut = gate(oidc=True, address="0.0.0.0")
    for method, path in (
        ("PUT", "/_stcore/upload_file/session/file"),
        ("DELETE", "/_stcore/upload_file/session/file"),
        ("GET", "/media/abc.jpg"),
        ("GET", "/video/abc"),
        ("GET", "/_stcore/metrics"),
        ("POST", "/_stcore/agent/interact"),
    ):
        assert ask(shut, method, path)[0] == 401
        assert ask(shut, method, path, cookie="user=vouched for")[0] == 200
    # Signing in needs the page itself.
    for path in ("/", "/static/js/index.js", "/auth/login", "/oauth2callback"):
        assert ask(shut, "GET", path)[0] == 200


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("guarded")
    settings = UiSettings(catalog=str(folder / "none"), port=free_port(), token=SECRET)
    with serving(settings, folder / "log.txt") as server:
        yield server


def fetch(
    server: Served, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    with closing(http.client.HTTPConnection("localhost", server.port, timeout=60)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def test_the_running_app_is_shut_until_the_token_is_typed(guarded: Served) -> None:
    for path in PATHS:
        status, _, told = fetch(guarded, "GET", path)
        assert (path, status, told) == (path, 401, b"Sign in first.")
    photo = b"x" * 1_000_000
    assert fetch(guarded, "PUT", "/_stcore/upload_file/a/b", photo)[0] == 401
    status, headers, _ = fetch(guarded, "POST", "/", b"token=" + SECRET.encode())
    assert status == 303
    cookie = headers["Set-Cookie"].split(";")[0]
    status, _, page = fetch(guarded, "GET", "/", Cookie=cookie)
    assert (status, b"<title>" in page) == (200, True)
    # Behind the gate Streamlit's own checks stand: no upload without its token against forgery.
    assert fetch(guarded, "PUT", "/_stcore/upload_file/a/b", photo, Cookie=cookie)[0] == 403
    # The token is nowhere in what the app printed.
    assert SECRET not in guarded.log.read_text()


def test_no_path_leads_out_of_the_running_app(guarded: Served) -> None:
    cookie = fetch(guarded, "POST", "/", b"token=" + SECRET.encode())[1]["Set-Cookie"].split(";")[0]
    secret = Path(guarded.log.parent / "secret.txt")
    secret.write_text("of the archive")
    climb = "../" * 12
    component = "/_stcore/bidi-components/"
    ways = (
        "/video/",
        "/static/",
        "/media/",
        "/component/",
        "/app/static/",
        "/",
        component,
        component + "vidsearch_clickable/",
    )
    for way in ways:
        for target in (str(secret), climb + str(secret)[1:], "%00" + str(secret)):
            for hidden in (target, target.replace("/", "%2f"), target.replace("..", "%2e%2e")):
                _, _, told = fetch(guarded, "GET", way + hidden, Cookie=cookie)
                assert b"of the archive" not in told, way + hidden


def test_the_app_ends_with_who_started_it(tmp_path: Path) -> None:
    settings = UiSettings(catalog=str(tmp_path), port=free_port())
    with serving(settings, tmp_path / "log.txt") as server:
        assert fetch(server, "GET", "/_stcore/health")[0] == 200
    with pytest.raises(OSError, match="refused"):
        fetch(server, "GET", "/_stcore/health")
