"""Safe reader of untrusted pickles: plain containers and NumPy arrays, no code execution.

A pickle is a program, and the standard loader runs it. This loader allows the few functions that
arrays need and rejects every other function by name, before it runs.

NumPy's own functions are not safe with untrusted arguments: a forged ``dtype`` makes them interpret
bytes as pointers. Each allowed name is therefore replaced by a function of this module. These build
arrays of numbers, booleans and text, and arrays of objects that were read here.
"""

from __future__ import annotations

import io
import math
import mmap
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np

from vidsearch.errors import ConfigError
from vidsearch.storage.pickle_sizes import check_pickle_sizes
from vidsearch.text.printable import one_line, printable

_PLAIN = re.compile(r"[<>=|]?(b1|[iu][1248]|f[248]|c8|c16|[SU][0-9]{0,9}|O8?)", re.ASCII)


def load_plain_pickle(path: str | os.PathLike[str], *, encoding: str = "latin1") -> Any:
    """Return the content of a pickle that holds containers, numbers, text and NumPy arrays only.

    Args:
        path: The file.
        encoding: Encoding of text that Python 2 wrote: ``latin1`` gives text, ``bytes`` gives
            bytes.

    Raises:
        ConfigError: The file cannot be read, is not a pickle, or calls another function; the
            message names the function, which did not run.
    """
    name = f"'{printable(os.fspath(path))}'"
    try:
        with Path(path).open("rb") as stream:
            return read_plain_pickle(stream, name, encoding=encoding)
    except OSError as error:
        raise ConfigError(f"{name} cannot be read ({error.strerror}); check the path") from error


def read_plain_pickle(stream: BinaryIO, name: str, *, encoding: str = "latin1") -> Any:
    """Return the content of an open pickle, as ``load_plain_pickle`` does.

    Args:
        stream: The pickle.
        name: Name of the pickle for messages.
        encoding: Encoding of text that Python 2 wrote.

    Raises:
        ConfigError: As for ``load_plain_pickle``.
        OSError: The stream cannot be read.
    """
    try:
        return _Unpickler(_checked_sizes(stream), encoding=encoding).load()
    except _RefusedError as refused:
        raise ConfigError(
            f"pickle {name} is refused: it contains {printable(str(refused))}, which could run "
            "code; only NumPy arrays and plain containers are read"
        ) from None
    except OSError:
        raise
    except Exception as error:
        # A damaged pickle can raise almost any exception.
        raise ConfigError(
            f"{name} is not a readable pickle ({one_line(error)}); copy or download it again"
        ) from error


def _checked_sizes(stream: BinaryIO) -> BinaryIO:
    """Return the stream, or a copy of one that cannot be read twice, at the same position."""
    if not stream.seekable():
        stream = io.BytesIO(stream.read())
    begin = stream.tell()
    try:
        mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):  # in memory, or empty
        check_pickle_sizes(stream.read())
        stream.seek(begin)
        return stream
    with mapped:
        check_pickle_sizes(mapped, begin)
    return stream


class _RefusedError(Exception):
    """The pickle calls a function that no array needs."""


class _Callable:
    """Callable that a pickle cannot change; replaces an allowed function."""

    __slots__ = ("_function",)
    _function: Callable[..., Any]

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise _RefusedError("a changed function")

    def __setstate__(self, state: Any) -> NoReturn:
        raise _RefusedError("a changed function")


class _Dtype:
    """Replacement for ``numpy.dtype`` that checks the state given by a pickle."""

    __slots__ = ("_order", "_text")

    def __init__(self, text: Any, *_: Any) -> None:
        text = text.decode("latin1") if isinstance(text, bytes) else text
        if not isinstance(text, str) or not _PLAIN.fullmatch(text):
            raise _RefusedError(f"an array of {text!r}")
        self._text = text.lstrip("<>=|")
        self._order = text[: len(text) - len(self._text)] or "="

    def __setstate__(self, state: Any) -> None:
        order = state[1].decode("latin1") if isinstance(state[1], bytes) else state[1]
        if order not in ("<", ">", "=", "|") or any(part is not None for part in state[2:5]):
            raise _RefusedError("an array of records")
        self._order = order

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self._order + self._text)


class _Array(np.ndarray[Any, Any]):
    def __setstate__(self, state: Any) -> None:
        shape, pickled_dtype, fortran, data = state[-4:]
        dtype = _checked_dtype(pickled_dtype).dtype
        content = data.encode("latin1") if isinstance(data, str) else data
        # NumPy does not check the length: a wrong one makes it read beyond the content.
        container = list if dtype.hasobject else bytes
        sides = isinstance(shape, tuple) and all(type(side) is int and side >= 0 for side in shape)
        if not sides or type(content) is not container:
            raise pickle.UnpicklingError("an array without shape or content")
        needed = math.prod(shape) * (1 if dtype.hasobject else dtype.itemsize)
        if len(content) != needed:
            raise pickle.UnpicklingError(f"an array of {needed} bytes with {len(content)}")
        super().__setstate__((1, shape, dtype, bool(fortran), content))  # type: ignore[arg-type]


def _checked_dtype(dtype: Any) -> _Dtype:
    if not isinstance(dtype, _Dtype):
        raise pickle.UnpicklingError("an array without a dtype")
    return dtype


def _reconstruct(*_: Any) -> _Array:
    return np.ndarray.__new__(_Array, (0,), np.int8)


def _scalar(pickled_dtype: Any, data: Any) -> Any:
    content = data.encode("latin1") if isinstance(data, str) else data
    return np.frombuffer(content, _checked_dtype(pickled_dtype).dtype)[0]


def _from_buffer(buffer: Any, pickled_dtype: Any, shape: Any, order: str, axes: Any = None) -> Any:
    flat = np.frombuffer(bytes(buffer), _checked_dtype(pickled_dtype).dtype)
    if axes is not None:
        return flat.reshape(shape).transpose(axes).copy()
    return flat.reshape(shape, order="F" if order == "F" else "C").copy()


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    """Replacement for ``_codecs.encode``, which protocol 2 uses for bytes."""
    if encoding not in ("latin1", "latin-1"):
        raise _RefusedError(f"_codecs.encode to {encoding!r}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """Replacement for ``bytes``, which old protocols call for empty bytes only."""
    return b""


def _names() -> dict[tuple[str, str], Any]:
    names: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): _Callable(_reconstruct),
        ("numpy", "dtype"): _Callable(_Dtype),
        ("_codecs", "encode"): _Callable(_latin1),
        ("__builtin__", "bytes"): _Callable(_no_bytes),
        ("builtins", "bytes"): _Callable(_no_bytes),
    }
    for core in ("numpy.core", "numpy._core"):  # the module before and since NumPy 2
        names[(f"{core}.multiarray", "_reconstruct")] = _Callable(_reconstruct)
        names[(f"{core}.multiarray", "scalar")] = _Callable(_scalar)
        names[(f"{core}.numeric", "_frombuffer")] = _Callable(_from_buffer)
    return names


_ALLOWED = _names()


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[(module, name)]
        except KeyError:
            raise _RefusedError(f"{module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise _RefusedError(f"a persistent object {pid!r}")
