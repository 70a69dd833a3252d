"""Nothing is waited for without an end, and no error reaches the user without words."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from pipelines import ClusterConfig
from pipelines.cluster import client as clients
from pipelines.cluster import cluster
from pipelines.cluster.timeouts import Later, within
from pipelines.cluster.worker_plugin import ModelsPlugin
from pipelines.indexing import run as indexing
from vidsearch.commands.main import main
from vidsearch.errors import ClusterLostError, ConfigError, reason


def gives_up(*_: object, **__: object) -> NoReturn:
    """As ``asyncio.wait_for`` does in many places of Dask: without a word."""
    raise TimeoutError


def hangs(*_: object, **__: object) -> None:
    threading.Event().wait(30)


def test_a_call_that_is_over_in_time_gives_what_it_gives() -> None:
    assert within(30, "somebody", lambda a, *, b: a + b, 1, b=2) == 3
    with pytest.raises(ZeroDivisionError):
        within(30, "somebody", lambda: 1 / 0)


@pytest.mark.parametrize(
    ("call", "words"), [(gives_up, "gave up waiting"), (hangs, "did not answer within 0 s")]
)
def test_whoever_lets_wait_is_named(call: Callable[[], None], words: str) -> None:
    with pytest.raises(TimeoutError, match=f"the scheduler {words}"):
        within(0.05 if call is hangs else 30, "the scheduler", call)


def test_a_call_can_be_looked_at_and_left() -> None:
    go = threading.Event()
    later = Later(go.wait, 30)
    assert not later.wait(0.01)
    go.set()
    assert later.wait(30)
    assert later.result() is True


def test_an_error_without_words_says_its_kind() -> None:
    assert reason(OSError("no room")) == "no room"
    assert reason(TimeoutError()) == "TimeoutError without further words"


@pytest.mark.parametrize("error", [TimeoutError(), OSError(), ClusterLostError()])
def test_the_command_never_ends_without_a_reason(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object, **__: object) -> NoReturn:
        raise error

    monkeypatch.setattr(indexing, "index", fails)
    assert main(["index", "catalog", "videos", "--workers", "1"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"vidsearch: {type(error).__name__} without further words")
    assert said.count("\n") == 1


@pytest.mark.parametrize("close", [gives_up, hangs])
def test_a_cluster_that_does_not_close_spoils_nothing(
    close: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its workers, which may be deaf to everything but SIGKILL, do not outlive it either."""
    monkeypatch.setattr(clients, "CLOSED_WITHIN_S", 0.05 if close is hangs else 30)
    caplog.set_level(logging.INFO, logger="pipelines.cluster.client")
    start = multiprocessing.get_context("spawn").Process(target=deaf, daemon=True)
    start.start()
    workers = {0: SimpleNamespace(pid=start.pid), 1: SimpleNamespace(pid=None)}
    clients._end(SimpleNamespace(workers=workers, close=close))
    start.join(30)
    assert start.exitcode == -signal.SIGKILL
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("the workers of this machine did not close: ")


def deaf() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (gives_up, "died 3 times while they started .TimeoutError without further words."),
        (hangs, "did not start within"),
    ],
)
def test_workers_that_do_not_start_are_said_with_a_remedy(
    start: Callable[..., None], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "LocalCluster", start)
    monkeypatch.setattr(clients, "STARTED_WITHIN_S", 0.05 if start is hangs else 30)
    with pytest.raises(ClusterLostError, match=words) as caught:
        clients._start(ClusterConfig(workers=2))
    assert "repeat the command" in str(caught.value)


def test_a_scheduler_that_gives_up_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "Client", gives_up)
    options = ClusterConfig(scheduler="tcp://far:1")
    with pytest.raises(ConfigError, match=r"no Dask scheduler answers at 'tcp://far:1' .TimeoutE"):
        clients._client(options, None)
    with pytest.raises(ClusterLostError, match=r"of this machine does not answer .TimeoutE"):
        clients._client(ClusterConfig(workers=2), object())


def test_workers_that_give_up_while_they_load_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    client: Any = SimpleNamespace(register_plugin=gives_up)
    with pytest.raises(ClusterLostError, match="the workers gave up waiting"):
        cluster._equip_all(client, ModelsPlugin("open", "m", "cpu"))
    with (
        pytest.raises(ClusterLostError, match=r"does not answer .TimeoutError without"),
        cluster._answering(),
    ):
        gives_up()
