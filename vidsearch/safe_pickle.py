"""Reading other people's pickles: plain containers and NumPy arrays, nothing that could run code.

A pickle is a program: loading one with the standard loader runs whatever it says. This loader knows
the few names that arrays need and refuses every other by its name, before anything of it runs.
"""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from vidsearch.errors import ConfigError


class _RefusedError(Exception):
    """The pickle asks for something that no array needs."""


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    """Stand in for ``_codecs.encode``: how protocol 2 spells bytes."""
    if encoding != "latin1":
        raise _RefusedError(f"_codecs.encode to {encoding!r}")
    return text.encode("latin1")


def _allowed() -> dict[tuple[str, str], Any]:
    # NumPy 2 moved its core; old files name the old place.
    multiarray = import_module("numpy._core.multiarray")
    numeric = import_module("numpy._core.numeric")

    functions: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): _latin1,
    }
    for core in ("numpy.core", "numpy._core"):
        functions[(f"{core}.multiarray", "_reconstruct")] = multiarray._reconstruct  # noqa: SLF001
        functions[(f"{core}.multiarray", "scalar")] = multiarray.scalar
        functions[(f"{core}.numeric", "_frombuffer")] = numeric._frombuffer  # noqa: SLF001
    return functions


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: io.BufferedIOBase, encoding: str) -> None:
        super().__init__(stream, encoding=encoding)
        self._known = _allowed()

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        try:
            found: Callable[..., Any] = self._known[(module, name)]
        except KeyError:
            raise _RefusedError(f"{module}.{name}") from None
        return found

    def persistent_load(self, pid: Any) -> Any:
        raise _RefusedError(f"a persistent object {pid!r}")


def load_plain_pickle(path: str | os.PathLike[str], *, encoding: str = "latin1") -> Any:
    """Return the content of a pickle that holds containers, numbers, text and NumPy arrays only.

    Args:
        path: The file.
        encoding: How text that Python 2 wrote is read; ``latin1`` is what NumPy's arrays need,
            ``bytes`` keeps such text as bytes.

    Raises:
        ConfigError: The file cannot be read, is no pickle, or asks for anything else; what it asked
            for is named and was not run.
    """
    shown = repr(os.fspath(path))
    try:
        with Path(path).open("rb") as stream:
            return _Unpickler(stream, encoding).load()
    except _RefusedError as refused:
        raise ConfigError(
            f"pickle {shown} is refused: it asks for {refused}, which could run code; only NumPy "
            "arrays and plain containers are read"
        ) from None
    except OSError as error:
        raise ConfigError(f"{shown} cannot be read ({error.strerror}); check the path") from error
    except Exception as error:
        # Damaged pickles answer with almost any exception.
        raise ConfigError(
            f"{shown} is no readable pickle ({type(error).__name__}); copy or download it again"
        ) from error
