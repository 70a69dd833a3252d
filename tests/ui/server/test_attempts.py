"""Limit of wrong tokens over all connections, its log, and files with a token."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from ui.command import _token
from ui.server.attempts import LOG, MAX_WRONG, WINDOW_S, Attempts
from ui.server.auth import AuthMiddleware
from ui.server.token_file import read_token_file
from ui.service.settings import TOKEN_VARIABLE, UiSettings
from vidsearch.errors import ConfigError

SECRET = "0123456789abcdef"


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("behind")(scope, receive, send)


async def sign_in(gate: AuthMiddleware, token: str, address: str) -> int:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": f"token={token}".encode(), "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": "/",
        "query_string": b"",
        "client": (address, 1),
        "headers": [(b"host", b"archive.example.org")],
    }
    await gate(scope, receive, send)
    status: int = sent[0]["status"]
    return status


def test_parallel_guesses_from_many_addresses_are_counted_together(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ui.server.auth.GUESS_S", 0.01)
    monkeypatch.setattr(LOG, "propagate", True)
    gate = AuthMiddleware(behind, UiSettings(catalog="c", token=SECRET), lambda _: False)

    async def guess() -> list[int]:
        guesses = (sign_in(gate, f"guess-{n}", f"10.0.0.{n}\n") for n in range(40))
        return list(await asyncio.gather(*guesses))

    with caplog.at_level(logging.WARNING):
        statuses = asyncio.run(guess())
        assert statuses.count(401) == MAX_WRONG
        assert statuses.count(429) == 40 - MAX_WRONG
        # The right token is not checked either: a guess must not be told apart.
        assert asyncio.run(sign_in(gate, SECRET, "10.0.0.99")) == 429
    assert len(caplog.messages) == 41
    assert "wrong token from 10.0.0.0\\n; 1 of 10 within 60 s" in caplog.messages[0]
    assert "not checked: too many wrong tokens" in caplog.messages[-1]
    assert not any("guess-" in message or SECRET in message for message in caplog.messages)


def test_tokens_are_checked_again_after_the_window(caplog: pytest.LogCaptureFixture) -> None:
    now = [1000.0]
    attempts = Attempts(lambda: now[0])
    for _ in range(MAX_WRONG):
        assert attempts.wait_s() == 0
        attempts.rejected("a")
        now[0] += 1
    assert attempts.wait_s() == WINDOW_S - MAX_WRONG
    now[0] = 1000.0 + WINDOW_S
    assert attempts.wait_s() == 0
    attempts.rejected("a")
    assert attempts.wait_s() == 1.0
    attempts.accepted("b")
    assert attempts.wait_s() == 1.0


def test_a_right_token_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(LOG, "propagate", True)
    gate = AuthMiddleware(behind, UiSettings(catalog="c", token=SECRET), lambda _: False)
    assert asyncio.run(sign_in(gate, SECRET, "10.0.0.1")) == 303
    assert caplog.messages == ["sign-in from 10.0.0.1"]


def test_a_file_holds_the_token(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(f"  {SECRET}\r\n")
    path.chmod(0o600)
    assert read_token_file(str(path)) == (SECRET, "")
    path.write_bytes(b"\xef\xbb\xbf" + SECRET.encode())
    assert read_token_file(str(path)) == (SECRET, "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o666])
def test_a_file_that_others_read_is_warned_about(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "token"
    path.write_text(SECRET)
    path.chmod(mode)
    token, warning = read_token_file(str(path))
    assert token == SECRET
    assert f"(mode {mode:03o}); run: chmod 600" in warning
    assert SECRET not in warning


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "one line"),
        (b"\n", "one line"),
        (b"a\nb\n", "got 2 lines"),
        (b"x" * 5000, "more than 4096 bytes"),
        (b"\xff\xfe", "it is not text"),
        (None, "No such file"),
    ],
)
def test_a_file_without_a_token_is_refused(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=reason):
        read_token_file(str(path))
    with pytest.raises(ConfigError, match="cannot be read"):
        read_token_file(str(tmp_path))


def test_a_token_on_the_command_line_is_warned_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "token"
    path.write_text(SECRET)
    path.chmod(0o600)
    monkeypatch.setenv(TOKEN_VARIABLE, "from-the-environment")
    assert _token(None, None) == "from-the-environment"
    assert _token(None, str(path)) == SECRET
    assert capsys.readouterr().err == ""
    assert _token(SECRET, None) == SECRET
    error = capsys.readouterr().err
    assert "warning: other users of this machine see --token" in error
    assert SECRET not in error
    with pytest.raises(ConfigError, match="pass one of them"):
        _token(SECRET, str(path))
