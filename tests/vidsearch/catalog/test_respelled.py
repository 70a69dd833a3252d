"""Files that a share presents with composed letters once and with decomposed letters later."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.synthetic_catalog import make_video
from vidsearch.catalog import Catalog, CatalogWriter, KnownFile
from vidsearch.catalog.maintenance import adopt_spellings, remove_replaced
from vidsearch.text.names import portable_name

NFC, NFD = "Zo\u00eb d\u00e9cor", "Zoe\u0308 de\u0301cor"


def add(catalog: Catalog, number: int, path: Path) -> None:
    path.write_bytes(b"film %d" % number)
    with CatalogWriter(catalog) as writer:
        writer.add(make_video(number, tracks=1, status="indexed", uri=str(path)))


@pytest.mark.parametrize("ending", [".mp4", "'s\n.mp4", "\udcff.mp4"])
@pytest.mark.parametrize(("before", "now"), [(NFC, NFD), (NFD, NFC)])
def test_a_file_has_one_row_and_its_present_name(
    catalog: Catalog, tmp_path: Path, before: str, now: str, ending: str
) -> None:
    old, new = tmp_path / f"{before}{ending}", tmp_path / f"{now}{ending}"
    add(catalog, 0, old)
    add(catalog, 1, tmp_path / "other é.mp4")
    old.rename(new)
    present = [str(new), str(tmp_path / "other é.mp4")]
    assert adopt_spellings(catalog, present) == 1
    assert set(catalog.known_files()) == set(present)
    assert catalog.known_files()[str(new)].video_id == "video-0000"
    assert catalog.locations(["video-0000"]) == {"video-0000": [str(new)]}
    assert adopt_spellings(catalog, present) == 0


def test_two_files_of_one_name_stay_two(catalog: Catalog, tmp_path: Path) -> None:
    # Possible on Linux: the two names have different bytes.
    add(catalog, 0, tmp_path / NFC)
    (tmp_path / NFD).write_bytes(b"another film")
    assert adopt_spellings(catalog, [str(tmp_path / NFD)]) == 0
    assert adopt_spellings(catalog, [str(tmp_path / NFC), str(tmp_path / NFD)]) == 0
    assert set(catalog.known_files()) == {str(tmp_path / NFC)}


def test_a_drive_on_which_both_spellings_open_one_file(catalog: Catalog, tmp_path: Path) -> None:
    add(catalog, 0, tmp_path / NFC)
    (tmp_path / NFD).hardlink_to(tmp_path / NFC)
    assert adopt_spellings(catalog, [str(tmp_path / NFD)]) == 1
    assert set(catalog.known_files()) == {str(tmp_path / NFD)}


def test_a_replaced_file_is_found_under_its_new_spelling(catalog: Catalog, tmp_path: Path) -> None:
    add(catalog, 0, tmp_path / NFC)
    (tmp_path / NFC).rename(tmp_path / NFD)
    adopt_spellings(catalog, [str(tmp_path / NFD)])
    with CatalogWriter(catalog) as writer:
        writer.add(make_video(1, status="indexed", uri=str(tmp_path / NFD)))
    assert remove_replaced(catalog) == 1
    assert set(catalog.video_statuses()) == {"video-0001"}


def test_plain_names_cost_no_read(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Catalog, "known_files", None)
    assert adopt_spellings(catalog, ["/a/b.mp4", "s3://bucket/é.mp4"]) == 0


def test_the_stored_form_is_portable(catalog: Catalog, tmp_path: Path) -> None:
    add(catalog, 0, tmp_path / f"{NFC}\udcff")
    (tmp_path / f"{NFC}\udcff").rename(tmp_path / f"{NFD}\udcff")
    new = str(tmp_path / f"{NFD}\udcff")
    adopt_spellings(catalog, [new])
    assert catalog.table("files").read()["uri"].to_pylist() == [portable_name(new)]
    file = KnownFile(new, 1000, 1_700_000_000_000_000_000, "video-0000")
    assert catalog.known_files() == {new: file}
