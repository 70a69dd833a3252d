"""Catalog and videos in S3 buckets, through real processes and a local S3 server."""

from __future__ import annotations

import http.client
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipelines import index
from vidsearch import Catalog
from vidsearch.errors import CatalogError

pytestmark = [
    pytest.mark.slow,
    # The server and its client import what their makers are about to rename.
    pytest.mark.filterwarnings("default::DeprecationWarning"),
    pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning"),
]

CATALOG = "s3://archive/a catalog"
VIDEOS = "s3://tapes/all of them"


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A local S3 server that this process and those it starts use; yields fsspec's view of it."""
    import fsspec
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    reset_server(host, port)
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    for name in ("archive", "tapes"):
        files.mkdir(name)
    yield files
    type(files).clear_instance_cache()
    server.stop()


def reset_server(host: str, port: int) -> None:
    """Empty the server: what it stores outlives it in its process."""
    connection = http.client.HTTPConnection(host, port)
    connection.request("POST", "/moto-api/reset")
    assert connection.getresponse().status == 200
    connection.close()


@pytest.fixture
def tapes(bucket: Any, films: Path) -> Path:
    """The local films, uploaded too: seven videos."""
    base = (films / "sub/group.mkv").read_bytes()
    for number in range(5):
        (films / f"copy {number}.mkv").write_bytes(base + bytes([number]))
    for path in films.rglob("*.m*"):
        bucket.put_file(str(path), f"{VIDEOS}/{path.relative_to(films)}".removeprefix("s3://"))
    return films


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
    bucket: Any, tapes: Path, photos: Path, tmp_path: Path, processes: ModuleType
) -> None:
    index(tmp_path / "local", [tapes])
    command = ["index", CATALOG, VIDEOS, "--workers", 2, "--json"]
    status, out, err = processes.run(*command)
    assert (status, err) == (0, "")
    assert json.loads(out)["videos"] == {"indexed": 7, "skipped": 0, "failed": 0}
    status, out, _ = processes.run(*command)
    assert json.loads(out)["videos"] == {"indexed": 0, "skipped": 7, "failed": 0}
    local = processes.tables(tmp_path / "local")
    assert local_names(processes.tables(CATALOG), tapes) == local_names(local, tapes)

    status, out, err = processes.run("status", CATALOG, "--json")
    assert (status, err) == (0, "")
    told = json.loads(out)
    assert (told["videos"]["indexed"], told["index"]["kind"]) == (7, "faiss-flat")
    photo = photos / "dark-shirt.jpg"
    status, out, err = processes.run("search", CATALOG, photo, "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)["hits"]
    status, out, _ = processes.run("search", tmp_path / "local", photo, "--json")
    wanted = json.loads(out)["hits"]
    assert [(h["track_id"], h["similarity"]) for h in found] == [
        (h["track_id"], h["similarity"]) for h in wanted
    ]
    (log,) = bucket.ls(f"{CATALOG}/runs", detail=False)
    assert json.loads(bucket.cat_file(log).splitlines()[-1])["how"] == "done"

    video_id = found[0]["video_id"]
    status, out, err = processes.run("forget", CATALOG, "--video", video_id)
    assert (status, err) == (0, "")
    receipt = json.loads(out)
    assert (receipt["rows"]["videos"], receipt["found"]) == (1, 0)
    assert receipt["log_lines"] == 1
    status, out, _ = processes.run("search", CATALOG, photo, "--json")
    assert video_id not in {hit["video_id"] for hit in json.loads(out)["hits"]}
    for path in bucket.find("archive"):
        assert "receipts/" in path or video_id.encode() not in bucket.cat_file(path), path


def test_kills_and_indexers_at_once_on_s3_change_nothing(
    tapes: Path, tmp_path: Path, processes: ModuleType
) -> None:
    index(tmp_path / "local", [tapes])
    process = processes.start("index", CATALOG, VIDEOS, "--workers", 2)
    processes.wait_until(lambda: len(processes.workers(process)) == 2)
    processes.wait_until(lambda: cpu_s(processes.workers(process)) > 3)
    processes.kill(processes.workers(process)[0])
    processes.kill(process)
    process.communicate()
    both = [processes.start("index", CATALOG, VIDEOS, "--workers", 2) for _ in range(2)]
    for process in both:
        status, _, err = processes.finish(process)
        assert status == 0, err
    local = processes.tables(tmp_path / "local")
    assert local_names(processes.tables(CATALOG), tapes) == local_names(local, tapes)


def cpu_s(workers: list[Any]) -> float:
    return sum(sum(worker.cpu_times()[:2]) for worker in workers)


def test_a_bucket_that_keeps_versions_does_not_forget(
    bucket: Any, tapes: Path, processes: ModuleType
) -> None:
    assert processes.run("index", CATALOG, f"{VIDEOS}/sub")[0] == 0
    (row,) = Catalog.open(CATALOG).videos(["video_id"]).to_pylist()
    bucket.make_bucket_versioned("archive")
    status, _, err = processes.run("forget", CATALOG, "--video", row["video_id"])
    assert status == 2
    assert "keeps versions" in err
    assert Catalog.open(CATALOG).videos().num_rows == 1


def test_a_storage_that_cannot_be_reached_is_one_line(bucket: Any, processes: ModuleType) -> None:
    env = {**os.environ, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    for command in (["status", CATALOG], ["index", CATALOG, VIDEOS]):
        status, _, err = processes.run(*command, env=env)
        assert status == 2, err
        assert err.count("\n") == 1, err
        assert "Traceback" not in err
    with pytest.raises(CatalogError, match="no catalog at"):
        Catalog.open("s3://archive/none")
