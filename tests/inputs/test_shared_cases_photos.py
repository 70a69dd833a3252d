"""Photos that were passed over or refused in reports about software of this kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vidsearch.commands.main import main
from vidsearch.faces.template import normalise
from vidsearch.models.registry import LoadedPack
from vidsearch.photo.query_warning import WarningCode
from vidsearch.search.query import query_face

pytestmark = pytest.mark.media


@pytest.fixture
def cases(media: Path) -> Path:
    folder = media.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"inputs of reports not found at {folder}")
    return folder


@pytest.mark.parametrize("name", ["photo_black_first.gif", "photo_black_first.webp"])
def test_an_animation_that_begins_black(
    cases: Path, media: Path, models: LoadedPack, name: str
) -> None:
    photo = media / "photos" / "face_recognition" / "lin-manuel-miranda.png"
    right, found = (query_face(str(path), models) for path in (photo, cases / name))
    cosine = normalise(right.embedding[None])[0] @ normalise(found.embedding[None])[0]
    assert cosine > 0.7
    assert WarningCode.FRAME_USED in {warning.code for warning in found.warnings}


def test_a_folder_with_heic_jfif_avif_and_a_loose_photo(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "set")
    command = ["prepare", str(cases / "prepare_raw"), out, "--workers", "1", "--held-out", "0"]
    assert main([*command, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["photos"], report["faces"]["train"]) == (12, 11)
    assert report["identities"]["train"] == 3
    assert [Path(row["source"]).name for row in report["dropped"]] == ["loose.jpg"]
