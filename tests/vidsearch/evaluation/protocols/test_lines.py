"""Protocol lists: fast and slow reading accept the same lines, and errors name the line."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from vidsearch.errors import ConfigError
from vidsearch.evaluation.protocols.lines import (
    Kind,
    file_sha256,
    line_of_row,
    malformed,
    read_lines,
    read_table,
)


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "list.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def column(path: Path, kind: Kind) -> list[object]:
    found: list[object] = read_table(path, {"a": kind}, "one value")["a"].tolist()
    return found


def test_blank_lines_count_but_are_not_lines(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeffa\r\n\r\n  \t\nb c \n")
    assert list(read_lines(path)) == [(1, "a"), (4, "b c ")]
    assert line_of_row(path, 1) == (4, "b c ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\nb\xff\n", r"list.txt, line 2 is not UTF-8 text \(byte 3 is 0xFF\)"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_text(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = write(tmp_path, content) if content is not None else tmp_path / "list.txt"
    with pytest.raises(ConfigError, match=message):
        list(read_lines(path))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("float64", "1,5"),
        ("float64", "half"),
        ("int8", "128"),
        ("int8", "-1"),
        ("int32", "1.0"),
        ("int32", "3000000000"),
    ],
)
@pytest.mark.parametrize("blanks", ["", " "])
def test_values_that_no_protocol_means(tmp_path: Path, kind: Kind, text: str, blanks: str) -> None:
    # A blank at the end of the first line makes the reader take the slow way.
    path = write(tmp_path, f"1{blanks}\n{text}\n")
    with pytest.raises(ConfigError, match=r"list.txt, line 2: expected one value; got "):
        column(path, kind)


@pytest.mark.parametrize("text", ["1 2\n3  4\n", "1 2\n3 4\n", "1\t2\n3 4", "1 2\r\n3 4\r\n"])
def test_any_run_of_blanks_separates(tmp_path: Path, text: str) -> None:
    found = read_table(write(tmp_path, text), {"a": "int32", "b": "int32"}, "two")
    assert (found["a"].tolist(), found["b"].tolist()) == ([1, 3], [2, 4])
    assert found["a"].dtype == "int32"


@pytest.mark.parametrize("text", ["NA\nnull\n", '"a"\n#b\n'])
def test_names_that_csv_readers_change(tmp_path: Path, text: str) -> None:
    assert column(write(tmp_path, text), "str") == text.split()


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_a_list_without_a_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="has no line; expected one value"):
        column(write(tmp_path, text), "str")


def test_a_line_with_a_field_too_many_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 3: expected one value; got 'c d'"):
        column(write(tmp_path, "a\nb\nc d\n"), "str")


def test_a_long_line_is_cut_and_cannot_steer_a_terminal(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        malformed(tmp_path / "x\n", 7, "\x1b[31m" + "y" * 300, "a name")
    assert len(str(caught.value)) < 250 + len(str(tmp_path))
    assert "\x1b" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_hash_of_a_list(tmp_path: Path) -> None:
    path = write(tmp_path, "pairs")
    assert file_sha256(path) == hashlib.sha256(b"pairs").hexdigest()
    with pytest.raises(ConfigError, match="cannot be read"):
        file_sha256(tmp_path / "gone")
