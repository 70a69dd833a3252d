"""Reading other people's pickles: plain containers and NumPy arrays, nothing that could run code.

A pickle is a program: loading one with the standard loader runs whatever it says. This loader knows
the few names that arrays need and refuses every other by its name, before anything of it runs.
NumPy's own functions are not trusted with what a stranger wrote either: a forged ``dtype`` makes
them take bytes for pointers. So each name stands for something of ours that builds arrays of
numbers, truth values and texts, and arrays of objects that were themselves read here.
"""

from __future__ import annotations

import io
import math
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from vidsearch.errors import ConfigError
from vidsearch.text.printable import printable

_PLAIN = re.compile(r"[<>=|]?(b1|[iu][1248]|f[248]|c8|c16|[SU][0-9]{0,9}|O8?)", re.ASCII)


def load_plain_pickle(path: str | os.PathLike[str], *, encoding: str = "latin1") -> Any:
    """Return the content of a pickle that holds containers, numbers, text and NumPy arrays only.

    Args:
        path: The file.
        encoding: How text that Python 2 wrote is read; ``latin1`` makes it text, ``bytes`` keeps it
            as bytes.

    Raises:
        ConfigError: The file cannot be read, is no pickle, or asks for anything else; what it asked
            for is named and was not run.
    """
    shown = f"'{printable(os.fspath(path))}'"
    try:
        with Path(path).open("rb") as stream:
            return _load(stream, shown, encoding)
    except OSError as error:
        raise ConfigError(f"{shown} cannot be read ({error.strerror}); check the path") from error


def loads_plain_pickle(content: bytes, shown: str, *, encoding: str = "latin1") -> Any:
    """As :func:`load_plain_pickle`, from memory; errors call it ``shown``."""
    return _load(io.BytesIO(content), shown, encoding)


def _load(stream: Any, shown: str, encoding: str) -> Any:
    try:
        return _Unpickler(stream, encoding=encoding).load()
    except _RefusedError as refused:
        raise ConfigError(
            f"pickle {shown} is refused: it asks for {printable(str(refused))}, which could run "
            "code; only NumPy arrays and plain containers are read"
        ) from None
    except OSError:
        raise
    except Exception as error:
        # Damaged pickles answer with almost any exception.
        reason = printable(str(error).partition("\n")[0] or type(error).__name__)
        raise ConfigError(
            f"{shown} is no readable pickle ({reason}); copy or download it again"
        ) from error


class _RefusedError(Exception):
    """The pickle asks for something that no array needs."""


class _StandIn:
    """What a pickle gets instead of a function: it can be called and nothing else."""

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


class _Kind:
    """Stands in for a ``numpy.dtype``; what a pickle says of its inside is checked, not obeyed."""

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
        shape, kind, fortran, data = state[-4:]
        dtype = _kind(kind).dtype
        content = data.encode("latin1") if isinstance(data, str) else data
        # NumPy believes all this; a length that is wrong would make it read what is not there.
        held = list if dtype.hasobject else bytes
        sides = isinstance(shape, tuple) and all(type(side) is int and side >= 0 for side in shape)
        if not sides or type(content) is not held:
            raise pickle.UnpicklingError("an array without shape or content")
        needed = math.prod(shape) * (1 if dtype.hasobject else dtype.itemsize)
        if len(content) != needed:
            raise pickle.UnpicklingError(f"an array of {needed} bytes with {len(content)}")
        super().__setstate__((1, shape, dtype, bool(fortran), content))  # type: ignore[arg-type]


def _kind(found: Any) -> _Kind:
    if not isinstance(found, _Kind):
        raise pickle.UnpicklingError("an array of no kind")
    return found


def _reconstruct(*_: Any) -> _Array:
    return np.ndarray.__new__(_Array, (0,), np.int8)


def _scalar(kind: Any, data: Any) -> Any:
    content = data.encode("latin1") if isinstance(data, str) else data
    return np.frombuffer(content, _kind(kind).dtype)[0]


def _from_buffer(buffer: Any, kind: Any, shape: Any, order: str, axes: Any = None) -> Any:
    flat = np.frombuffer(bytes(buffer), _kind(kind).dtype)
    if axes is not None:
        return flat.reshape(shape).transpose(axes).copy()
    return flat.reshape(shape, order="F" if order == "F" else "C").copy()


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    """Stand in for ``_codecs.encode``: how protocol 2 spells bytes."""
    if encoding not in ("latin1", "latin-1"):
        raise _RefusedError(f"_codecs.encode to {encoding!r}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """Stand in for ``bytes``, which old protocols call for an empty text only."""
    return b""


def _names() -> dict[tuple[str, str], Any]:
    names: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): _StandIn(_reconstruct),
        ("numpy", "dtype"): _StandIn(_Kind),
        ("_codecs", "encode"): _StandIn(_latin1),
        ("__builtin__", "bytes"): _StandIn(_no_bytes),
        ("builtins", "bytes"): _StandIn(_no_bytes),
    }
    for core in ("numpy.core", "numpy._core"):  # NumPy 2 moved it; old files name the old place
        names[(f"{core}.multiarray", "_reconstruct")] = _StandIn(_reconstruct)
        names[(f"{core}.multiarray", "scalar")] = _StandIn(_scalar)
        names[(f"{core}.numeric", "_frombuffer")] = _StandIn(_from_buffer)
    return names


_KNOWN = _names()


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _KNOWN[(module, name)]
        except KeyError:
            raise _RefusedError(f"{module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise _RefusedError(f"a persistent object {pid!r}")
