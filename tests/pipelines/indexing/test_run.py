"""Indexing: what is new is read, what is known is skipped, what is broken is counted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest

from pipelines import ClusterConfig, IndexConfig, index
from pipelines.indexing.outcomes import IndexReport
from pipelines.stages import error_boundary, index_video
from pipelines.stages.payloads import Failure
from vidsearch import Archive, Catalog
from vidsearch.errors import CatalogModelError, ConfigError, VideoOpenError, VidsearchError
from vidsearch.models.registry import LoadedPack
from vidsearch.video.discover import VideoSource


def table(catalog: Path, name: str) -> list[dict[str, object]]:
    """Rows without what differs between runs by design, in one order."""
    archive = Catalog.open(catalog)
    rows = getattr(archive, name)().to_pylist()
    for row in rows:
        row.pop("run_id", None)
        row.pop("indexed_at", None)
    return sorted(rows, key=lambda row: str({k: v for k, v in row.items() if k != "uri"}))


def same_tables(one: Path, other: Path) -> bool:
    return all(table(one, name) == table(other, name) for name in ("videos", "tracks", "faces"))


def test_five_lines(films: Path, photos: Path, tmp_path: Path) -> None:
    report = index(tmp_path / "catalog", [films])
    archive = Archive.open(tmp_path / "catalog")
    result = archive.search([photos / "astronaut.jpg"])
    assert (report.indexed, report.skipped, report.failed) == (2, 0, 0)
    best = result.hits[0]
    assert Path(best.video).name == "astronaut film.mp4"
    assert best.confidence > 0.9
    # The astronaut is in the first shot only, 0 to 2 s.
    assert best.span.start_s == 0.0
    assert best.span.end_s == pytest.approx(2.0, abs=0.05)
    assert all(hit.confidence < 0.5 for hit in result.hits[1:])


def test_again_does_nothing(films: Path, tmp_path: Path) -> None:
    catalog = tmp_path / "catalog"
    index(catalog, [films])
    before = {name: table(catalog, name) for name in ("videos", "tracks", "faces")}
    versions = Catalog.open(catalog).snapshot().versions
    report = index(catalog, [films])
    assert (report.indexed, report.skipped, report.failed) == (0, 2, 0)
    assert {name: table(catalog, name) for name in before} == before
    assert Catalog.open(catalog).snapshot().versions == versions


def test_order_and_grouping_do_not_change_the_tables(films: Path, tmp_path: Path) -> None:
    first, second = films / "astronaut film.mp4", films / "sub/group.mkv"
    index(tmp_path / "a", [films])
    index(tmp_path / "b", [second])
    index(tmp_path / "b", [first, second])
    assert same_tables(tmp_path / "a", tmp_path / "b")


def test_worker_processes_give_the_same_tables(films: Path, tmp_path: Path) -> None:
    (films / "broken.mp4").write_bytes(b"\x00" * 5000)
    one = index(tmp_path / "a", [films])
    two = index(tmp_path / "b", [films], cluster=ClusterConfig(workers=2))
    assert (one.indexed, one.failed) == (two.indexed, two.failed) == (2, 1)
    assert same_tables(tmp_path / "a", tmp_path / "b")


def test_a_copy_and_a_moved_file_are_recognised(films: Path, photos: Path, tmp_path: Path) -> None:
    catalog = tmp_path / "catalog"
    index(catalog, [films])
    shutil.copy(films / "sub/group.mkv", films / "copy of group.mkv")
    assert index(catalog, [films]).skipped == 3
    (films / "moved").mkdir()
    (films / "astronaut film.mp4").rename(films / "moved/renamed é.mp4")
    report = index(catalog, [films])
    assert (report.indexed, report.skipped) == (0, 3)
    assert len(table(catalog, "videos")) == 2
    hit = Archive.open(catalog).search([photos / "astronaut.jpg"]).hits[0]
    assert hit.video == str(films / "moved/renamed é.mp4")


def test_two_copies_in_one_run_count_once(films: Path, tmp_path: Path) -> None:
    shutil.copy(films / "sub/group.mkv", films / "twin.mkv")
    report = index(tmp_path / "catalog", [films])
    assert (report.indexed, report.skipped) == (2, 1)
    assert len(table(tmp_path / "catalog", "videos")) == 2


def test_a_changed_file_is_a_new_video(films: Path, tmp_path: Path) -> None:
    catalog = tmp_path / "catalog"
    index(catalog, [films])
    shutil.copy(films / "sub/group.mkv", films / "astronaut film.mp4")
    report = index(catalog, [films])
    assert (report.indexed, report.skipped) == (0, 2)


def write_broken(folder: Path, whole: Path) -> list[str]:
    data = whole.read_bytes()
    broken = {
        "zero.mp4": b"",
        "random.mp4": np.random.default_rng(3).bytes(20_000),
        "half.mp4": data[: len(data) // 2],
        "picture.mp4": b"\x89PNG\r\n\x1a\n" + b"\x00" * 64,
        "text.mkv": b"this is no video\n" * 50,
    }
    for name, content in broken.items():
        (folder / name).write_bytes(content)
    write_sound(folder / "sound.mp4")
    return [*broken, "sound.mp4"]


def write_sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16_000)
        for _ in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate = 16_000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_broken_files_fail_one_by_one_and_the_rest_is_committed(
    films: Path, tmp_path: Path
) -> None:
    broken = write_broken(films, films / "astronaut film.mp4")
    report = index(tmp_path / "catalog", [films])
    assert (report.indexed, report.failed) == (2, len(broken))
    assert {Path(f.source.uri).name for f in report.failures} == set(broken)
    for failure in report.failures:
        assert failure.message
        assert "\n" not in failure.message
    status = Catalog.open(tmp_path / "catalog").status()
    assert status.videos == {"indexed": 2, "partial": 0, "failed": len(broken)}


def test_a_failed_file_is_tried_again(films: Path, tmp_path: Path) -> None:
    whole = (films / "astronaut film.mp4").read_bytes()
    target = films / "astronaut film.mp4"
    target.write_bytes(whole[: len(whole) // 2])
    assert index(tmp_path / "catalog", [target]).failed == 1
    assert index(tmp_path / "catalog", [target]).failed == 1
    target.write_bytes(whole)
    report = index(tmp_path / "catalog", [target])
    assert (report.indexed, report.failed) == (1, 0)


def test_a_vanished_file_is_a_failure(films: Path, tmp_path: Path, models: LoadedPack) -> None:
    source = VideoSource(str(films / "gone.mp4"), 100, 1)
    outcome = index_video.run(source, models, IndexConfig())
    assert isinstance(outcome, Failure)
    assert (outcome.stage, outcome.error) == ("identify", VideoOpenError.__name__)
    assert "gone.mp4" in outcome.message


def test_an_unforeseen_error_is_a_failure_too(films: Path, models: LoadedPack) -> None:
    class Broken:
        pack = models.pack
        model_id = models.model_id
        calibration = models.calibration
        embedder = models.embedder

        class detector:
            @staticmethod
            def detect(image: object) -> object:
                raise RuntimeError("a bug")

    stat = (films / "sub/group.mkv").stat()
    source = VideoSource(str(films / "sub/group.mkv"), stat.st_size, stat.st_mtime_ns)
    outcome = error_boundary.run(source, Broken(), IndexConfig(), ())  # type: ignore[arg-type]
    assert isinstance(outcome, Failure)
    assert outcome.error == "RuntimeError"
    assert "a bug" in outcome.message


ODD_NAMES = ["with space.mkv", "línea ü 视频.mkv", "new\nline.mkv", "-dash.mkv", "a:b?c*[d].mkv"]


def test_odd_file_names(films: Path, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    base = (films / "sub/group.mkv").read_bytes()
    for number, name in enumerate(ODD_NAMES):
        # Bytes after the end make each a content of its own; a Matroska reader ignores them.
        (folder / name).write_bytes(base + bytes([number]))
    report = index(tmp_path / "catalog", [folder])
    assert report.failures == ()
    assert report.indexed == len(ODD_NAMES)
    stored = {row["uri"] for row in table(tmp_path / "catalog", "videos")}
    assert stored == {str(folder / name) for name in ODD_NAMES}


def test_a_name_that_is_not_unicode(films: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"latin\xe9.mkv")
    folder = tmp_path / "odd"
    folder.mkdir()
    shutil.copy(films / "sub/group.mkv", folder / name)
    assert index(tmp_path / "catalog", [folder]).indexed == 1
    assert index(tmp_path / "catalog", [folder]).skipped == 1


@pytest.mark.parametrize(
    ("sources", "message"),
    [(["missing"], "missing"), (["empty"], "empty")],
)
def test_nothing_to_index_is_an_error(tmp_path: Path, sources: Sequence[str], message: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(VidsearchError, match=message):
        index(tmp_path / "catalog", [tmp_path / source for source in sources])
    assert not (tmp_path / "catalog").exists()


def test_a_catalog_of_another_model_is_refused(films: Path, tmp_path: Path) -> None:
    Catalog.create(tmp_path / "catalog", pack="open", model_id="another-model", dim=128)
    with pytest.raises(CatalogModelError, match="another-model"):
        index(tmp_path / "catalog", [films])


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match="workers"):
        ClusterConfig(workers=0)


def test_report_as_json(films: Path, tmp_path: Path) -> None:
    (films / "zero.mp4").write_bytes(b"")
    report: IndexReport = index(tmp_path / "catalog", [films])
    plain = report.to_json()
    assert plain["videos"] == {"indexed": 2, "skipped": 0, "failed": 1}
    assert list(plain) == [
        "videos",
        "erased",
        "tracks",
        "faces",
        "duration_s",
        "elapsed_s",
        "folders",
        "repeated",
        "passed_over",
        "excluded",
        "unreadable",
        "dangling",
        "special",
        "uncounted",
        "streams_not_indexed",
        "turned",
        "turned_parts",
        "times_assumed",
        "failures",
    ]
    assert plain["duration_s"] == pytest.approx(7.0, abs=0.2)
    (failure,) = plain["failures"]
    assert sorted(failure) == ["error", "message", "stage", "video"]


def test_index_options_of_version_0_1_still_work(films: Path, tmp_path: Path) -> None:
    from pipelines.payloads import IndexOptions

    with pytest.warns(DeprecationWarning, match="pass IndexConfig and ClusterConfig"):
        options = IndexOptions(workers=1, device="cpu", again=True, slice_minutes=0)
    assert options.config == IndexConfig(again=True, slice_minutes=0)
    assert options.cluster == ClusterConfig(workers=1, device="cpu")
    assert index(tmp_path / "catalog", [films], options=options).indexed == 2
    with (
        pytest.warns(DeprecationWarning, match="IndexOptions is deprecated"),
        pytest.raises(TypeError, match="unexpected keyword argument 'frames'"),
    ):
        IndexOptions(frames=2)
