"""Kill tests: a run continues or can be repeated, and its tables equal those of a quiet run."""

from __future__ import annotations

import json
import random
import shutil
import signal
import time
from pathlib import Path
from types import ModuleType

import pytest

from pipelines import ClusterConfig, IndexConfig, index
from pipelines.indexing import dispatcher
from tests.helpers import toy_models
from vidsearch import Catalog
from vidsearch.errors import ConfigError
from vidsearch.video.sampling import SamplingConfig


@pytest.fixture
def archive(films: Path) -> Path:
    """Eight videos, each with a content of its own; bytes after the end are ignored."""
    base = (films / "sub/group.mkv").read_bytes()
    for number in range(6):
        (films / f"copy {number}.mkv").write_bytes(base + bytes([number]))
    return films


@pytest.fixture
def quiet(archive: Path, tmp_path: Path) -> Path:
    """The archive indexed without any disturbance."""
    index(tmp_path / "quiet", [archive])
    return tmp_path / "quiet"


def decoder_breaking(folder: Path, name: str) -> Path:
    """Copy an intact video to a name on which the decoder of the test breaks."""
    path = folder / name
    path.write_bytes((folder / "sub/group.mkv").read_bytes() + name.encode())
    return path


def videos_seen(processes: ModuleType, catalog: Path) -> int:
    """Return the number of videos that the event log of a run names."""
    return sum(event["event"] == "video" for event in processes.events(catalog))


