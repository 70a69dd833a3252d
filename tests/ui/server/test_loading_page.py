"""Loading page: the page is filled and other responses stay unchanged."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import streamlit
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from ui.server.loading_page import LoadingPage, filled

SHELL = (Path(streamlit.__file__).parent / "static" / "index.html").read_bytes()


def ask(answer: Response, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    told: list[Message] = []
    scope = {"type": "http", "method": method, "path": "/", "headers": []}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(scope, receive, send)

    async def receive() -> Message:
        await asyncio.sleep(3600)  # the visitor stays
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        told.append(message)

    asyncio.run(LoadingPage(app)(scope, receive, send))
    headers = {name.decode(): value.decode() for name, value in told[0]["headers"]}
    return told[0]["status"], headers, b"".join(m.get("body", b"") for m in told[1:])


def test_the_page_of_this_streamlit_is_filled() -> None:
    status, headers, body = ask(HTMLResponse(SHELL))
    assert status == 200
    assert int(headers["content-length"]) == len(body) > len(SHELL)
    assert b"Opening the archive" in body
    assert b"<title>vidsearch</title>" in body
    # All that the app needs is still there, once.
    assert body.count(b'<div id="root">') == 1
    head = SHELL[: SHELL.index(b"<title>")]
    assert body.startswith(head)
    assert filled(body) == body


def test_a_page_that_comes_in_pieces_is_filled() -> None:
    pieces = (SHELL[at : at + 100] for at in range(0, len(SHELL), 100))
    assert ask(StreamingResponse(pieces, media_type="text/html"))[2] == filled(SHELL)


@pytest.mark.parametrize(
    ("answer", "method"),
    [
        (Response(SHELL, media_type="application/javascript"), "GET"),
        (Response(SHELL, status_code=404, media_type="text/html"), "GET"),
        (Response(SHELL, headers={"content-encoding": "gzip"}, media_type="text/html"), "GET"),
        (HTMLResponse("<p>another page</p>"), "GET"),
        (HTMLResponse(SHELL), "POST"),
    ],
)
def test_everything_else_passes_as_it_is(answer: Response, method: str) -> None:
    status, headers, body = ask(answer, method)
    assert status == answer.status_code
    assert body == bytes(answer.body)
    assert headers["content-length"] == str(len(body))
