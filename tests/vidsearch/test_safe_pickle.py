"""Foreign pickles: arrays come in, code stays out."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from vidsearch.errors import ConfigError
from vidsearch.safe_pickle import load_plain_pickle


class _Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch should-not-exist",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_survive_every_protocol(tmp_path: Path, protocol: int) -> None:
    content = {b"clip": [[3, [1.0, 2.0, 3.0, 4.0], 0.9, np.float32(7), np.arange(4, dtype="f2")]]}
    path = tmp_path / "a.pickle"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    found = load_plain_pickle(path)
    assert found[b"clip"][0][:4] == [3, [1.0, 2.0, 3.0, 4.0], 0.9, np.float32(7)]
    assert found[b"clip"][0][4].tolist() == [0, 1, 2, 3]


def test_what_python_2_and_the_old_numpy_wrote(tmp_path: Path) -> None:
    # cPickle.dumps({"c": numpy.array([1., 2.], "f2")}, 2) as Python 2 spells it: text is bytes,
    # and the array's place is numpy.core.
    data = (
        b"\x80\x02}U\x01ccnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f2K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89U\x04\x00\x3c\x00\x40tbs."
    )
    path = tmp_path / "two.pickle"
    path.write_bytes(data)
    assert load_plain_pickle(path)["c"].tolist() == [1.0, 2.0]


def test_code_is_refused_by_name_and_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pickle"
    path.write_bytes(pickle.dumps({b"clip": [_Runs()]}))
    with pytest.raises(ConfigError, match=r"refused: it asks for (posix|nt)\.system"):
        load_plain_pickle(path)
    assert not (tmp_path / "should-not-exist").exists()


@pytest.mark.parametrize(
    "code",
    [b"cbuiltins\neval\n(S'1'\ntR.", b"c__builtin__\ngetattr\n.", b"cnumpy\nload\n.", b"Pid\n."],
)
def test_other_names_are_refused(tmp_path: Path, code: bytes) -> None:
    path = tmp_path / "evil.pickle"
    path.write_bytes(code)
    with pytest.raises(ConfigError, match="is refused"):
        load_plain_pickle(path)


def test_damaged_and_missing_files(tmp_path: Path) -> None:
    path = tmp_path / "cut.pickle"
    path.write_bytes(pickle.dumps([1, 2, 3])[:-3])
    with pytest.raises(ConfigError, match="no readable pickle"):
        load_plain_pickle(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_plain_pickle(tmp_path / "none.pickle")
