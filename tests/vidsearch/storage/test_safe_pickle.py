"""Untrusted pickles: arrays are read, code is refused."""

from __future__ import annotations

import io
import os
import pickle
import struct
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.errors import ConfigError
from vidsearch.storage.safe_pickle import load_plain_pickle, read_plain_pickle


class Reduced:
    """Object whose pickle calls a given function."""

    def __init__(self, *parts: object) -> None:
        self._parts = parts

    def __reduce__(self) -> tuple[object, ...]:
        return self._parts


def forged(kind: object, shape: tuple[int, ...], data: object) -> Reduced:
    """Return an array with a forged dtype and content."""
    rebuild = np.empty(0).__reduce__()[0]
    return Reduced(rebuild, (np.ndarray, (0,), b"b"), (1, shape, kind, False, data))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("encoding", ["latin1", "bytes"])
def test_plain_values_and_arrays(protocol: int, encoding: str) -> None:
    arrays = [
        np.arange(6, dtype=np.float16).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array([1, 2], ">i4"),
        np.array([True, False]),
        np.array(["ab", "é"]),
        np.array([b"\xff\xd8"]),
        np.array([[1, None], [b"x", 2.5]], object),
        np.empty((0, 4), np.float32),
    ]
    value = ({b"clip": [[3, [1.0, 2.0], 0.9, np.float32(7)]]}, [b"\xff\xd8", b""], [True], arrays)
    found = read_plain_pickle(io.BytesIO(pickle.dumps(value, protocol)), "x", encoding=encoding)
    assert found[:3] == value[:3]
    for array, expected in zip(found[3], arrays, strict=True):
        np.testing.assert_array_equal(array, expected)
        assert array.dtype.newbyteorder("=") == expected.dtype.newbyteorder("=")


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
    assert load_plain_pickle(path, encoding="bytes")[b"c"].tolist() == [1.0, 2.0]
    # What Python 2 wrote for (["\xff"], [True]), protocol 0.
    old = b"((lp0\nS'\\xff'\np1\na(lp2\nI01\natp3\n."
    assert read_plain_pickle(io.BytesIO(old), "x", encoding="bytes") == ([b"\xff"], [True])


