"""Hosts that do not see the files: tasks move to other hosts, and bad hosts are left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.cluster.hosts import shared_storage
from pipelines.cluster.hosts.identity import Host, HostFault, LeftOut, this_host
from pipelines.cluster.hosts.ledger import HostLedger
from pipelines.cluster.hosts.shared_storage import InputFile, file_fault, file_faults, sample_files
from pipelines.cluster.hosts.worker_hosts import WorkerHosts
from pipelines.cluster.runner import TaskRunner
from pipelines.cluster.task import Finished, GivenUp, Moved, RunnerConfig
from pipelines.cluster.tasks import ItemQueue, ItemTask
from pipelines.indexing.dispatcher import _or_fault
from pipelines.stages import error_boundary
from pipelines.stages.options import IndexConfig
from pipelines.stages.payloads import Failure
from tests.helpers.fake_cluster import FakeCluster, FakeHosts, clock, repeated, statuses, workers
from vidsearch.errors import ClusterLostError, ConfigError
from vidsearch.video.discover import VideoSource

Reads = Callable[[str, int], bool]


class FileCluster(FakeCluster):
    """Fake cluster whose hosts read some items; ``reads(host, item)``."""

    reads: Reads = staticmethod(lambda host, item: True)

    def submit(self, worker: str, function: Any, *args: Any) -> Any:
        host = self.host_of(worker).name

        def work(item: int) -> object:
            return item if self.reads(host, item) else HostFault(f"{item} is not there", -item)

        return super().submit(worker, work, *args)


def run(
    cluster: FakeCluster, count: int, config: RunnerConfig | None = None, step_s: float = 1.0
) -> list[Any]:
    stand_in: Any = cluster
    config = config if config is not None else RunnerConfig(look_every_s=0)
    queue = ItemQueue(range(1, count + 1))
    runner: TaskRunner[ItemTask] = TaskRunner(
        stand_in, queue, lambda task, _: (abs, task.item), config, clock(step_s)
    )
    return [event for event in runner.events() if event is not None]


def cluster(reads: Reads, *names: str) -> FileCluster:
    made = FileCluster(repeated(workers(*names)))
    made.reads = reads
    return made


def of_kind(events: list[Any], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def test_a_host_without_the_files_loses_no_file_and_is_left_out() -> None:
    fake = cluster(lambda host, item: host == "good", "1@bad", "2@bad", "3@good")
    events = run(fake, 40, step_s=0.01)
    finished = of_kind(events, Finished)
    assert sorted(event.result for event in finished) == list(range(1, 41))
    assert not any(event.everywhere for event in finished)
    (left_out,) = of_kind(events, LeftOut)
    assert left_out.host == "bad"
    assert "3 files that other hosts read cannot be read there" in left_out.message
    assert "is not there; make the files readable there" in left_out.message
    tried = Counter(worker.rpartition("@")[2] for worker, _ in fake.submitted)
    assert tried["good"] == 40
    assert tried["bad"] <= 8
    assert len(of_kind(events, Moved)) == tried["bad"]


def test_a_file_that_no_host_reads_is_tried_once_on_each() -> None:
    fake = cluster(lambda host, item: item != 2, "1@a", "2@b", "3@c", "4@c")
    events = run(fake, 6)
    (failed,) = [event for event in of_kind(events, Finished) if event.everywhere]
    assert failed.result == -2
    assert {worker.host for worker, _ in failed.task.faults.values()} == {"a", "b", "c"}
    assert not of_kind(events, LeftOut)
    assert sum(args == (2,) for _, args in fake.submitted) == 3


def test_a_single_host_is_never_left_out_and_a_file_is_tried_once() -> None:
    fake = cluster(lambda host, item: item > 5, "1@a", "2@a")
    events = run(fake, 8)
    assert [event.everywhere for event in of_kind(events, Finished)].count(True) == 5
    assert not of_kind(events, LeftOut)
    assert not of_kind(events, Moved)
    assert len(fake.submitted) == 8


def test_hosts_with_different_parts_of_the_files_share_the_work() -> None:
    fake = cluster(lambda host, item: (item % 2 == 0) == (host == "even"), "1@even", "2@odd")
    events = run(fake, 30)
    finished = of_kind(events, Finished)
    assert sorted(event.result for event in finished) == list(range(1, 31))
    assert not any(event.everywhere for event in finished)


def test_a_run_ends_when_the_files_are_gone_on_every_host(tmp_path: Path) -> None:
    path = tmp_path / "film"
    path.write_bytes(b"film")
    fake = cluster(lambda host, item: item < 4, "1@a", "2@b")
    fake.hosts = FakeHosts([InputFile(str(path), 4)])
    fake.hosts.blind_hosts = {"a", "b"}
    with pytest.raises(ClusterLostError, match=r"no host .* sees the files any more"):
        run(fake, 100)
    assert len(fake.submitted) < 20
    path.unlink()  # gone everywhere: failures of the files
    fake = cluster(lambda host, item: item < 4, "1@a", "2@b")
    fake.hosts = FakeHosts([InputFile(str(path), 4)])
    assert len(of_kind(run(fake, 20), Finished)) == 20


def test_a_task_waits_for_a_host_whose_worker_starts_again() -> None:
    def looks() -> Iterator[Any]:
        yield workers("1@bad", "2@good")
        for _ in range(10):
            yield workers("1@bad")
        while True:
            yield workers("1@bad", "3@good")

    fake = FileCluster(looks(), statuses("finished", "lost"))
    fake.reads = lambda host, item: host == "good"
    events = run(fake, 4)
    assert [event.everywhere for event in of_kind(events, Finished)] == [False] * 4


def test_a_task_fails_when_the_other_host_is_gone_for_good() -> None:
    def looks() -> Iterator[Any]:
        yield workers("1@bad", "2@good")
        while True:
            yield workers("1@bad")

    fake = FileCluster(looks(), statuses("finished", "pending"))
    fake.reads = lambda host, item: host == "good"
    events = run(fake, 2, step_s=5.0)
    assert [event.everywhere for event in of_kind(events, Finished)] == [True, True]


def test_a_run_whose_hosts_are_left_out_or_gone_ends_with_the_reason() -> None:
    def looks() -> Iterator[Any]:
        for _ in range(30):
            yield workers("1@bad", "2@good")
        while True:
            yield workers("1@bad")

    fake = FileCluster(looks())
    fake.reads = lambda host, item: host == "good"
    with pytest.raises(ClusterLostError, match=r"last worker .* is gone .*cannot be read there"):
        run(fake, 100_000, RunnerConfig(look_every_s=0, no_workers_s=20, other_host_s=20))


def test_a_task_that_killed_a_worker_goes_to_another_host() -> None:
    fake = cluster(lambda host, item: True, "1@a", "2@a", "3@a", "4@b")
    fake.statuses = statuses("lost")
    run(fake, 1)
    assert [worker for worker, _ in fake.submitted] == ["1@a", "4@b"]


def test_a_task_that_raises_on_every_worker_ends() -> None:
    def fails(*_: object) -> int:
        raise ValueError("damaged")

    (*_, last) = run(FakeCluster(repeated(workers("1@a", "2@a")), evaluate=fails), 1)
    assert isinstance(last, GivenUp)
    assert len(last.task.failed_workers) == 3


def test_a_host_with_faults_gets_new_tasks_slowly_until_it_does_one() -> None:
    ledger = HostLedger()
    for now in (0.0, 1.0):
        ledger.add_fault("a", now)
        assert ledger.may_take_fresh("a", now)
    ledger.add_fault("a", 2.0)
    assert not ledger.may_take_fresh("a", 6.0)
    assert ledger.may_take_fresh("a", 7.0)
    for _ in range(50):
        ledger.add_fault("a", 10.0)
    assert not ledger.may_take_fresh("a", 69.0)
    assert ledger.may_take_fresh("a", 70.0)
    ledger.add_success("a", {}, ["a"])
    assert ledger.may_take_fresh("a", 10.0)


def test_the_last_host_is_not_left_out() -> None:
    ledger = HostLedger()
    for _ in range(5):
        assert ledger.add_success("b", {"a": "gone"}, ["a"]) == {}
    assert list(ledger.add_success("b", {"a": "gone"}, ["a", "b"])) == ["a"]


def test_the_sample_is_spread_over_folders_and_readable_here(tmp_path: Path) -> None:
    files = []
    for folder in range(5):
        (tmp_path / str(folder)).mkdir()
        for number in range(20):
            path = tmp_path / f"{folder}/{number}.mp4"
            path.write_bytes(b"film")
            files.append(InputFile(str(path), 4))
    sample = sample_files(files, 8)
    assert len(sample) == 8
    assert {Path(file.uri).parent.name for file in sample} == set("01234")
    (tmp_path / "0/0.mp4").unlink()
    assert len(sample_files(files, 8)) == 7
    assert sample_files([]) == ()


def test_a_file_of_another_size_or_kind_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    assert "does not exist" in file_fault(InputFile(str(path), 4))
    path.write_bytes(b"film")
    assert file_fault(InputFile(str(path), 4)) == ""
    assert "has 4 bytes there and 9 bytes here" in file_fault(InputFile(str(path), 9))
    assert "is a folder" in file_fault(InputFile(str(tmp_path), 4))


def test_a_storage_that_does_not_answer_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_storage, "_ANSWER_WITHIN_S", 0.01)
    monkeypatch.setattr(shared_storage, "read_fault", lambda uri: __import__("time").sleep(1))
    (fault,) = file_faults([InputFile("/nfs/a.mp4", 4)])
    assert "'/nfs/a.mp4' cannot be read (its storage did not answer" in fault


def hosts(faults: dict[str, list[str]], asked: list[object] | None = None) -> WorkerHosts:
    """Return the hosts of workers ``name@host``; faults of each host."""

    def ask(function: object, *args: object, workers: list[str]) -> dict[str, Any]:
        if function is this_host:
            return {w: Host(w.rpartition("@")[2], w.rpartition("@")[2]) for w in workers}
        if asked is not None:
            asked.extend(workers)
        return {w: faults[w.rpartition("@")[2]] for w in workers}

    return WorkerHosts(ask, "tcp://s:1", [InputFile("/v/a", 1), InputFile("/v/b", 1)])


def test_a_host_that_sees_no_file_is_left_out_before_work(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[object] = []
    found = hosts({"a": ["'/v/a' is gone", "'/v/b' is gone"], "b": ["", ""]}, asked)
    names = ["1@a", "2@a", "3@b"]
    blind = found.blind(names)
    assert len(asked) == 2  # one worker of each host
    found.require_seen(names, blind)
    assert blind.keys() == {"1@a", "2@a"}
    (left_out,) = found.pop_left_out()
    assert left_out.host == "a"
    assert "host a gets no work: '/v/a' is gone; make the files readable" in left_out.message
    assert left_out.message in caplog.text
    assert found.pop_left_out() == []


def test_a_host_that_sees_a_part_of_the_files_is_used(caplog: pytest.LogCaptureFixture) -> None:
    found = hosts({"a": ["", "'/v/b' is gone"]})
    assert found.blind(["1@a"]) == {}
    assert "host a (worker 1@a) does not see 1 of 2 sampled files ('/v/b' is gone)" in caplog.text


def test_a_cluster_that_sees_no_file_is_refused() -> None:
    found = hosts({"a": ["'/v/a' is gone"] * 2, "b": ["'/v/a' is gone"] * 2})
    names = ["1@a", "2@b"]
    with pytest.raises(
        ConfigError, match=r"no worker host .* host [ab] \(worker .*/v/a' is gone; make"
    ):
        found.require_seen(names, found.blind(names))


def test_workers_of_this_machine_are_not_probed() -> None:
    def ask(*_: object, **__: object) -> dict[str, Any]:
        raise AssertionError

    found = WorkerHosts(ask, None, [InputFile("/v/a", 1)])
    assert found.blind(["tcp://127.0.0.1:1"]) == {}
    assert found.host_of("tcp://127.0.0.1:1") == this_host()
    found.note_names({"tcp://127.0.0.1:1": {"name": 0}})
    assert str(found.name_of("tcp://127.0.0.1:1")) == f"host {this_host().name} (worker 0)"


def test_another_mount_namespace_user_or_root_is_another_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = set()
    for target in ("mnt:[1]", "mnt:[2]"):
        monkeypatch.setattr("pipelines.cluster.hosts.identity._target", lambda path, t=target: t)
        keys.add(this_host.__wrapped__().key)
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    keys.add(this_host.__wrapped__().key)
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("content", "host_specific"), [(None, True), (b"", False), (b"no video at all", False)]
)
def test_only_a_file_that_cannot_be_reached_is_a_fault_of_the_host(
    tmp_path: Path, content: bytes | None, host_specific: bool
) -> None:
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    modified_ns = path.stat().st_mtime_ns if content is not None else 0
    source = VideoSource(str(path), len(content or b""), modified_ns)
    models: Any = None  # a file that cannot be opened reaches no model
    failure = error_boundary.run(source, models, IndexConfig(), ())
    assert isinstance(failure, Failure)
    assert failure.host_specific == host_specific
    assert isinstance(_or_fault(failure), HostFault) == host_specific
