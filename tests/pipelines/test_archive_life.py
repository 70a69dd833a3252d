"""An archive over time: files are replaced, repaired, copied, moved, deleted, and indexed anew."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import IndexConfig, index
from pipelines.indexing.selection import QUARANTINE_STAGE
from pipelines.stages import decode_stream, error_boundary
from pipelines.stages.payloads import Failure
from vidsearch import Catalog
from vidsearch.catalog import CatalogWriter, IndexedVideo, VideoRecord, WriterConfig
from vidsearch.models.registry import LoadedPack
from vidsearch.search.search import PhotoSearcher
from vidsearch.video.discover import discover
from vidsearch.video.identity import content_id
from vidsearch.video.sampling import SamplingConfig


def found(catalog: Path, photo: Path, models: LoadedPack) -> list[tuple[str, float]]:
    """Likely hits: file names and starts."""
    result = PhotoSearcher(Catalog.open(catalog), models).search([photo])
    return [(Path(hit.video).name, round(hit.span.start_s, 1)) for hit in result.likely]


def test_a_repaired_file_leaves_nothing_of_the_damaged_one(
    films: Path, photos: Path, tmp_path: Path, models: LoadedPack
) -> None:
    film, catalog = films / "sub/group.mkv", tmp_path / "catalog"
    whole = film.read_bytes()
    film.write_bytes(whole[: len(whole) * 3 // 4])
    assert len(index(catalog, [film]).partly_read) == 1
    film.write_bytes(whole)
    assert index(catalog, [film]).indexed == 1
    assert Catalog.open(catalog).status().videos == {"indexed": 1, "partial": 0, "failed": 0}
    assert found(catalog, photos / "dark-shirt.jpg", models) == [("group.mkv", 0.0)]


def test_a_failure_is_forgotten_once_the_file_can_be_read(films: Path, tmp_path: Path) -> None:
    film, catalog = films / "astronaut film.mp4", tmp_path / "catalog"
    whole = film.read_bytes()
    film.write_bytes(whole[: len(whole) // 2])
    assert index(catalog, [film]).failed == 1
    assert Catalog.open(catalog).status().videos["failed"] == 1
    film.write_bytes(whole)
    index(catalog, [film])
    assert Catalog.open(catalog).status().failures == ()


def test_another_film_under_the_same_name_ends_the_first(
    films: Path, photos: Path, tmp_path: Path, models: LoadedPack
) -> None:
    film, catalog = films / "astronaut film.mp4", tmp_path / "catalog"
    index(catalog, [film])
    shutil.copy(films / "sub/group.mkv", film)
    index(catalog, [film])
    assert found(catalog, photos / "astronaut.jpg", models) == []
    assert found(catalog, photos / "dark-shirt.jpg", models) == [("astronaut film.mp4", 0.0)]


def test_a_replaced_copy_leaves_the_other_copy_searchable(
    films: Path, photos: Path, tmp_path: Path, models: LoadedPack
) -> None:
    film, catalog = films / "astronaut film.mp4", tmp_path / "catalog"
    shutil.copy(film, films / "backup.mp4")
    index(catalog, [films])
    shutil.copy(films / "sub/group.mkv", film)
    index(catalog, [films])
    assert found(catalog, photos / "astronaut.jpg", models) == [("backup.mp4", 0.0)]


def test_a_hit_names_a_copy_that_is_still_there(
    films: Path, photos: Path, tmp_path: Path, models: LoadedPack
) -> None:
    film, catalog = films / "astronaut film.mp4", tmp_path / "catalog"
    index(catalog, [film])
    shutil.copy(film, tmp_path / "stick.mp4")
    index(catalog, [tmp_path / "stick.mp4"])
    assert found(catalog, photos / "astronaut.jpg", models) == [("stick.mp4", 0.0)]
    (tmp_path / "stick.mp4").unlink()
    assert found(catalog, photos / "astronaut.jpg", models) == [("astronaut film.mp4", 0.0)]


def test_copies_in_one_run_are_decoded_once(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        shutil.copy(films / "sub/group.mkv", films / f"copy {number}.mkv")
    (films / "same size.mkv").write_bytes((films / "sub/group.mkv").read_bytes()[:-1] + b"x")
    decoded = []
    decode = decode_stream._decode

    def counted(uri, *rest):  # type: ignore[no-untyped-def]
        decoded.append(Path(uri).name)
        return decode(uri, *rest)

    monkeypatch.setattr(decode_stream, "_decode", counted)
    report = index(tmp_path / "catalog", [films])
    assert sorted(decoded) == ["astronaut film.mp4", "copy 0.mkv", "same size.mkv"]
    assert (report.indexed, report.skipped, report.failed) == (3, 3, 0)


def test_again_looks_closer_and_replaces(films: Path, tmp_path: Path) -> None:
    film, catalog = films / "astronaut film.mp4", tmp_path / "catalog"
    index(catalog, [film])
    closer = IndexConfig(sampling=SamplingConfig(fps=8), again=True)
    assert index(catalog, [film], closer).indexed == 1
    (row,) = Catalog.open(catalog).videos().to_pylist()
    assert row["frames_sampled"] == 24
    faces = Catalog.open(catalog).tracks(["faces"])["faces"].to_pylist()
    assert faces == [16]


def test_a_video_in_quarantine_is_left_out_under_any_name(films: Path, tmp_path: Path) -> None:
    """Also with --again; only --retry-failed takes it out."""
    film, catalog = films / "sub/group.mkv", tmp_path / "catalog"
    index(catalog, [films])
    (source,) = discover([str(film)]).videos
    video_id = content_id(source.uri)
    archive = Catalog.open(catalog)
    with CatalogWriter(archive, config=WriterConfig(replace=True)) as writer:
        record = VideoRecord(
            video_id=video_id,
            uri=source.uri,
            size=source.size,
            mtime_ns=source.mtime_ns,
            status="failed",
            model_id=archive.model_id,
            failure="3 workers died of it",
            failure_stage=QUARANTINE_STAGE,
            failure_error="WorkerDied",
        )
        writer.add(IndexedVideo(record))
    film.rename(films / "moved.mkv")
    for _ in range(2):  # the place is new, and known
        report = index(catalog, [films], IndexConfig(again=True))
        assert (report.indexed, report.skipped, report.failed) == (1, 0, 1)
        (failure,) = report.failures
        assert Path(failure.source.uri).name == "moved.mkv"
        assert failure.message == "3 workers died of it"
    report = index(catalog, [films], IndexConfig(again=True, retry_failed=True))
    assert (report.indexed, report.failed) == (2, 0)
    assert Catalog.open(catalog).status().failures == ()


def test_only_what_was_read_counts_as_searchable(films: Path, tmp_path: Path) -> None:
    film, catalog = films / "sub/group.mkv", tmp_path / "catalog"
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    report = index(catalog, [film])
    ((_, _),) = report.partly_read
    assert 0.5 < report.duration_s < 3.5  # of 4 s
    assert Catalog.open(catalog).status().duration_s == pytest.approx(report.duration_s)


def test_every_failure_reaches_the_status(films: Path, tmp_path: Path) -> None:
    """A pipe has no content to hash; it is on record all the same, and gone once replaced."""
    catalog = tmp_path / "catalog"
    os.mkfifo(films / "pipe.mp4")
    assert index(catalog, [films / "pipe.mp4", films / "sub"]).failed == 1
    (failure,) = Catalog.open(catalog).status().failures
    assert failure.video.endswith("pipe.mp4")
    (films / "pipe.mp4").unlink()
    shutil.copy(films / "astronaut film.mp4", films / "pipe.mp4")
    assert index(catalog, [films / "pipe.mp4"]).indexed == 1
    assert Catalog.open(catalog).status().failures == ()


def test_an_unforeseen_error_keeps_the_content(films: Path, models: LoadedPack) -> None:
    (source,) = discover([str(films / "sub/group.mkv")]).videos
    outcome = error_boundary.run(source, None, IndexConfig(), ())  # type: ignore[arg-type]
    assert isinstance(outcome, Failure)
    assert outcome.video_id == content_id(source.uri)


def test_a_pack_folder_is_found_from_anywhere(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vidsearch.models.registry import pack_reference

    monkeypatch.chdir(tmp_path)
    assert pack_reference("open") == "open"
    assert pack_reference("packs/mine") == str(tmp_path / "packs/mine")


@pytest.mark.slow
def test_the_demo_runs_behind_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    command = [
        sys.executable,
        "-m",
        "vidsearch.commands.main",
        "demo",
        str(tmp_path / "link" / "demo"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "Every answer is right" in done.stdout
    again = subprocess.run(
        [*command[:-1], str(tmp_path / "real")], capture_output=True, text=True, check=False
    )
    assert again.returncode == 2
    assert "not made by the demo" in again.stderr


def test_a_full_standard_output_is_one_line(films: Path, tmp_path: Path) -> None:
    index(tmp_path / "catalog", [films / "sub"])
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "vidsearch.commands.main", "status", str(tmp_path / "catalog")],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=300,
        )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
