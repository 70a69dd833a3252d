"""Making of a training set: every file of the folder is used, or listed with its reason."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipelines.demo.people import PEOPLE, load_pictures
from pipelines.prepare import OUTSIDE, PrepareOptions, prepare
from pipelines.stages import prepare_photos
from pipelines.stages.prepare_photos import PhotoOptions
from tests.inputs.photo_files import animation, black, dng, encoded, heic
from vidsearch.commands.main import main
from vidsearch.datatypes import Image
from vidsearch.errors import ConfigError, TrainingSetError
from vidsearch.faces.geometry.align import ARCFACE_112
from vidsearch.models.registry import LoadedPack
from vidsearch.photo.people_folders import PersonPhoto, find_people
from vidsearch.trainingset.assemble import SetOptions
from vidsearch.trainingset.candidates import Candidate, read_candidates, write_candidates
from vidsearch.trainingset.report import SetReport

ENDINGS = frozenset({".jpg", ".png"})


def face_of(number: int, size: int = 240) -> Image:
    """Return a square view of one of the demo's people."""
    person = PEOPLE[number]
    picture = load_pictures()[person.picture]
    x1, y1, x2, y2 = person.face_xyxy
    half = max(x2 - x1, y2 - y1) * 0.8
    left, top = max(int((x1 + x2) / 2 - half), 0), max(int((y1 + y2) / 2 - half), 0)
    side = min(int(2 * half), picture.shape[0] - top, picture.shape[1] - left) // 2 * 2
    return np.ascontiguousarray(picture[top : top + side, left : left + side])


