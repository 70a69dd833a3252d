"""Accepting workers: versions, models, silent workers and GPUs, with a scripted client."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from pipelines.cluster.cluster import Cluster, ResultLostError
from pipelines.cluster.fingerprint import differences, fingerprint
from pipelines.cluster.worker_plugin import DEATH_REASON, model_error
from vidsearch.errors import ConfigError


class ScriptedClient:
    """Client of two workers; a test sets their answers."""

    def __init__(self, gpus: int = 0) -> None:
        self.status = "running"
        self.workers: dict[str, Any] = {
            "tcp://a": {"nthreads": 3, "resources": {"GPU": gpus} if gpus else {}},
            "tcp://b": {"nthreads": 1, "resources": {}},
        }
        self.versions: dict[str, Any] = {name: fingerprint() for name in self.workers}
        self.model_errors: dict[str, Any] = dict.fromkeys(self.workers, "")
        self.gathered: Callable[[str], dict[str, Any]] = lambda key: {
            "status": "OK",
            "data": {key: 42},
        }
        self.scheduler = self
        self.topics: dict[str, Callable[[Any], None]] = {}
        self.submitted: list[dict[str, Any]] = []

    def subscribe_topic(self, topic: str, handler: Callable[[Any], None]) -> None:
        self.topics[topic] = handler

    def identity(self) -> dict[str, Any]:
        return {"workers": self.workers}

    def run(
        self, function: object, *args: Any, workers: list[str], on_error: str
    ) -> dict[str, Any]:
        answers = self.model_errors if function is model_error else self.versions
        found = {worker: answers[worker] for worker in workers}
        for answer in found.values():
            if isinstance(answer, TimeoutError):
                raise answer
        return found

    def submit(self, *args: Any, **options: Any) -> str:
        self.submitted.append(options)
        return "future"

    def sync(self, call: Callable[..., Any], **options: Any) -> Any:
        return call(**options)

    def gather(self, keys: list[str]) -> dict[str, Any]:
        return self.gathered(keys[0])


class Future:
    key = "task-1"


def cluster(client: Any, identity: str | None = "pack") -> Cluster:
    return Cluster(client, "tcp://s:1", identity)


def test_workers_with_equal_versions_and_models_are_accepted() -> None:
    assert cluster(ScriptedClient()).accepted_members() == {"tcp://a": 3, "tcp://b": 1}


def test_a_worker_with_other_versions_is_not_used(caplog: pytest.LogCaptureFixture) -> None:
    client = ScriptedClient()
    client.versions["tcp://b"] = {**fingerprint(), "numpy": "1.0"}
    caplog.set_level(logging.WARNING)
    found = cluster(client)
    assert found.accepted_members() == {"tcp://a": 3}
    assert found.accepted_members() == {"tcp://a": 3}
    (record,) = caplog.records  # asked and reported once
    assert "worker tcp://b is not used: numpy 1.0 where the client has" in record.getMessage()


def test_a_worker_without_vidsearch_is_not_used(caplog: pytest.LogCaptureFixture) -> None:
    client = ScriptedClient()
    client.versions["tcp://a"] = ModuleNotFoundError("No module named 'vidsearch'")
    caplog.set_level(logging.WARNING)
    assert cluster(client).accepted_members() == {"tcp://b": 1}
    assert "it has another vidsearch or none (ModuleNotFoundError" in caplog.text


def test_a_worker_that_cannot_be_reached_is_asked_again_later() -> None:
    client = ScriptedClient()
    client.versions["tcp://b"] = OSError("connection refused")
    found = cluster(client)
    assert found.accepted_members() == {"tcp://a": 3}
    client.versions["tcp://b"] = fingerprint()
    assert found.accepted_members() == {"tcp://a": 3, "tcp://b": 1}


def test_a_silent_worker_does_not_delay_the_others(caplog: pytest.LogCaptureFixture) -> None:
    client = ScriptedClient()
    client.versions["tcp://a"] = TimeoutError("a worker did not answer within 60 s")
    found = cluster(client)
    assert found.accepted_members() == {}  # the batch request fails
    assert found.accepted_members() == {}  # worker a alone: rejected
    assert found.accepted_members() == {"tcp://b": 1}
    assert "worker tcp://a is not used: a worker did not answer" in caplog.text


def test_unequal_workers_are_refused_before_the_work() -> None:
    client = ScriptedClient()
    client.model_errors = dict.fromkeys(client.workers, "it has no models")
    with pytest.raises(ConfigError, match=r"tcp://a \(and 1 more workers\) cannot .*no models"):
        cluster(client).require_accepted()
    cluster(client, identity=None).require_accepted()


def test_a_worker_with_gpus_runs_one_video_on_each() -> None:
    client = ScriptedClient(gpus=2)
    found = cluster(client)
    assert found.members() == {"tcp://a": 2, "tcp://b": 1}
    found.submit("tcp://a", len, "x")
    found.submit("tcp://b", len, "x")
    assert [options["resources"] for options in client.submitted] == [{"GPU": 1}, None]
    # Work without models uses every thread.
    assert cluster(client, identity=None).members() == {"tcp://a": 3, "tcp://b": 1}


def test_a_result_is_fetched_or_reported_as_lost() -> None:
    client, future = ScriptedClient(), Future()
    found: Any = cluster(client)
    assert found.fetch(future, "tcp://a") == 42
    client.gathered = lambda key: {"status": "error", "keys": [key]}
    with pytest.raises(ResultLostError, match="tcp://a"):
        found.fetch(future, "tcp://a")

    def refused(key: str) -> dict[str, Any]:
        raise OSError("connection refused")

    client.gathered = refused
    with pytest.raises(ResultLostError, match="connection refused"):
        found.fetch(future, "tcp://a")


def test_the_reason_of_a_death_is_given_once() -> None:
    client = ScriptedClient()
    found = cluster(client)
    client.topics[DEATH_REASON]((0.0, ["tcp://a", "out of memory"]))
    assert found.pop_death_reason("tcp://a") == "out of memory"
    assert found.pop_death_reason("tcp://a") == ""


def test_different_versions_are_named() -> None:
    versions = fingerprint()
    assert differences(versions, dict(versions)) == ""
    assert "numpy 1.0 where" in differences(versions, {**versions, "numpy": "1.0"})
