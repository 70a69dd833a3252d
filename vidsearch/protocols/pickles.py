"""Foreign pickles, read without running what is in them.

A pickle is a program: it may import any name and call it. Here the only names it may use are those
that NumPy needs to rebuild an array; any other is refused by name before anything is called.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from vidsearch.errors import ConfigError
from vidsearch.printable import printable


def _latin1(text: str, encoding: str) -> bytes:
    """Stand in for ``_codecs.encode``, by which Python 3 writes bytes into an old protocol."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"encoding {encoding!r}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """Stand in for ``bytes``, which old protocols call for an empty text only."""
    return b""


def _array_names() -> dict[tuple[str, str], Any]:
    # Taken from NumPy itself: where these functions live differs from version to version.
    rebuild = np.empty(0).__reduce__()[0]
    scalar = np.float64(0).__reduce__()[0]
    # A reducer for protocol 5 is asked for explicitly; plain __reduce__ is the older one.
    frombuffer = np.empty(1).__reduce_ex__(5)[0]
    names: dict[tuple[str, str], Any] = {
        ("__builtin__", "bytes"): _no_bytes,
        ("builtins", "bytes"): _no_bytes,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): _latin1,
    }
    for core in ("core", "_core"):
        names[(f"numpy.{core}.multiarray", "_reconstruct")] = rebuild
        names[(f"numpy.{core}.multiarray", "scalar")] = scalar
        names[(f"numpy.{core}.numeric", "_frombuffer")] = frombuffer
    return names


class _Restricted(pickle.Unpickler):
    _allowed = _array_names()

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._allowed[(module, name)]
        except KeyError:
            raise _RefusedError(f"{module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise _RefusedError(f"persistent object {pid!r}")


class _RefusedError(Exception):
    pass


def load_pickle(path: Path) -> Any:
    """Return what a pickle of plain values and NumPy arrays holds; Python 2's strings as bytes.

    Raises:
        ConfigError: It cannot be read, is damaged, or wants to use anything else.
    """
    shown = printable(str(path))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{shown} cannot be read ({error.strerror}); check the path") from error
    return loads_pickle(content, shown)


def loads_pickle(content: bytes, shown: str) -> Any:
    """As :func:`load_pickle`, from memory; errors call it ``shown``."""
    try:
        return _Restricted(io.BytesIO(content), encoding="bytes").load()
    except _RefusedError as refused:
        raise ConfigError(
            f"{shown} is refused: it wants to run {printable(str(refused))}, and only plain values "
            "and NumPy arrays may be in it; do not open it with other programs either"
        ) from None
    except Exception as error:
        # Damaged bytes make the machine underneath fail in any way it can.
        reason = printable(str(error).split("\n")[0] or type(error).__name__)
        raise ConfigError(
            f"{shown} is not an intact pickle ({reason}); copy or download it again"
        ) from error