KINDS: dict[str, Callable[[Image], bytes]] = {
    "1.HEIC": heic,
    "2.heif": lambda image: heic(np.rot90(image, -1), 8),
    "3.jfif": lambda image: encoded(image, "JPEG", quality=92),
    "4.JPE": lambda image: encoded(image, "JPEG", quality=92),
    "5.avif": lambda image: encoded(image, "AVIF", quality=92),
    "6.dng": dng,
    "7.TIFF": lambda image: encoded(image, "TIFF"),
    "8.WebP": lambda image: encoded(image, "WEBP", quality=92),
    "9.jp2": lambda image: encoded(image, "JPEG2000"),
    "10.gif": lambda image: animation([black(image), image], "GIF"),
    "11.bmp": lambda image: encoded(image, "BMP"),
    "12 without ending": lambda image: encoded(image, "PNG"),
    "13.jpg.download": lambda image: encoded(image, "PNG"),
    "14.cut.jpg": lambda image: encoded(image, "JPEG", quality=92)[:-40],
}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people: one with a photo of every kind, and files that are no photos."""
    folder = tmp_path_factory.mktemp("raw")
    for name, number in (("every kind", 0), ("long hair", 2), ("lace", 3)):
        (folder / name / "deeper").mkdir(parents=True)
        for row in range(2):
            view = face_of(number)
            view = view if not row else np.asarray(view[:, ::-1] * 0.7, np.uint8)
            (folder / name / "deeper" / f"{row}.png").write_bytes(encoded(view, "PNG"))
    for name, make in KINDS.items():
        (folder / "every kind" / name).write_bytes(make(face_of(0)))
    odd = folder / "long hair"
    (odd / "caf\udce9.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (odd / "empty.jpg").touch()
    (odd / "coffee.png").write_bytes(encoded(load_pictures()["coffee"][:200, :200], "PNG"))
    (odd / "notes.txt").write_text("no photo")
    (odd / "film.mp4").write_bytes(b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41")
    (odd / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (odd / "._1.jpg").write_bytes(b"\0\5\x16\7")
    (odd / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "loose.JPG").write_bytes(encoded(face_of(3), "JPEG"))
    (folder / "list.csv").write_text("a,b")
    for name in (".cache", "@eaDir"):
        (folder / name).mkdir()
        (folder / name / "x.jpg").touch()
    (folder / "lace" / "@eaDir" / "1.png").mkdir(parents=True)
    (folder / "lace" / "@eaDir" / "1.png" / "SYNOPHOTO_THUMB_XL.jpg").write_bytes(
        encoded(face_of(3), "JPEG")
    )
    return folder


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people with a small photo each, a broken photo, and a photo beside the folders."""
    folder = tmp_path_factory.mktemp("few")
    for number in (2, 3):
        (folder / str(number)).mkdir()
        (folder / str(number) / "1.png").write_bytes(encoded(face_of(number), "PNG"))
    (folder / "2" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (folder / "loose.JPG").write_bytes(encoded(face_of(3), "JPEG"))
    return folder


def options() -> PrepareOptions:
    return PrepareOptions(
        photo=PhotoOptions(template=ARCFACE_112, keep_poor=True),
        result=SetOptions(name="people", held_out=0, duplicates=True, min_faces=1),
    )


@pytest.fixture(scope="module")
def report(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> SetReport:
    return prepare(raw, tmp_path_factory.mktemp("out") / "set", options())


def test_a_photo_of_every_kind_is_used(report: SetReport) -> None:
    dropped = {Path(source).name for source, _, _ in report.dropped}
    assert not dropped & set(KINDS)
    assert report.faces["train"] == len(KINDS) + 6
    assert report.identities["train"] == 3


def test_every_other_photo_is_named_with_its_reason(report: SetReport) -> None:
    reasons = {Path(source).name: reason for source, _, reason in report.dropped}
    assert set(reasons) == {"caf%E9.jpg", "empty.jpg", "coffee.png", "loose.JPG"}
    assert reasons["loose.JPG"] == OUTSIDE
    assert reasons["coffee.png"] == "no face"
    assert "is empty (0 bytes)" in reasons["empty.jpg"]
    assert report.failed == 2


def test_the_account_has_every_file(raw: Path, report: SetReport) -> None:
    others = report.others
    assert others.passed_over == {".txt": 1, ".mp4": 1, ".db": 1, ".csv": 1}
    assert others.excluded == {".*": 1, "._*": 1, "@eaDir": 2}
    assert {Path(path).name for path in others.unreadable} == {"gone.jpg"}
    counted = report.photos + sum(others.passed_over.values()) + sum(others.excluded.values())
    files = sum(len(names) for _, _, names in os.walk(raw))
    assert counted + len(others.unreadable) == files


def test_the_printed_result_and_the_json_name_the_same(report: SetReport) -> None:
    text, values = report.to_text(), report.to_json()
    for row in values["dropped"]:
        assert row["source"].rpartition("/")[2] in text
        assert row["reason"].split(":")[0] in text
    assert "gone.jpg: the link has no target" in text
    assert "Other files, no photos: 4" in text
    assert values["failed"] == 2
    assert values["passed_over"] == dict(report.others.passed_over)
    assert [Path(path).name for path in values["unreadable"]] == ["gone.jpg"]
    json.dumps(values).encode()


def test_the_command_ends_with_status_3_if_a_photo_failed(
    few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "set"
    arguments = [str(few), str(out), "--workers", "1", "--held-out", "0", "--min-faces", "1"]
    assert main(["prepare", *arguments, "--json"]) == 3
    printed = json.loads(capsys.readouterr().out)
    assert {row["reason"].split(":")[0] for row in printed["dropped"]} == {"unreadable", OUTSIDE}
    assert json.loads((out / "report.json").read_text()) == printed
    assert not out.with_name("set.part").exists()


def test_no_work_folder_is_left_unless_it_helps(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    (tmp_path / "none").mkdir()
    for folder in (tmp_path / "none", tmp_path / "missing"):
        with pytest.raises(TrainingSetError):
            prepare(folder, out, options())
        assert [path.name for path in tmp_path.iterdir()] == ["none"]
    one = tmp_path / "one" / "person"
    one.mkdir(parents=True)
    (one / "a.png").write_bytes(encoded(face_of(0), "PNG"))
    with pytest.raises(TrainingSetError, match=r"1 identities are left of 1.*kept in .*set\.part"):
        prepare(one.parent, out, options())
    assert out.with_name("set.part").is_dir()


def test_a_full_disk_is_one_line_that_names_the_kept_work(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, _content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(TrainingSetError, match=r"No space left on device.*kept in .*set\.part"):
        prepare(few, tmp_path / "set", options())


def test_a_set_inside_the_folder_of_photos_is_refused(raw: Path) -> None:
    with pytest.raises(ConfigError, match="lies in the folder of photos"):
        prepare(raw, raw / "set", options())
    assert not (raw / "set.part").exists()


def test_one_person_in_two_spellings(tmp_path: Path) -> None:
    for name in ("Zoë", "Zoe\u0308", "Ann"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").touch()
    found = find_people(tmp_path, ENDINGS, sniff=False)
    assert found.people == ("Ann", "Zoë")
    assert [photo.person for photo in found.photos] == ["Ann", "Zoë", "Zoë"]


def test_links_to_folders_are_searched_once(tmp_path: Path) -> None:
    (tmp_path / "Ann" / "more").mkdir(parents=True)
    (tmp_path / "Ann" / "more" / "1.jpg").touch()
    (tmp_path / "Ann" / "again").symlink_to(tmp_path / "Ann")
    found = find_people(tmp_path, ENDINGS, sniff=False)
    assert len(found.photos) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_closed_folder_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "Ann"
    closed.mkdir(mode=0)
    assert set(find_people(tmp_path, ENDINGS, sniff=False).others.unreadable) == {str(closed)}
    closed.chmod(0o700)


def test_candidates_of_any_name_are_stored(tmp_path: Path) -> None:
    rows = [Candidate("p\udcff", "/caf\udce9.jpg", dropped="unreadable: \udce9", failed=True)]
    write_candidates(tmp_path / "x.parquet", rows)
    back = next(read_candidates(tmp_path / "x.parquet", images=True))
    assert (back.identity, back.source) == (r"p\xff", "file:///caf%E9.jpg")
    assert (back.dropped, back.failed) == (r"unreadable: \xe9", True)


def cut(content: bytes, share: float) -> bytes:
    """Return the first part of a file."""
    return content[: int(len(content) * share)]


CUT_IN_THE_FACE: dict[str, Callable[[Image], bytes]] = {
    "JPEG": lambda image: cut(encoded(image, "JPEG", quality=92), 0.6),
    "JPEG on its side": lambda image: cut(
        encoded(np.rot90(image), "JPEG", orientation=6, quality=92), 0.6
    ),
    "progressive JPEG": lambda image: cut(encoded(image, "JPEG", progressive=True), 0.6),
    "PNG": lambda image: cut(encoded(image, "PNG"), 0.6),
    "BMP": lambda image: cut(encoded(image, "BMP"), 0.6),
    "TIFF": lambda image: cut(encoded(image, "TIFF"), 0.6),
    "WebP": lambda image: cut(encoded(image, "WEBP", quality=92), 0.6),
    "AVIF": lambda image: cut(encoded(image, "AVIF", quality=92), 0.6),
    "HEIC": lambda image: cut(heic(image), 0.7),
    "zeros for an end": lambda image: cut(encoded(image, "JPEG", quality=92), 0.6) + bytes(9999),
}


@pytest.mark.parametrize("name", CUT_IN_THE_FACE)
def test_a_face_in_the_missing_part_enters_no_set(
    name: str, models: LoadedPack, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(CUT_IN_THE_FACE[name](face_of(0)))
    (candidate,) = prepare_photos.run([PersonPhoto("a", str(path))], models, options().photo)
    assert candidate.failed
    assert not candidate.image
    assert candidate.dropped.startswith(("the face is not whole: ", "no face in the part that was"))
    assert "of the picture was read" in candidate.dropped


def test_a_whole_face_in_a_cut_photo_is_used_with_a_warning(
    few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "raw"
    shutil.copytree(few, folder)
    (folder / "2" / "broken.jpg").unlink()
    (folder / "loose.JPG").unlink()
    view = face_of(2)
    noise = np.random.default_rng(0).integers(0, 255, view.shape, np.uint8)
    tall = np.concatenate([view, noise])
    (folder / "2" / "cut.jpg").write_bytes(cut(encoded(tall, "JPEG", quality=92), 0.8))
    (folder / "3" / "gif.gif").write_bytes(animation([black(face_of(3)), face_of(3)], "GIF"))
    arguments = ["--workers", "1", "--held-out", "0", "--min-faces", "1", "--keep-duplicates"]
    assert main(["prepare", str(folder), str(tmp_path / "set"), *arguments]) == 0
    printed = capsys.readouterr().out
    written = json.loads((tmp_path / "set" / "report.json").read_text())
    warnings = {Path(row["source"]).name: row["warning"] for row in written["warnings"]}
    assert set(warnings) == {"cut.jpg", "gif.gif"}
    assert "of the picture was read" in warnings["cut.jpg"]
    assert "frame 2 was used" in warnings["gif.gif"]
    for text in (printed, (tmp_path / "set" / "report.txt").read_text()):
        assert all(f"{name}: {warning}" in text for name, warning in warnings.items())
