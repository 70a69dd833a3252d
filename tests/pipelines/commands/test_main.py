"""The command line end to end, as other tools use it: exit statuses, one-line errors, JSON."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.commands.index import summary
from tests.helpers.index_reports import index_report
from vidsearch import Catalog
from vidsearch.commands.main import main

COMMAND = [sys.executable, "-m", "vidsearch.commands.main"]


def run(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    """Run a command in this process; return (exit status, stdout, stderr)."""
    try:
        status = main([str(arg) for arg in args])
    except SystemExit as stop:
        status = int(stop.code or 0)
    out, err = capsys.readouterr()
    return status, out, err


def is_one_line(text: str) -> bool:
    return text.count("\n") == 1 and text.endswith("\n") and "Traceback" not in text


@pytest.fixture
def catalog(films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    folder = tmp_path / "catalog"
    assert run(capsys, "index", folder, films, "--workers", 1)[0] == 0
    return folder


def test_index_and_search_keep_the_contract(
    films: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (films / "bad\nname.mp4").write_bytes(b"nothing")
    status, out, err = run(capsys, "index", tmp_path / "c", films, "--workers", 1, "--json")
    assert status == 3
    report = json.loads(out)
    assert report["videos"] == {"indexed": 2, "skipped": 0, "failed": 1}
    assert report["failures"][0]["video"] == str(films / "bad\nname.mp4")
    assert is_one_line(err)
    assert "bad\\nname.mp4" in err

    status, out, err = run(capsys, "search", tmp_path / "c", photos / "astronaut.jpg", "--json")
    assert status == 0
    found = json.loads(out)
    assert list(found) == ["model_id", "query", "hits"]
    assert list(found["query"][0]) == ["photo", "box_xyxy", "quality"]
    assert list(found["hits"][0]) == [
        *("rank", "confidence", "similarity", "video", "video_id", "track_id"),
        *("start_s", "end_s", "best_s", "box_xyxy", "person"),
    ]
    assert found["hits"][0]["video"] == str(films / "astronaut film.mp4")

    status, out, err = run(capsys, "status", tmp_path / "c", "--json")
    assert status == 0
    told = json.loads(out)
    assert told["model_id"] == found["model_id"] == report_model(tmp_path / "c")
    assert told["tracks"] == len(found["hits"])
    assert {"videos", "tracks", "people", "duration_s", "model_id", "index", "failures"} <= set(
        told
    )
    assert {"kind", "built", "pending"} <= set(told["index"])
    assert told["failures"][0]["video"] == str(films / "bad\nname.mp4")


def report_model(catalog: Path) -> str:
    return Catalog.open(catalog).model_id


def test_text_csv_and_html(
    catalog: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = photos / "astronaut.jpg"
    status, out, _ = run(capsys, "search", catalog, photo)
    assert status == 0
    assert "astronaut film.mp4" in out
    status, out, _ = run(capsys, "search", catalog, photo, "--csv", "-")
    assert status == 0
    assert out.splitlines()[0].startswith("rank,")
    page = tmp_path / "page.html"
    status, out, _ = run(capsys, "search", catalog, photo, "--html", page)
    assert status == 0
    assert "data:image/jpeg;base64," in page.read_text()
    assert not list(tmp_path.glob(".*.part"))


def test_people_who_are_not_there(
    catalog: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for absent in ("standing.jpg", "tom-hanks.jpg", "blonde.jpg"):
        status, out, _ = run(
            capsys, "search", catalog, photos / absent, "--json", "--min-confidence", "0.5"
        )
        assert status == 0
        assert json.loads(out)["hits"] == [], absent


def test_a_search_confined_to_some_videos(
    catalog: Path, films: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The astronaut's film lies beside the folder ``sub``; only what is inside is searched."""

    def hits(*options: object) -> tuple[int, int]:
        status, out, err = run(capsys, "search", catalog, photos / "astronaut.jpg", *options)
        assert status == 0, err
        searched = re.search(r"Searched \d+ tracks? in (\d+) videos?", " ".join(out.split()))
        assert searched is not None, out
        return out.count("almost certain"), int(searched[1])

    film = films / "astronaut film.mp4"
    assert hits() == (1, 2)
    assert hits("--folder", films / "sub") == (0, 1)
    assert hits("--folder", films) == (1, 2)
    assert hits("--video", film) == (1, 1)
    assert hits("--until", "2099-01-01", "--since", "1999-12-31T23:00:00+01:00") == (1, 2)
    wrong: list[tuple[object, ...]] = [
        ("--video", "nothing"),
        ("--since", "yesterday"),
        ("--since", "2099-01-01"),
    ]
    for options in wrong:
        status, _, err = run(capsys, "search", catalog, photos / "astronaut.jpg", *options)
        assert status == 2
        assert is_one_line(err)


