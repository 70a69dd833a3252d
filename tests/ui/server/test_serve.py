"""Video files over HTTP: byte ranges, and nothing without a key."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.routing import Route, Router
from starlette.types import Message

from ui.server.serve import best_face, video
from ui.service.media_tokens import MEDIA_TOKENS, STILL_TOKENS, ServedFile, ServedStill
from vidsearch.read_options import DEFAULT_READ

CONTENT = bytes(range(200))
ROUTER = Router([Route("/video/{key}", video), Route("/still/{key}", best_face)])


@pytest.fixture
def key(tmp_path: Path) -> str:
    path = tmp_path / "film.mp4"
    path.write_bytes(CONTENT)
    return MEDIA_TOKENS.put(ServedFile(path, "video/mp4"))


def get(path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of a request."""
    sent: list[Message] = []
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(ROUTER(scope, receive, send))
    found = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, b"".join(part.get("body", b"") for part in sent[1:])


def test_a_whole_file_is_not_cached_and_not_guessed(key: str) -> None:
    status, headers, body = get(f"/video/{key}")
    assert (status, body, headers["content-type"]) == (200, CONTENT, "video/mp4")
    # Faces must not stay in a shared cache, and a browser must not take the file for a page.
    assert headers["cache-control"] == "private, no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "stated", "body"),
    [
        ("bytes=0-0", "bytes 0-0/200", CONTENT[:1]),
        ("bytes=50-99", "bytes 50-99/200", CONTENT[50:100]),
        ("bytes=150-", "bytes 150-199/200", CONTENT[150:]),
        ("bytes=-10", "bytes 190-199/200", CONTENT[-10:]),
        ("bytes=190-999", "bytes 190-199/200", CONTENT[190:]),
    ],
)
def test_a_range_is_exact(key: str, asked: str, stated: str, body: bytes) -> None:
    status, headers, found = get(f"/video/{key}", range=asked)
    assert (status, headers["content-range"], found) == (206, stated, body)
    assert headers["content-length"] == str(len(body))


def test_a_range_beyond_the_end_is_refused(key: str) -> None:
    status, headers, body = get(f"/video/{key}", range="bytes=200-300")
    assert (status, headers["content-range"]) == (416, "bytes */200")
    assert CONTENT[:10] not in body


def test_a_header_request_has_no_body(key: str) -> None:
    status, headers, body = get(f"/video/{key}", method="HEAD")
    assert (status, headers["content-length"], body) == (200, "200", b"")


@pytest.mark.parametrize("path", ["unknown", "..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd", " "])
def test_no_key_no_file(path: str) -> None:
    assert get(f"/video/{path}")[::2] == (404, b"not found")


def test_a_file_that_was_removed_is_not_found(key: str) -> None:
    served = MEDIA_TOKENS.find(key)
    assert served is not None
    served.path.unlink()
    assert get(f"/video/{key}")[0] == 404


def test_nothing_is_written_over_http(key: str) -> None:
    assert get(f"/video/{key}", method="PUT")[0] == 405


def test_a_file_that_became_a_link_is_not_served(key: str, tmp_path: Path) -> None:
    served = MEDIA_TOKENS.find(key)
    assert served is not None
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    served.path.unlink()
    served.path.symlink_to(tmp_path / "secret.mp4")
    assert get(f"/video/{key}")[::2] == (404, b"not found")


def test_the_best_face_is_drawn_for_its_key_only(made: Path, tmp_path: Path) -> None:
    film = made / "archive" / "sub" / "two.mp4"
    box = np.array([10, 10, 50, 50], np.float32)
    key = STILL_TOKENS.put(ServedStill(str(film), 0.5, box, DEFAULT_READ))
    status, headers, body = get(f"/still/{key}")
    assert (status, headers["content-type"], body[:2]) == (200, "image/jpeg", b"\xff\xd8")
    assert headers["cache-control"] == "private, no-store"
    assert get("/still/unknown")[::2] == (404, b"not found")
    assert get(f"/video/{key}")[0] == 404
    link = tmp_path / "link.mp4"
    link.symlink_to(film)
    still = ServedStill(str(link), 0.5, box, DEFAULT_READ, (str(tmp_path),))
    status, _, body = get(f"/still/{STILL_TOKENS.put(still)}")
    assert status == 404
    assert b"leads out of the folders" in body
