"""Catalog and videos in S3 buckets, through a local S3 server and, where it matters, processes."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipelines import index
from pipelines.demo.camera_moves import CameraMove, DemoVideo
from pipelines.demo.people import load_pictures
from pipelines.demo.render import render_video
from tests.helpers.app_server import free_port
from vidsearch import Catalog
from vidsearch.commands.main import main
from vidsearch.errors import CatalogError

pytestmark = [
    # The server and its client import what their makers are about to rename.
    pytest.mark.filterwarnings("default::DeprecationWarning"),
    pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning"),
]

CATALOG = "s3://archive/a catalog"
VIDEOS = "s3://tapes/all of them"
FILM = DemoVideo(
    "sub/group.mkv",
    "libx264",
    (
        CameraMove("group", 0.4, (520, 330, 330), (525, 332, 320)),
        CameraMove("group", 0.4, (790, 410, 420), (800, 400, 340)),
    ),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """A local S3 server that this process and those it starts use.

    In a process of its own: the table store waits for some of its answers without letting other
    threads of this one run, so a server in a thread would never answer.
    """
    host, port = "127.0.0.1", free_port()
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", host, "-p", str(port)]
    said = tmp_path_factory.mktemp("server") / "said"
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")),
    }
    with said.open("wb") as output:
        running = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        wait_for(running, host, port, said)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            yield host, port
    finally:
        running.kill()
        running.wait(30)


def wait_for(running: subprocess.Popen[bytes], host: str, port: int, said: Path) -> None:
    deadline = time.monotonic() + 120
    while running.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((host, port), timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"the S3 server does not answer: {said.read_text()}")


@pytest.fixture
def bucket(server: tuple[str, int]) -> Iterator[Any]:
    """Yield fsspec's view of the server, with two empty buckets."""
    import fsspec

    reset_server(*server)
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    for name in ("archive", "tapes"):
        files.mkdir(name)
    yield files
    type(files).clear_instance_cache()


def reset_server(host: str, port: int) -> None:
    """Empty the server: what it stores outlives it in its process."""
    connection = http.client.HTTPConnection(host, port, timeout=60)
    connection.request("POST", "/moto-api/reset")
    assert connection.getresponse().status == 200
    connection.close()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three short videos on a disk, and a catalog of them beside: the folder of both."""
    folder = tmp_path_factory.mktemp("local")
    film = folder / "videos" / FILM.name
    film.parent.mkdir(parents=True)
    render_video(film, FILM, load_pictures())
    for number in range(2):
        copy = folder / "videos" / f"copy {number}.mkv"
        copy.write_bytes(film.read_bytes() + bytes([number]))
    index(folder / "catalog", [folder / "videos"])
    return folder


@pytest.fixture
def tapes(bucket: Any, archive: Path) -> Path:
    """The folder of the videos, which are uploaded too."""
    folder = archive / "videos"
    for path in folder.rglob("*.mkv"):
        bucket.put_file(str(path), f"{VIDEOS}/{path.relative_to(folder)}".removeprefix("s3://"))
    return folder


def run(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    """Run a command in this process; return (exit status, stdout, stderr)."""
    status = main([str(arg) for arg in args])
    return status, *capsys.readouterr()


def local_names(rows: list[list[dict[str, object]]], films: Path) -> list[list[dict[str, object]]]:
    """Return a local archive's rows as if its files lay in the bucket; S3 keeps other times."""
    return [
        sorted(
            (
                {
                    **{name: value for name, value in row.items() if name != "mtime_ns"},
                    **(
                        {"uri": str(row["uri"]).replace(str(films), VIDEOS)} if "uri" in row else {}
                    ),
                }
                for row in table
            ),
            key=str,
        )
        for table in rows
    ]