def test_several_photos_make_one_query(
    catalog: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(
        capsys, "search", catalog, photos / "red-shirt.jpg", photos / "astronaut.jpg", "--json"
    )
    assert status == 0
    assert len(json.loads(out)["query"]) == 2
    assert "different people" in err


def test_a_photo_without_a_face_is_exit_4(
    catalog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    status, out, err = run(capsys, "search", catalog, tmp_path / "noise.png")
    assert (status, out) == (4, "")
    assert is_one_line(err)
    assert "noise.png" in err


def test_users_mistakes_are_one_line_and_exit_2(
    catalog: Path, films: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = photos / "astronaut.jpg"
    (tmp_path / "a file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("x")
    mistakes: list[tuple[str, tuple[object, ...]]] = [
        ("missing command", ()),
        ("no such command", ("frobnicate",)),
        ("SOURCE", ("index", tmp_path / "new")),
        ("no-such", ("index", tmp_path / "new", tmp_path / "no-such.mp4")),
        ("folder", ("index", tmp_path / "new", tmp_path / "folder")),
        ("no-such.txt", ("index", tmp_path / "new", f"@{tmp_path}/no-such.txt")),
        ("workers", ("index", tmp_path / "new", films, "--workers", 0)),
        ("fps", ("index", tmp_path / "new", films, "--workers", 1, "--sample-fps", 0)),
        ("fps", ("index", tmp_path / "new", films, "--workers", 1, "--sample-fps", "nan")),
        ("device", ("index", tmp_path / "new", films, "--workers", 1, "--device", "tpu")),
        ("cuda:7", ("index", tmp_path / "new", films, "--workers", 1, "--device", "cuda:7")),
        ("no-pack", ("index", tmp_path / "new", films, "--workers", 1, "--model", "no-pack")),
        ("a file", ("index", tmp_path / "a file", films, "--workers", 1)),
        ("127.0.0.1:9", ("index", tmp_path / "new", films, "--scheduler", "tcp://127.0.0.1:9")),
        ("no-catalog", ("search", tmp_path / "no-catalog", photo)),
        ("no-catalog", ("status", tmp_path / "no-catalog")),
        ("no-catalog", ("reindex", tmp_path / "no-catalog")),
        ("no-photo", ("search", catalog, tmp_path / "no-photo.jpg")),
        ("a file", ("search", catalog, tmp_path / "a file")),
        ("--top", ("search", catalog, photo, "--top", "many")),
        ("top", ("search", catalog, photo, "--top", 0)),
        ("confidence", ("search", catalog, photo, "--min-confidence", 2)),
        ("--face", ("search", catalog, photo, "--face", 9)),
        ("--face", ("search", catalog, photo, photo, "--face", 1)),
        ("not allowed", ("search", catalog, photo, "--json", "--html", "x")),
        ("no-dir", ("search", catalog, photo, "--html", tmp_path / "no-dir" / "x.html")),
    ]
    for word, args in mistakes:
        status, out, err = run(capsys, *args)
        assert (status, out) == (2, ""), args
        assert is_one_line(err), (args, err)
        assert word in err, (args, err)


def test_a_newer_catalog_is_refused(
    catalog: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    meta = catalog / "catalog.json"
    told = json.loads(meta.read_text())
    told["format_version"] += 9
    meta.write_text(json.dumps(told))
    status, _, err = run(capsys, "search", catalog, photos / "astronaut.jpg")
    assert status == 2
    assert is_one_line(err)


def test_reindex_changes_no_answer(
    catalog: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = run(capsys, "search", catalog, photos / "red-shirt.jpg", "--json")
    assert run(capsys, "reindex", catalog)[0] == 0
    assert run(capsys, "search", catalog, photos / "red-shirt.jpg", "--json") == before


def tables(catalog: Path) -> list[list[dict[str, object]]]:
    archive = Catalog.open(catalog)
    out = []
    for rows in (archive.videos(), archive.tracks(), archive.faces()):
        plain = rows.drop_columns(
            [name for name in ("run_id", "indexed_at") if name in rows.column_names]
        ).to_pylist()
        out.append(sorted(plain, key=str))
    return out


def test_killed_at_any_time_and_repeated_gives_the_same_tables(
    catalog: Path, films: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    command = [*COMMAND, "index", str(again), str(films), "--workers", "1"]
    for patience_s in (1.0, 2.0, 2.6, 3.2, 3.8):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(patience_s)
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=300)
    assert tables(again) == tables(catalog)


def test_two_indexers_at_once_give_the_tables_of_one(
    catalog: Path, films: Path, tmp_path: Path
) -> None:
    both = tmp_path / "both"
    command = [*COMMAND, "index", str(both), str(films), "--workers", "1"]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert tables(both) == tables(catalog)


def test_a_full_disk_is_one_line(films: Path, tmp_path: Path) -> None:
    def no_large_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    command = [*COMMAND, "index", str(tmp_path / "full"), str(films), "--workers", "1"]
    # No bytecode: it would be cut off too.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        preexec_fn=no_large_files,
        env=environment,
        check=False,
        timeout=300,
    )
    assert done.returncode == 2, done.stderr
    assert is_one_line(done.stderr)
    assert "full" in done.stderr
    # With room again the same command completes.
    subprocess.run(command, capture_output=True, check=True, timeout=300)
    assert Catalog.open(tmp_path / "full").status().videos["indexed"] == 2


def test_summary_reads_well() -> None:
    report = index_report(
        skipped=2, failed=1, tracks=3, faces=40, duration_s=7200.0, elapsed_s=360.0
    )
    assert summary(report) == (
        "Indexed 1 video (2.0 h of video) in 360 s, 20.0 times as fast as they play: "
        "3 tracks of 40 faces.\n"
        "Skipped 2 videos indexed already.\n"
        "Failed: 1 video, each named above."
    )


def test_a_negative_interval_of_watch_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["--watch", "-1"], ["--watch=-1"]):
        status, _, err = run(capsys, "index", tmp_path / "catalog", tmp_path, *words)
        assert status == 2
        assert is_one_line(err)
        assert "'--watch' must not be negative; got -1" in err
    assert not (tmp_path / "catalog").exists()
