"""Text files of other systems: encodings, line ends, separators."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidsearch.errors import ConfigError
from vidsearch.text.decode import decode_text, read_csv_table

TEXT = "Zoë.mp4\nЮля.mp4\n名前.mp4\n"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        "\ufeff".encode("utf-16-be") + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.replace("\n", "\r\n").encode("utf-16"),
        "".join(f"\ufeff{line}" for line in TEXT.splitlines(keepends=True)).encode(),
    ],
    ids=lambda content: content[:6].hex(),
)
def test_a_text_is_the_same_in_every_encoding(content: bytes) -> None:
    assert decode_text(content, "list.txt") == TEXT


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "a\nZoë\n".encode("cp1252"),
            r"n.txt, line 2 is not UTF-8 text \(byte 4 is 0xEB\); save it as UTF-8",
        ),
        ("ab".encode("utf-16")[:-1], r"n.txt is not complete UTF-16-LE text \(byte 4\)"),
        (b"\x89PNG\r\n\x1a\n\0\0", r"n.txt is not a text file \(byte 0\); check the path"),
    ],
)
def test_another_encoding_is_refused_with_place_and_remedy(content: bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        decode_text(content, "n.txt")


def test_bytes_of_names_are_kept_on_request() -> None:
    assert decode_text(b"Zo\xeb", "n.txt", keep_bytes=True) == "Zo\udceb"


@pytest.mark.parametrize("content", [b"a/b\0c/d\0", b"v/a.mp4\0v/b.mp4\0"])
def test_a_list_separated_by_nul_is_not_taken_for_utf_16(content: bytes) -> None:
    assert decode_text(content, "n.txt") == content.decode()


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,x y\n2,\n",
        "a;b\n1;x y\n2;\n",
        "a\tb\n1\tx y\n2\t\n",
        "sep=;\na;b\n1;x y\n2;\n",
        '"sep=|"\na|b\n1|x y\n2\n',
        '"a";"b"\n"1";"x y"\n2\n',
        "a,b,,\n1,x y,,\n2\n,,,\n\n",
        '\n"a,";b\n1;x y\n2;\n'.replace('"a,"', "a"),
    ],
)
def test_tables_of_spreadsheets_have_the_same_cells(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    assert [cells for _, cells in read_csv_table(path).rows] == [
        ["a", "b"],
        ["1", "x y"],
        ["2", ""],
    ]


def test_quoted_cells_may_hold_separators_and_line_breaks(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b'"a,b,c";d\r\n"x;\r\ny";2\r\nz;3\r\n')
    rows = [(1, ["a,b,c", "d"]), (3, ["x;\ny", "2"]), (4, ["z", "3"])]
    assert list(read_csv_table(path).rows) == rows


def test_a_row_longer_than_the_headings_keeps_its_cells(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2,3\n")
    assert read_csv_table(path).rows[1] == (2, ["1", "2", "3"])


def test_an_open_quotation_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('a,b\n1,"2\n')
    with pytest.raises(ConfigError, match=r"t.csv, line 2: unexpected end of data; check the quot"):
        read_csv_table(path)
