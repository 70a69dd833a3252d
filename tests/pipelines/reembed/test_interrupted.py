"""Killed, concurrent and overtaken re-embeddings: the old model or the new, never a mixture."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pipelines.reembed as module
from pipelines.indexing.outcomes import IndexReport
from pipelines.indexing.run import index
from pipelines.reembed import reembed
from pipelines.stages import reembed_faces
from tests.pipelines.reembed.states import REEMBEDDED, contents, entries, files_with, vectors_in
from vidsearch.catalog import Catalog, CatalogWriter, KnownFile
from vidsearch.catalog.maintenance import repair
from vidsearch.catalog.reembedding import Pieces
from vidsearch.catalog.versions import discard_staged, publish
from vidsearch.erasure.videos import forget_video
from vidsearch.errors import CatalogConflictError, CatalogModelError
from vidsearch.search.track_index import TrackSearcher


class Killed(BaseException):
    """Simulated kill: no cleanup runs."""


STEPS = (
    "repair",
    "embed",
    "stage",
    "write_tables",
    "rebuild",
    "_measure_new",
    "publish",
    "remove_superseded",
    "discard",
)


def kill_at(  # noqa: C901 (one branch a step)
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop in the middle of a step, or after it if more remains then."""

    def after(function: Callable[..., Any]) -> Callable[..., Any]:
        def dying(*args: Any, **named: Any) -> None:
            function(*args, **named)
            raise Killed

        return dying

    def before(*args: Any, **named: Any) -> None:
        raise Killed

    if step == "repair":
        monkeypatch.setattr(module, "repair", after(repair))
    elif step == "embed":
        monkeypatch.setattr(Pieces, "write", after(Pieces.write))
    elif step == "write_tables":  # tracks are there, videos are not
        import vidsearch.catalog.reembedding as written

        monkeypatch.setattr(written, "_write_videos", before)
    elif step == "rebuild":
        from vidsearch.search import track_index

        monkeypatch.setattr(track_index, "rebuild", after(track_index.rebuild))
    elif step == "_measure_new":
        measure = module._Reembedding._measure

        def dying(self: Any, catalog: Catalog, models: Any) -> Any:
            if models is not None:
                raise Killed
            return measure(self, catalog, models)

        monkeypatch.setattr(module._Reembedding, "_measure", dying)
    elif step == "remove_superseded":  # half of the old tables are gone
        import vidsearch.catalog.versions as staging

        remove = staging._remove

        def half(place: Any, names: list[str]) -> None:
            remove(place, [name for name in names if name != "faces"])
            raise Killed

        monkeypatch.setattr(staging, "_remove", half)
        monkeypatch.setattr(module, "discard_staged", lambda *_, **__: None)
    elif step == "discard":
        real = discard_staged
        monkeypatch.setattr(
            module,
            "discard_staged",
            lambda catalog, pieces=True: before() if pieces else real(catalog, pieces=pieces),
        )
    else:
        monkeypatch.setattr(module, step, after(getattr(module, step)))


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_it_is_the_old_or_the_new(
    step: str, place: Path, packs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, old = contents(place), vectors_in(place)
    with monkeypatch.context() as patched:
        kill_at(step, patched)
        with pytest.raises(Killed):
            reembed(place, str(packs / "tiny"))
    between = contents(place)
    if step in ("publish", "remove_superseded", "discard"):
        assert between["model"].startswith("tiny-")
        assert between["tracks"] == before["tracks"]
        assert (between["index"], between["pending"]) == ("faiss-flat", 0)
    else:
        assert between == before
    report = reembed(place, str(packs / "tiny"))
    assert report.live
    after = contents(place)
    assert after["model"].startswith("tiny-")
    assert after["known"] == before["known"]
    assert not files_with(place, old)
    assert entries(place) == REEMBEDDED
    assert len(list(place.glob("vectors-*"))) == 1


def test_a_run_goes_on_where_it_was_stopped(
    place: Path, packs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import vidsearch.catalog.reembedding as staging

    monkeypatch.setattr(staging, "FACES_IN_PIECE", 4)
    faces = Catalog.open(place).faces(["position"]).num_rows
    run = reembed_faces.run
    seen: list[int] = []

    def noted(piece: reembed_faces.StoredFaces, embedder: Any) -> Any:
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(len(piece))
        return run(piece, embedder)

    monkeypatch.setattr(reembed_faces, "run", noted)
    with pytest.raises(KeyboardInterrupt):
        reembed(place, str(packs / "tiny"))
    done = sum(seen)
    seen.clear()

    def counted(piece: reembed_faces.StoredFaces, embedder: Any) -> Any:
        seen.append(len(piece))
        return run(piece, embedder)

    monkeypatch.setattr(reembed_faces, "run", counted)
    assert reembed(place, str(packs / "tiny")).faces == faces
    assert sum(seen) == faces - done


def test_a_real_kill(place: Path, packs: Path) -> None:
    """SIGKILL, when the new tables are half written; then the command again."""
    before = contents(place)
    script = (
        "import os, signal, sys\n"
        "import vidsearch.catalog.reembedding as written\n"
        "from vidsearch.commands.main import main\n"
        "written._write_videos = lambda *a: os.kill(os.getpid(), signal.SIGKILL)\n"
        "main(['reembed', *sys.argv[1:], '--workers', '1'])\n"
    )
    command = [sys.executable, "-c", script, str(place), "--model", str(packs / "tiny")]
    killed = subprocess.run(command, capture_output=True, timeout=240, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert contents(place) == before
    assert reembed(place, str(packs / "tiny")).live
    assert contents(place)["tracks"] == before["tracks"]


def test_a_video_indexed_meanwhile_comes_along(
    place: Path, packs: Path, filmed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(Catalog.open(place).videos(["video_id"])["video_id"].to_pylist())
    film = next(path for path in sorted((filmed / "videos").rglob("*")) if path.suffix == ".mkv")
    (tmp_path / "new.mkv").write_bytes(film.read_bytes() + bytes(8))
    write = Pieces.write
    done: list[IndexReport] = []

    def noted(*args: Any) -> None:
        write(*args)
        if not done:
            done.append(index(place, [tmp_path / "new.mkv"]))

    monkeypatch.setattr(Pieces, "write", noted)
    reembed(place, str(packs / "tiny"))
    assert done[0].indexed == 1
    videos = Catalog.open(place).videos(["video_id"])["video_id"].to_pylist()
    assert before < set(videos)
    assert contents(place)["pending"] == 0


def test_a_writer_of_the_old_model_is_told(place: Path, packs: Path, filmed: Path) -> None:
    old = Catalog.open(place)
    writer = CatalogWriter(old)
    writer.add_file(KnownFile("/somewhere.mp4", 1, 1, "unknown"))
    reembed(place, str(packs / "tiny"))
    with pytest.raises(CatalogModelError, match=r"was re-embedded with pack '.*tiny' meanwhile"):
        writer.flush()
    with pytest.raises(CatalogModelError, match="repeat the command"):
        TrackSearcher(old)
    assert not (place / "tracks").exists()
    assert index(place, [filmed / "videos"]).skipped == 2


def test_a_change_at_the_last_moment_stops_it(
    place: Path, packs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, catalog = contents(place), Catalog.open(place)
    video = catalog.videos(["video_id"])["video_id"].to_pylist()[0]

    def changing(*args: Any) -> None:
        catalog.table("videos").delete(f"video_id = '{video}'")
        put(*args)

    put = publish
    monkeypatch.setattr(module, "publish", changing)
    with pytest.raises(CatalogConflictError, match="videos were added to or removed"):
        reembed(place, str(packs / "tiny"))
    assert Catalog.open(place).model_id == before["model"]


def test_one_at_a_time(place: Path, packs: Path) -> None:
    from vidsearch.catalog.versions import reembedding_lock

    with (
        reembedding_lock(Catalog.open(place)),
        pytest.raises(CatalogConflictError, match="by another process"),
    ):
        reembed(place, str(packs / "tiny"))


def test_forgetting_reaches_what_is_not_in_use_yet(
    place: Path, packs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        kill_at("rebuild", patched)
        with pytest.raises(Killed):
            reembed(place, str(packs / "tiny"))
    assert list(place.glob("vectors-*"))
    catalog = Catalog.open(place)
    forget_video(catalog, catalog.videos(["video_id"])["video_id"].to_pylist()[0])
    assert not list(place.glob("vectors-*"))
    assert not (place / "reembed").exists()
    reembed(place, str(packs / "tiny"))
    catalog = Catalog.open(place)
    forget_video(catalog, catalog.videos(["video_id"])["video_id"].to_pylist()[0])
    assert catalog.tracks(["track_id"]).num_rows == 0
