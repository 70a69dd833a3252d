"""Arbitrary list and vector files are read, or refused with one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidsearch.errors import ConfigError
from vidsearch.evaluation.iqiyi.lists import read_lists, score
from vidsearch.evaluation.protocols.pairs import read_bin, read_lfw_pairs, read_ytf
from vidsearch.evaluation.protocols.vectors import open_vector_file, read_names, read_noise

# Pieces that look like the real thing, so that more than the first line is reached.
PIECES = st.sampled_from(
    [
        "1",
        "2",
        "10",
        "300",
        "Ann",
        "Bob",
        "Ann/0",
        "..",
        "a.jpg",
        "\t",
        " ",
        ",",
        ", ",
        "\n",
        "\r",
        "\n",
        "\0",
        "é",
        "9" * 20,
        "-1",
        "²",
        "\u0661",
        "\ufeff",
        "\x1b[31m",
        "\u2028",
        "",
    ]
)
TEXTS = st.lists(PIECES, max_size=24).map("".join) | st.text(max_size=40)
READERS: dict[str, Callable[[Path], object]] = {
    "lfw": lambda path: read_lfw_pairs(path, path.parent),
    "ytf": lambda path: read_ytf(path, path.parent),
    "names": lambda path: read_names(path, 3, subjects=True),
    "noise": lambda path: read_noise([path], ["a.jpg", "Ann"]),
    "iqiyi": lambda path: score(read_lists(path), read_lists(path)),
}


@settings(max_examples=60)
@pytest.mark.parametrize("name", list(READERS))
@given(text=TEXTS)
def test_any_text(tmp_path_factory: pytest.TempPathFactory, name: str, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / f"fuzzed-{name}.txt"
    path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    try:
        READERS[name](path)
    except ConfigError as error:
        shown = str(error)
        assert "\n" not in shown
        assert "\x1b" not in shown


@settings(max_examples=60)
@given(st.binary(max_size=60), st.integers(0, 200), st.sampled_from([".npy", ".parquet", ".bin"]))
def test_any_bytes(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, at: int, ending: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"fuzzed{ending}"
    np.save(path.with_suffix(".npy"), np.ones((2, 3), np.float32))
    whole = path.with_suffix(".npy").read_bytes()
    path.write_bytes(whole[:at] + content + whole[at + len(content) :])
    try:
        if ending == ".bin":
            read_bin(path)
        else:
            opened = open_vector_file(path)
            assert all(block.shape[1] == opened.dim for _, block in opened.blocks())
    except ConfigError as error:
        assert "\n" not in str(error)  # noqa: PT017
