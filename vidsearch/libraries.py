"""Libraries that may be missing or broken: one error that names the command that mends it."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Final

from vidsearch.errors import InstallationError
from vidsearch.text.printable import one_line

INDEXING: Final = ("cv2", "av", "onnxruntime", "faiss", "pyarrow", "deltalake")
"""Modules without which no video can be indexed."""

SEARCHING: Final = ("cv2", "onnxruntime", "faiss", "pyarrow", "deltalake")
"""Modules without which no photo can be searched for."""

HEADLESS_OPENCV: Final = "pip install --force-reinstall --no-deps opencv-python-headless"
"""Replaces the files of opencv-python, which need libGL, by those of the headless build."""

# Import name -> command. A module that is not listed is installed under its own name.
_COMMANDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cv2": HEADLESS_OPENCV,
        "faiss": "pip uninstall --yes faiss-cpu faiss-gpu-cu12 && pip install faiss-cpu",
        "onnxruntime": (
            "pip uninstall --yes onnxruntime onnxruntime-gpu && pip install onnxruntime"
        ),
        "torch": "pip install torch tensorboard",
        "insightface": f"pip install insightface && {HEADLESS_OPENCV}",
        "PIL": "pip install pillow",
        "skimage": "pip install scikit-image",
        "sklearn": "pip install scikit-learn",
        "yaml": "pip install pyyaml",
    }
)

_DECORD_PLATFORMS: Final = (("linux", "x86_64"), ("win32", "AMD64"))

# Start of a shared library's name -> package of Debian and Ubuntu.
_SYSTEM_PACKAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "libGL": "libgl1",
        "libgthread": "libglib2.0-0",
        "libglib": "libglib2.0-0",
        "libxcb": "libxcb1",
        "libX11": "libx11-6",
        "libgomp": "libgomp1",
        "libstdc++": "libstdc++6",
        "libz": "zlib1g",
    }
)
_SHARED_LIBRARY = re.compile(r"(lib[\w+.-]*\.so(?:\.\d+)*): cannot open shared object file")


def load(module: str) -> ModuleType:
    """Import a module.

    Raises:
        InstallationError: The module is missing or cannot be loaded.
    """
    with needed(module):
        return import_module(module)


def require(modules: Iterable[str]) -> None:
    """Import every module, so that a broken installation is found before any work.

    Raises:
        InstallationError: A module is missing or cannot be loaded.
    """
    for module in modules:
        load(module)


@contextmanager
def needed(module: str) -> Iterator[None]:
    """Turn every exception of the imports in the block into an ``InstallationError``.

    Two builds of a library in one folder raise other exceptions than ``ImportError``, too.
    """
    try:
        yield
    except Exception as error:
        raise installation_error(module, error) from error


def installation_error(module: str, error: Exception) -> InstallationError:
    """Return the error for a module whose import raised ``error``."""
    shared_library = missing_shared_library(error)
    if shared_library is not None:
        return InstallationError(
            f"{module} cannot be loaded: {shared_library} is not on this machine; "
            f"run: {library_command(module, shared_library)}",
            module=module,
            shared_library=shared_library,
        )
    missing = missing_module(error)
    if missing is not None:
        package = missing.split(".")[0]
        remedy = f"run: {command_for(package)}"
        if package == "decord" and (sys.platform, platform.machine()) not in _DECORD_PLATFORMS:
            remedy = "it has packages for Linux and Windows on x86-64 only; use the pyav decoder"
        return InstallationError(f"{package} is not installed; {remedy}", module=package)
    return InstallationError(
        f"{module} cannot be loaded ({one_line(error)}); run: {command_for(module)}", module=module
    )


def missing_shared_library(error: Exception) -> str | None:
    """Return the library of the system that the loader did not find; None for other errors."""
    found = _SHARED_LIBRARY.search(str(error))
    return found[1] if found is not None else None


def missing_module(error: Exception) -> str | None:
    """Return the module that is not installed; None for other errors."""
    return error.name if isinstance(error, ModuleNotFoundError) and error.name else None


def command_for(module: str) -> str:
    """Return the command that installs a module, or installs it again.

    Example:
        >>> command_for("scipy")
        'pip install scipy'
    """
    return _COMMANDS.get(module, f"pip install {module}")


def library_command(module: str, shared_library: str) -> str:
    """Return the command for a module that needs a missing library of the system.

    Example:
        >>> library_command("sklearn", "libgomp.so.1")
        'apt-get install libgomp1'
    """
    if module == "cv2":
        return HEADLESS_OPENCV
    start = re.split(r"[-.]", shared_library)[0]
    package = _SYSTEM_PACKAGES.get(start)
    return f"apt-get install {package}" if package is not None else "vidsearch doctor"
