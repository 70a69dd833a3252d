"""Every wait has a limit, and every error reaches the user with a reason."""

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
from pipelines.cluster import connect
from pipelines.cluster.client import close_local_cluster, connect_client, start_local_cluster
from pipelines.cluster.context import WorkerPack
from pipelines.cluster.timeouts import call_with_timeout, is_done, start_call
from pipelines.cluster.worker_plugin import ModelsPlugin
from pipelines.indexing import run as indexing
from vidsearch.commands.main import main
from vidsearch.errors import ClusterLostError, ConfigError, reason


def gives_up(*_: object, **__: object) -> NoReturn:
    """Raise as ``asyncio.wait_for`` does in many places of Dask: without a message."""
    raise TimeoutError


def hangs(*_: object, **__: object) -> Any:
    threading.Event().wait(30)


def test_a_call_in_time_returns_its_result_or_raises_its_exception() -> None:
    assert call_with_timeout(30, "the worker", lambda a, *, b: a + b, 1, b=2) == 3
    with pytest.raises(ZeroDivisionError):
        call_with_timeout(30, "the worker", lambda: 1 / 0)


def test_a_timeout_error_with_a_message_is_passed_on() -> None:
    def fails() -> None:
        raise TimeoutError("no answer from 10.0.0.1")

    with pytest.raises(TimeoutError, match=r"^no answer from 10\.0\.0\.1$"):
        call_with_timeout(30, "the worker", fails)


@pytest.mark.parametrize(
    ("call", "message"), [(gives_up, "gave up waiting"), (hangs, "did not answer within 0 s")]
)
def test_the_error_names_the_silent_party(call: Callable[[], None], message: str) -> None:
    with pytest.raises(TimeoutError, match=f"the scheduler {message}"):
        call_with_timeout(0.05 if call is hangs else 30, "the scheduler", call)


def test_a_started_call_can_be_polled() -> None:
    go = threading.Event()
    call = start_call(go.wait, 30)
    assert not is_done(call, 0.01)
    go.set()
    assert is_done(call, 30)
    assert call.result() is True


def test_an_error_without_a_message_states_its_kind() -> None:
    assert reason(OSError("no room")) == "no room"
    assert reason(TimeoutError()) == "TimeoutError without a message"


@pytest.mark.parametrize("error", [TimeoutError(), OSError(), ClusterLostError()])
def test_the_command_never_ends_without_a_reason(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object, **__: object) -> NoReturn:
        raise error

    monkeypatch.setattr(indexing, "index", fails)
    assert main(["index", "catalog", "videos", "--workers", "1"]) == 2
    stderr = capsys.readouterr().err
    assert stderr.startswith(f"vidsearch: {type(error).__name__} without a message")
    assert stderr.count("\n") == 1


@pytest.mark.parametrize("close", [gives_up, hangs])
def test_workers_of_a_cluster_that_does_not_close_are_killed(
    close: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    """The worker of this test ignores every signal but SIGKILL."""
    caplog.set_level(logging.INFO, logger="pipelines.cluster.client")
    worker = multiprocessing.get_context("spawn").Process(target=ignores_sigterm, daemon=True)
    worker.start()
    workers = {0: SimpleNamespace(pid=worker.pid), 1: SimpleNamespace(pid=None)}
    local = SimpleNamespace(workers=workers, close=close)
    close_local_cluster(local, within_s=0.05 if close is hangs else 30)
    worker.join(30)
    assert worker.exitcode == -signal.SIGKILL
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("the workers of this machine did not close: ")


def ignores_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (gives_up, "died 3 times while they started .TimeoutError without a message."),
        (hangs, "did not start within"),
    ],
)
def test_workers_that_do_not_start_are_an_error_with_a_remedy(
    start: Callable[..., Any], message: str
) -> None:
    with pytest.raises(ClusterLostError, match=message) as caught:
        start_local_cluster(ClusterConfig(workers=2), start, 0.05 if start is hangs else 30)
    assert "repeat the command" in str(caught.value)


def test_a_start_that_succeeds_at_the_third_attempt_is_used() -> None:
    attempts: list[int] = []

    def start(**options: Any) -> Any:
        attempts.append(options["n_workers"])
        if len(attempts) < 3:
            raise RuntimeError("a worker died")
        return "cluster"

    cluster: Any = start_local_cluster(ClusterConfig(workers=2), start)
    assert (cluster, attempts) == ("cluster", [2, 2, 2])


def test_a_scheduler_that_does_not_answer_is_an_error_with_a_remedy() -> None:
    with pytest.raises(ConfigError, match=r"no Dask scheduler answers at 'tcp://far:1' .TimeoutE"):
        connect_client("tcp://far:1", None, gives_up)
    local: Any = object()
    with pytest.raises(ClusterLostError, match=r"of this machine does not answer .TimeoutE"):
        connect_client(None, local, gives_up)


def plugin() -> ModelsPlugin:
    return ModelsPlugin(WorkerPack("open", "m"), "cpu")


def test_workers_that_die_while_they_load_are_an_error_with_a_remedy() -> None:
    client: Any = SimpleNamespace(register_plugin=gives_up)
    with pytest.raises(ClusterLostError, match=r"the workers gave up waiting.*repeat the command"):
        connect.load_models(client, plugin(), pause_s=0)


def test_models_that_cannot_be_loaded_are_an_error() -> None:
    def fails(_: object) -> NoReturn:
        raise ValueError("no such pack")

    client: Any = SimpleNamespace(register_plugin=fails)
    with pytest.raises(ConfigError, match="the workers cannot load the models: no such pack"):
        connect.load_models(client, plugin(), pause_s=0)


def test_a_cluster_that_does_not_answer_before_the_work_is_an_error() -> None:
    with (
        pytest.raises(ClusterLostError, match=r"does not answer .TimeoutError without"),
        connect._cluster_answers(),
    ):
        gives_up()
