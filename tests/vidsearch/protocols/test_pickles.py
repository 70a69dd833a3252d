"""Pickles: what must be read is read, what wants to run is refused by name."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from vidsearch.errors import ConfigError
from vidsearch.protocols.pickles import load_pickle, loads_pickle


class Evil:
    def __init__(self, function: object, *arguments: object) -> None:
        self._does = function, arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self._does


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_and_arrays(protocol: int) -> None:
    value = ([b"\xff\xd8", b""], [True, False], np.arange(6, dtype=np.float16).reshape(2, 3))
    pictures, flags, array = loads_pickle(pickle.dumps(value, protocol), "x")
    assert (pictures, flags) == value[:2]
    np.testing.assert_array_equal(array, value[2])
    assert loads_pickle(pickle.dumps(np.float32(1.5), protocol), "x") == 1.5


def test_python_2_strings_are_bytes() -> None:
    # What Python 2 wrote for (["\xff"], [True]), protocol 0.
    assert loads_pickle(b"((lp0\nS'\\xff'\np1\na(lp2\nI01\natp3\n.", "x") == ([b"\xff"], [True])


@pytest.mark.parametrize(
    ("evil", "name"),
    [
        (Evil(os.system, "touch OWNED"), "posix.system"),
        (Evil(eval, "open('OWNED', 'w')"), "eval"),
        (Evil(getattr, np.ndarray, "tofile"), "getattr"),
        (Evil(np.load, "x", None, True), "numpy.load"),
        (np.save, "numpy.save"),
        (Path("OWNED"), "pathlib"),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_code_is_refused_by_name(
    evil: object, name: str, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "set.bin"
    path.write_bytes(pickle.dumps(([b""], [evil]), protocol))
    with pytest.raises(ConfigError, match=rf"set\.bin is refused: it wants to run .*{name}"):
        load_pickle(path)
    assert not (tmp_path / "OWNED").exists()


def test_names_are_shown_harmlessly() -> None:
    with pytest.raises(ConfigError, match=r"wants to run x\\x1b\[31m\.y"):
        loads_pickle(b"cx\x1b[31m\ny\n.", "x")


@pytest.mark.parametrize(
    "content",
    [b"", b"nonsense", pickle.dumps([1, 2, 3])[:-3], b"\x80\x04P1\n."],
    ids=["empty", "text", "cut off", "persistent"],
)
def test_damaged(content: bytes) -> None:
    with pytest.raises(ConfigError, match=r"not an intact pickle|is refused"):
        loads_pickle(content, "x")


def test_an_array_that_does_not_fit_is_damage() -> None:
    good = pickle.dumps(np.arange(4, dtype=np.uint8), 2)
    with pytest.raises(ConfigError, match="not an intact pickle"):
        loads_pickle(good.replace(b"K\x04\x85", b"K\x09\x85"), "x")


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.bin cannot be read \(No such file"):
        load_pickle(tmp_path / "none.bin")