def test_a_catalog_and_its_videos_in_buckets_are_as_on_a_disk(
    bucket: Any,
    tapes: Path,
    archive: Path,
    photos: Path,
    processes: ModuleType,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["index", CATALOG, VIDEOS, "--workers", 2, "--json"]
    status, out, err = processes.run(*command)
    assert (status, err) == (0, "")
    assert json.loads(out)["videos"] == {"indexed": 3, "skipped": 0, "failed": 0}
    status, out, _ = run(capsys, *command)
    assert json.loads(out)["videos"] == {"indexed": 0, "skipped": 3, "failed": 0}
    local = processes.tables(archive / "catalog")
    assert local_names(processes.tables(CATALOG), tapes) == local_names(local, tapes)

    status, out, err = run(capsys, "status", CATALOG, "--json")
    assert (status, err) == (0, "")
    told = json.loads(out)
    assert (told["videos"]["indexed"], told["index"]["kind"]) == (3, "faiss-flat")
    photo = photos / "dark-shirt.jpg"
    status, out, err = run(capsys, "search", CATALOG, photo, "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)["hits"]
    status, out, _ = run(capsys, "search", archive / "catalog", photo, "--json")
    wanted = json.loads(out)["hits"]
    assert len(wanted) >= 3
    assert [(h["track_id"], h["similarity"]) for h in found] == [
        (h["track_id"], h["similarity"]) for h in wanted
    ]
    *_, log = sorted(bucket.ls(f"{CATALOG}/runs", detail=False))  # its parts
    assert json.loads(bucket.cat_file(log).splitlines()[-1])["how"] == "done"

    video_id = found[0]["video_id"]
    status, out, err = processes.run("forget", CATALOG, "--video", video_id)
    assert (status, err) == (0, "")
    receipt = json.loads(out)
    assert (receipt["rows"]["videos"], receipt["found"]) == (1, 0)
    assert receipt["log_lines"] == 1
    status, out, _ = run(capsys, "search", CATALOG, photo, "--json")
    assert video_id not in {hit["video_id"] for hit in json.loads(out)["hits"]}
    bucket.invalidate_cache()
    for path in bucket.find("archive"):
        assert "receipts/" in path or video_id.encode() not in bucket.cat_file(path), path


@pytest.mark.slow
def test_kills_and_indexers_at_once_on_s3_change_nothing(
    bucket: Any, tapes: Path, archive: Path, processes: ModuleType
) -> None:
    command = ["index", CATALOG, VIDEOS, "--workers", 1, "--isolate"]
    process = processes.start(*command)
    # The rows of tracks come first; killed then, they are there and do not count.
    processes.wait_until(lambda: commits(bucket, "tracks") > 1 or process.poll() is not None)
    processes.kill(process)
    _, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, err
    both = [processes.start(*command) for _ in range(2)]
    for process in both:
        status, _, err = processes.finish(process)
        assert status == 0, err
    local = processes.tables(archive / "catalog")
    assert local_names(processes.tables(CATALOG), tapes) == local_names(local, tapes)


def commits(bucket: Any, table: str) -> int:
    """Return the number of writes of a table; the first one creates it."""
    bucket.invalidate_cache()
    return len(bucket.glob(f"{CATALOG}/{table}/_delta_log/*.json"))


def test_a_bucket_that_keeps_versions_does_not_forget(
    bucket: Any, tapes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "index", CATALOG, f"{VIDEOS}/sub", "--workers", 1)[0] == 0
    (row,) = Catalog.open(CATALOG).videos(["video_id"]).to_pylist()
    bucket.make_bucket_versioned("archive")
    status, _, err = run(capsys, "forget", CATALOG, "--video", row["video_id"])
    assert status == 2
    assert "keeps versions" in err
    assert Catalog.open(CATALOG).videos().num_rows == 1


def test_a_storage_that_cannot_be_reached_is_one_line(
    bucket: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CatalogError, match="no catalog at"):
        Catalog.open("s3://archive/none")
    type(bucket).clear_instance_cache()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for command in (["status", CATALOG], ["index", CATALOG, VIDEOS]):
        status, _, err = run(capsys, *command)
        assert status == 2, err
        assert err.count("\n") == 1, err
        assert "Traceback" not in err


def test_a_catalog_in_a_bucket_gets_another_model(
    bucket: Any,
    archive: Path,
    tmp_path: Path,
    tiny_packs: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    from pipelines.reembed import reembed
    from vidsearch.search.track_index import TrackSearcher

    pack = tiny_packs.write_tiny_pack(tmp_path / "tiny")
    index(CATALOG, [archive / "videos"])
    before = Catalog.open(CATALOG).tracks(["track_id"])["track_id"].to_pylist()
    TrackSearcher(Catalog.open(CATALOG))  # copies the old index to this machine
    report = reembed(CATALOG, str(pack))
    assert (report.live, report.tracks) == (True, len(before))
    catalog = Catalog.open(CATALOG)
    assert catalog.model_id.startswith("tiny-")
    assert sorted(catalog.tracks(["track_id"])["track_id"].to_pylist()) == sorted(before)
    assert {name.split("-")[0] for name in catalog.root.names()} == {
        "vectors",
        "people",
        "verdicts",
        "files",
        "sources",
        "runs",
        "catalog.json",
    }
    searcher = TrackSearcher(catalog)
    assert (searcher.status.kind, searcher.status.pending) == ("faiss-flat", 0)
    copies = [path.parent.name for path in (tmp_path / "cache").rglob("meta.json")]
    assert len(copies) == 1