@pytest.mark.parametrize(
    ("evil", "name"),
    [
        (Reduced(os.system, ("touch OWNED",)), r"(posix|nt)\.system"),
        (Reduced(eval, ("open('OWNED', 'w')",)), "eval"),
        (Reduced(getattr, (np.ndarray, "tofile")), "getattr"),
        (Reduced(np.load, ("x", None, True)), r"numpy\.load"),
        (np.save, r"numpy\.save"),
        (Path("OWNED"), "pathlib"),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_code_is_refused_by_name_and_does_not_run(
    evil: object, name: str, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "set.bin"
    path.write_bytes(pickle.dumps(([b""], [evil]), protocol))
    with pytest.raises(ConfigError, match=rf"set\.bin' is refused: it contains .*{name}"):
        load_plain_pickle(path)
    assert not (tmp_path / "OWNED").exists()


@pytest.mark.parametrize(
    "code",
    [b"cbuiltins\neval\n(S'1'\ntR.", b"c__builtin__\ngetattr\n.", b"cnumpy\nload\n.", b"Pid\n."],
)
def test_other_names_are_refused(code: bytes) -> None:
    with pytest.raises(ConfigError, match="is refused"):
        read_plain_pickle(io.BytesIO(code), "x")


ADDRESS = struct.pack("Q", 0x4141414141414141)
# A kind that says it holds objects, with flags that make NumPy take raw bytes for their addresses:
# reading one of them would crash the process, or worse.
POINTERS = Reduced(np.dtype, ("O", False, True), (3, "|", None, None, None, -1, -1, 0))
RECORDS = Reduced(
    np.dtype,
    ("V8", False, True),
    (3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 16),
)


@pytest.mark.parametrize(
    "kind", [POINTERS, RECORDS, np.dtype([("a", "i4")]), np.dtype("M8[s]"), np.dtype(("i4", 2))]
)
def test_forged_kinds_of_arrays_are_refused(kind: object) -> None:
    with pytest.raises(ConfigError, match=r"is refused|not a readable pickle"):
        read_plain_pickle(io.BytesIO(pickle.dumps(forged(kind, (1,), ADDRESS), 2)), "x")


@pytest.mark.parametrize(
    ("kind", "shape", "data"),
    [
        (np.dtype("f8"), (2,), ADDRESS),
        (np.dtype("f8"), (-1,), ADDRESS),
        (np.dtype("f8"), (1,), [1.0]),
        (np.dtype("O"), (2,), [1]),
        ("f8", (1,), ADDRESS),
        (np.dtype("f8"), (2**40,), ADDRESS),
    ],
)
def test_content_that_does_not_fit_is_damage(
    kind: object, shape: tuple[int, ...], data: object
) -> None:
    with pytest.raises(ConfigError, match="not a readable pickle"):
        read_plain_pickle(io.BytesIO(pickle.dumps(forged(kind, shape, data), 2)), "x")


def test_what_is_lent_cannot_be_changed() -> None:
    # GLOBAL numpy.dtype, then BUILD with slots {"_function": None} or a state.
    for build in (b"(N}(S'_function'\nNutb.", b"}S'x'\nNsb."):
        with pytest.raises(ConfigError, match="is refused: it contains a changed function"):
            read_plain_pickle(io.BytesIO(b"cnumpy\ndtype\n" + build), "x")
    assert read_plain_pickle(io.BytesIO(pickle.dumps(np.arange(2))), "x").tolist() == [0, 1]


def test_names_are_shown_harmlessly() -> None:
    with pytest.raises(ConfigError, match=r"contains x\\x1b\[31m\.y"):
        read_plain_pickle(io.BytesIO(b"cx\x1b[31m\ny\n."), "x")


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", pickle.dumps([1, 2, 3])[:-3]], ids=["empty", "text", "cut off"]
)
def test_damaged_files(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut.pickle"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="not a readable pickle"):
        load_plain_pickle(path)
    with pytest.raises(ConfigError, match=r"none\.pickle' cannot be read"):
        load_plain_pickle(tmp_path / "none.pickle")


GOOD = pickle.dumps(([b"ab", np.arange(3, dtype=np.float16)], {"a": np.float32(1)}, None), 2)


@given(st.data())
def test_any_damage_is_one_line(data: st.DataObject) -> None:
    content = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    try:
        read_plain_pickle(io.BytesIO(bytes(content)), "x")
    except ConfigError as error:
        assert "\n" not in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    "hostile",
    [
        b"\x80\x04Nr\xff\xff\xff\x0f.",  # LONG_BINPUT: place 268,435,455
        b"Np268435455\n.",  # PUT as text
        b"\x80\x04N\x95" + struct.pack("<Q", 1 << 40) + b".",  # FRAME
        b"\x80\x04\x8e" + struct.pack("<Q", 3 << 30) + b".",  # BINBYTES8
        b"\x80\x05\x96" + struct.pack("<Q", 3 << 30) + b".",  # BYTEARRAY8
        b"\x80\x04B\xff\xff\xff\xff.",  # BINBYTES
        b"\x80\x04X\xff\xff\xff\xff.",  # BINUNICODE
        b"\x80\x04\x8b\xff\xff\xff\x7f.",  # LONG4
        b"(cnumpy\ndtype\nl" + b"Nr\x00\x00\x00\x40.",  # behind arguments of two lines
    ],
)
@pytest.mark.parametrize("on_disk", [False, True])
def test_a_stated_size_beyond_the_file_takes_no_memory(
    tmp_path: Path, hostile: bytes, on_disk: bool
) -> None:
    path = tmp_path / "hostile.pkl"
    path.write_bytes(hostile)
    read = partial(load_plain_pickle, path)
    if not on_disk:
        read = partial(read_plain_pickle, io.BytesIO(hostile), "hostile")
    tracemalloc.start()
    try:
        with pytest.raises(ConfigError, match=r"not a readable pickle \(it states"):
            read()
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_pickle_is_read_from_the_position_of_its_stream() -> None:
    stream = io.BytesIO(b"\xff" * 7 + pickle.dumps([1, b"x" * 300]))
    stream.seek(7)
    assert read_plain_pickle(stream, "x") == [1, b"x" * 300]