def failures(out: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(out)["failures"]
    return found


def test_a_video_that_kills_its_worker_is_tried_thrice_and_left_out(
    films: Path, tmp_path: Path, processes: ModuleType
) -> None:
    env = processes.broken_decoder(tmp_path / "site")
    bad = decoder_breaking(films, "kills.mkv")
    catalog = tmp_path / "catalog"
    command = ["index", catalog, films, "--workers", 2, "--json"]
    status, out, err = processes.run(*command, env=env)
    assert status == 3, err
    assert json.loads(out)["videos"] == {"indexed": 2, "skipped": 0, "failed": 1}
    (failure,) = failures(out)
    assert failure["video"] == str(bad)
    assert (failure["stage"], failure["error"]) == ("worker", "WorkerDied")
    assert "3 workers died" in failure["message"]
    assert err.count("\n") == 1, err
    retries = [event for event in processes.events(catalog) if event["event"] == "retry"]
    assert [event["video"] for event in retries] == [str(bad)] * 2
    assert Catalog.open(catalog).status().videos == {"indexed": 2, "partial": 0, "failed": 1}

    # Repeated: it is named, not tried; even --again, which takes the others anew, leaves it out.
    status, out, _ = processes.run(*command, env=env)
    assert status == 3
    assert json.loads(out)["videos"] == {"indexed": 0, "skipped": 2, "failed": 1}
    assert failures(out) == [failure]
    closer = ("--again", "--sample-fps", 4)
    status, out, err = processes.run(*command, *closer, env=env)
    assert status == 3, err
    assert json.loads(out)["videos"] == {"indexed": 2, "skipped": 0, "failed": 1}
    assert failures(out) == [failure]
    assert sum(event["event"] == "retry" for event in processes.events(catalog)) == 2
    # With --retry-failed and an intact decoder, the tables equal those of a first run.
    status, out, err = processes.run(*command, *closer, "--retry-failed")
    assert status == 0, err
    assert json.loads(out)["videos"] == {"indexed": 3, "skipped": 0, "failed": 0}
    index(tmp_path / "first", [films], IndexConfig(sampling=SamplingConfig(fps=4)))
    assert processes.tables(catalog) == processes.tables(tmp_path / "first")


@pytest.mark.parametrize("kind", [pytest.param("hangs", marks=pytest.mark.slow), "sleeps"])
def test_a_video_that_hangs_is_ended(
    films: Path, tmp_path: Path, processes: ModuleType, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = processes.broken_decoder(tmp_path / "site") | {"VIDSEARCH_TEST_START_S": "4"}
    bad = decoder_breaking(films, f"{kind}.mkv")
    catalog = tmp_path / "catalog"
    status, out, err = processes.run(
        *("index", catalog, films, "--workers", 2, "--json"),
        *("--timeout-per-video-minute", 60),
        env=env,
    )
    assert status == 3, err
    assert json.loads(out)["videos"] == {"indexed": 2, "skipped": 0, "failed": 1}
    (failure,) = failures(out)
    assert failure["video"] == str(bad)
    if kind == "sleeps":
        assert "longer than the 4 s" in failure["message"]


@pytest.mark.slow
def test_a_worker_out_of_memory_costs_one_video(
    films: Path, tmp_path: Path, processes: ModuleType
) -> None:
    env = processes.broken_decoder(tmp_path / "site")
    bad = decoder_breaking(films, "eats.mkv")
    status, out, err = processes.run(
        *("index", tmp_path / "catalog", films, "--workers", 2, "--json", "--worker-memory", 1.2),
        env=env,
    )
    assert status == 3, err
    assert json.loads(out)["videos"] == {"indexed": 2, "skipped": 0, "failed": 1}
    (failure,) = failures(out)
    assert failure["video"] == str(bad)
    assert "MiB of memory" in failure["message"]


def test_workers_killed_in_mid_task_change_nothing(
    archive: Path, quiet: Path, tmp_path: Path, processes: ModuleType
) -> None:
    process = processes.start("index", tmp_path / "catalog", archive, "--workers", 2, "--json")
    for done in (1, 3):
        processes.wait_until(
            lambda done=done: (
                videos_seen(processes, tmp_path / "catalog") >= done and processes.workers(process)
            )
        )
        processes.kill(processes.workers(process)[0])
    status, out, err = processes.finish(process)
    assert status == 0, err
    assert json.loads(out)["videos"] == {"indexed": 8, "skipped": 0, "failed": 0}
    assert processes.tables(tmp_path / "catalog") == processes.tables(quiet)


@pytest.mark.slow
def test_any_sequence_of_kills_and_a_repeat_give_the_same_tables(
    archive: Path, quiet: Path, tmp_path: Path, processes: ModuleType
) -> None:
    chance = random.Random(7)
    catalog = tmp_path / "catalog"
    for _ in range(4):
        process = processes.start("index", catalog, archive, "--workers", 2)
        orphans = []
        end = time.monotonic() + chance.uniform(3, 8)
        while time.monotonic() < end and process.poll() is None:
            time.sleep(chance.uniform(0.3, 1.5))
            orphans = processes.workers(process)
            if orphans and chance.random() < 0.5:
                processes.kill(chance.choice(orphans))
        orphans = processes.workers(process)
        processes.kill(process)
        process.communicate(timeout=60)
        # Workers do not outlive their client.
        processes.wait_until(lambda gone=orphans: not any(worker.is_running() for worker in gone))
    status, _, err = processes.run("index", catalog, archive, "--workers", 2, "--retry-failed")
    assert status == 0, err
    assert processes.tables(catalog) == processes.tables(quiet)


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(
    archive: Path, quiet: Path, tmp_path: Path, processes: ModuleType
) -> None:
    catalog = tmp_path / "catalog"
    for number in range(8):  # enough to be far from done when two are seen on a busy machine
        decoder_breaking(archive, f"slow {number}.mkv")
    env = processes.broken_decoder(tmp_path / "site")
    process = processes.start("index", catalog, archive, "--workers", 2, env=env, group=True)

    def seen() -> int:
        return videos_seen(processes, catalog)

    processes.wait_until(lambda: seen() >= 2)
    processes.interrupt(process)
    status, _, err = processes.finish(process, 90)
    assert status == 130
    assert err.count("\n") == 1, err
    assert "repeat the command" in err
    assert sum(Catalog.open(catalog).status().videos.values()) == seen() >= 2
    assert processes.events(catalog)[-1]["how"] == "stopped"
    assert processes.run("index", catalog, archive, "--workers", 2)[0] == 0
    again = [row for row in processes.tables(catalog)[0] if "slow" not in str(row["uri"])]
    assert again == processes.tables(quiet)[0]


def test_a_disk_that_fills_up_is_one_line_and_the_rest_comes_later(
    archive: Path, quiet: Path, tmp_path: Path, processes: ModuleType
) -> None:
    catalog = tmp_path / "catalog"
    process = processes.start("index", catalog, archive, "--workers", 2, file_limit=30_000)
    status, _, err = processes.finish(process)
    assert status == 2, err
    # The table store may speak before; where free space is known, it does not get so far.
    assert "cannot be written" in err.splitlines()[-1]
    assert "Traceback" not in err
    assert processes.run("index", catalog, archive, "--workers", 2)[0] == 0
    assert processes.tables(catalog) == processes.tables(quiet)


@pytest.mark.slow
def test_indexers_at_once_give_the_tables_of_one(
    archive: Path, quiet: Path, tmp_path: Path, processes: ModuleType
) -> None:
    catalog = tmp_path / "catalog"
    both = [
        processes.start("index", catalog, archive, "--workers", 1, "--isolate") for _ in range(2)
    ]
    for process in both:
        status, _, err = processes.finish(process)
        assert status == 0, err
    assert processes.tables(catalog) == processes.tables(quiet)


def test_the_end_of_a_scheduler_ends_the_run_with_a_remedy(
    archive: Path, quiet: Path, tmp_path: Path, processes: ModuleType
) -> None:
    catalog = tmp_path / "catalog"
    with processes.cluster(tmp_path, workers=2) as cluster:
        command = ["index", catalog, archive, "--scheduler", cluster.address]
        process = processes.start(*command)
        processes.wait_until(
            lambda: any(event["event"] == "video" for event in processes.events(catalog))
        )
        cluster.scheduler.send_signal(signal.SIGKILL)
        status, _, err = processes.finish(process, 90)
    assert status == 2, err
    assert err.count("\n") == 1, err
    assert "is gone" in err
    assert "repeat the command" in err
    with processes.cluster(tmp_path, workers=2) as cluster:
        command = ["index", catalog, archive, "--scheduler", cluster.address]
        assert processes.run(*command)[0] == 0
    assert processes.tables(catalog) == processes.tables(quiet)


@pytest.mark.slow
def test_workers_started_by_hand_give_the_same_tables(
    archive: Path,
    quiet: Path,
    tmp_path: Path,
    processes: ModuleType,
    packs: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with processes.cluster(tmp_path, workers=2) as cluster:
        command = ["index", tmp_path / "catalog", archive, "--scheduler", cluster.address]
        status, _, err = processes.run(*command)
        assert status == 0, err
        assert processes.tables(tmp_path / "catalog") == processes.tables(quiet)
        refuses_another_pack(cluster.address, archive, tmp_path, packs, monkeypatch)


@pytest.fixture
def packs(tmp_path: Path, processes: ModuleType) -> tuple[Path, Path]:
    """Two packs of one embedder, as if one place held another detector on another machine."""
    return toy_models.save_own_pack(tmp_path / "ours"), toy_models.save_own_pack(
        tmp_path / "theirs", detector="centerface"
    )


def refuses_another_pack(
    scheduler: str,
    archive: Path,
    folder: Path,
    packs: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The workers find other model files where the client found its own."""
    ours, theirs = packs
    link = folder / "pack"
    link.symlink_to(ours)
    run = dispatcher.run_on_cluster

    def on_other_machines(*args: object) -> object:
        link.unlink()
        link.symlink_to(theirs)
        return run(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(dispatcher, "run_on_cluster", on_other_machines)
    with pytest.raises(ConfigError, match=r"cannot work .*: its pack .* is 'my-faces") as e:
        index(
            folder / "refused",
            [archive],
            cluster=ClusterConfig(scheduler=scheduler),
            model=str(link),
        )
    assert "where the client has" in str(e.value)
    assert Catalog.open(folder / "refused").videos().num_rows == 0


def test_workers_of_another_version_are_refused_before_work_starts(
    films: Path, tmp_path: Path, processes: ModuleType
) -> None:
    other = tmp_path / "other"
    for package in ("vidsearch", "pipelines"):
        shutil.copytree(Path.cwd() / package, other / package)
    with (other / "pipelines/prepare.py").open("a") as file:
        file.write("# another version\n")
    with processes.cluster(tmp_path, workers=1, code=other) as cluster:
        status, _, err = processes.run(
            "index", tmp_path / "catalog", films, "--scheduler", cluster.address
        )
    assert status == 2
    assert err.count("\n") == 1, err
    assert "same version" in err
    assert "where the client has" in err
    assert not any(event["event"] == "video" for event in processes.events(tmp_path / "catalog"))


def test_a_scheduler_without_workers_is_said(
    films: Path, tmp_path: Path, processes: ModuleType
) -> None:
    env = processes.broken_decoder(tmp_path / "site") | {"VIDSEARCH_TEST_WORKERS_WITHIN_S": "2"}
    with processes.cluster(tmp_path, workers=0) as cluster:
        status, _, err = processes.run(
            "index", tmp_path / "catalog", films, "--scheduler", cluster.address, env=env
        )
    assert status == 2
    assert "no workers" in err
