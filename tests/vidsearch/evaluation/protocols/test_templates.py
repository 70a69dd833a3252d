"""Lists of IJB: read exactly by both readers, or refused with file and line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidsearch.errors import ConfigError
from vidsearch.evaluation.protocols.lines import read_table
from vidsearch.evaluation.protocols.templates import (
    read_faces,
    read_media,
    read_subjects,
    read_template_pairs,
)

MEDIA = "1.jpg 1 69544\n2.jpg 1 69544\n3.jpg 12 7\n"
FACE = "1 2 3 4 5 6 7 8 9 10 0.99"
KNOWN = np.array([1, 12], np.int32)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", [MEDIA, MEDIA.replace(" ", "  "), MEDIA.replace("\n", " \r\n")])
def test_media(text: str, tmp_path: Path) -> None:
    found = read_media(write(tmp_path / "m.txt", text))
    assert found.images.tolist() == ["1.jpg", "2.jpg", "3.jpg"]
    assert found.templates.tolist() == [1, 1, 12]
    assert found.media.tolist() == [69544, 69544, 7]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no line; expected 'image template medium'"),
        ("\n\n", "has no line"),
        (
            "1.jpg 1 5\n\n2.jpg 1\n",
            r"m\.txt, line 3: expected 'image template medium'.*got '2.jpg 1'",
        ),
        ("1.jpg 1 x\n", "line 1: expected"),
        ("1.jpg 1 -5\n", "line 1: expected"),
        ("1.jpg 1 5\n2.jpg 1.5 5\n", "line 2: expected"),
        ("1.jpg 1 99999999999\n", "line 1: expected"),
        ("1.jpg,1,5\n", "line 1: expected"),
    ],
)
def test_media_malformed(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        read_media(write(tmp_path / "m.txt", text))


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.txt cannot be read"):
        read_media(tmp_path / "none.txt")
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe 1 2\n")
    with pytest.raises(ConfigError, match=r"is not .*text"):
        read_media(tmp_path / "b.txt")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_media(tmp_path)


def test_pairs(tmp_path: Path) -> None:
    found = read_template_pairs(write(tmp_path / "p.txt", "1 12 0\n1 1 1\n"), KNOWN)
    assert (found.first.tolist(), found.second.tolist()) == ([1, 1], [12, 1])
    assert found.issame.tolist() == [False, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 12 0\n1 1 2\n", r"p\.txt, line 2: expected 'template template 0 or 1'; got '1 1 2'"),
        ("1 12 0\n\n1 13 1\n", "line 3: expected templates of the media list; got '1 13 1'"),
        ("1 12 0\n", "both kinds; got 0 genuine and 1 impostor"),
        ("1 12\n", "line 1: expected"),
    ],
)
def test_pairs_malformed(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        read_template_pairs(write(tmp_path / "p.txt", text), KNOWN)


def test_faces(tmp_path: Path) -> None:
    images = np.array(["a.jpg", "b.jpg"], object)
    found = read_faces(write(tmp_path / "f.txt", f"a.jpg {FACE}\nb.jpg {FACE}\n"), images)
    assert found.landmarks.shape == (2, 5, 2)
    assert found.landmarks[1, 4].tolist() == [9, 10]
    assert found.scores.tolist() == [0.99, 0.99]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"a.jpg {FACE}\n", "must have the 2 lines of the media list; got 1"),
        (f"a.jpg {FACE}\nc.jpg {FACE}\n", "line 2: expected image 'b.jpg', as in the media list"),
        (f"a.jpg {FACE}\nb.jpg 1 2 3 0.9\n", "line 2: expected 'image x1 y1"),
        (f"a.jpg {FACE}\nb.jpg {FACE[:-4]}nan\n", "line 2: expected 'image x1 y1"),
        (f"a.jpg {FACE}\nb.jpg {FACE[:-4]}-0.5\n", "line 2: expected a detection score that is"),
        (f"a.jpg {FACE}\nb.jpg {'5 5 ' * 5}0.9\n", "line 2: expected .*five different points"),
    ],
)
def test_faces_malformed(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        read_faces(write(tmp_path / "f.txt", text), np.array(["a.jpg", "b.jpg"], object))


def test_subjects(tmp_path: Path) -> None:
    text = "TEMPLATE_ID,SUBJECT_ID,FILENAME\n12,900,img/1.jpg\n12,900,img/2.jpg\n1,901,img/3.jpg\n"
    found = read_subjects(write(tmp_path / "ijbc_1N_gallery_G1.csv", text), KNOWN)
    assert found.name == "ijbc_1N_gallery_G1"
    assert (found.templates.tolist(), found.subjects.tolist()) == ([12, 1], [900, 901])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3\n", "line 1: expected headings, among them TEMPLATE_ID"),
        ("TEMPLATE_ID,SUBJECT_ID\n", "names no template"),
        ("", "names no template"),
        ("TEMPLATE_ID,SUBJECT_ID\n12\n", "line 2: expected numbers under"),
        ("TEMPLATE_ID,SUBJECT_ID\n12,x\n", "line 2: expected numbers under"),
        ("TEMPLATE_ID,SUBJECT_ID\n12,1\n12,2\n", "line 3: expected subject 1, as before"),
        ("TEMPLATE_ID,SUBJECT_ID\n13,1\n", "line 2: expected a template of the media list"),
    ],
)
def test_subjects_malformed(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        read_subjects(write(tmp_path / "g.csv", text), KNOWN)


LINES = st.text(st.sampled_from('0123456789 .,\t\n\r\0"-+eé\x0b') | st.characters(), max_size=60)


@settings(max_examples=150)
@given(LINES)
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.txt"
    path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    readers = (
        lambda: read_media(path),
        lambda: read_template_pairs(path, KNOWN),
        lambda: read_faces(path, np.array(["a"], object)),
        lambda: read_subjects(path, KNOWN),
    )
    for read in readers:
        try:
            read()
        except ConfigError as error:
            assert "\n" not in str(error)  # noqa: PT017


ROWS = st.lists(
    st.tuples(
        st.text("abcé.%/\"'", min_size=1, max_size=5),
        st.integers(0, 2**31 - 1),
        st.floats(allow_nan=False, allow_infinity=False, width=32),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60)
@given(ROWS, st.sampled_from([" ", "  ", "\t"]), st.sampled_from(["\n", "\r\n"]))
def test_fast_and_slow_reading_agree(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, int, float]],
    blank: str,
    end: str,
) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.txt"
    text = "".join(f"{name}{blank}{number}{blank}{value!r}{end}" for name, number, value in rows)
    path.write_text(text, encoding="utf-8", newline="")
    found = read_table(path, {"name": "str", "number": "int32", "value": "float64"}, "a row")
    assert list(zip(*(column.tolist() for column in found.values()), strict=True)) == rows
