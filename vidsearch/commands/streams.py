"""Standard streams and file names of the command: any locale, closed streams, full disks."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO, cast


def decode_names_as_utf8() -> None:
    """Start the interpreter again in UTF-8 mode if it decodes file names in another encoding.

    A catalog holds names as UTF-8. In the C locale without UTF-8 mode, or in a Latin-1 locale, the
    same bytes would be another name, and names of the catalog could not be opened.
    """
    if sys.flags.utf8_mode or sys.getfilesystemencoding() == "utf-8":
        return
    environment = {**os.environ, "PYTHONUTF8": "1"}
    if sys.stdout is not None:
        environment.setdefault("PYTHONIOENCODING", sys.stdout.encoding)
    arguments = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
    os.execve(sys.executable, arguments, environment)  # noqa: S606 (the same program)


@contextmanager
def standard_streams() -> Iterator[OutputStream]:
    """Make standard output and error usable in every state; yield standard output.

    A closed descriptor is opened on the null device, so that no file of ours gets its number.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    before = sys.stdout, sys.stderr
    output = OutputStream(sys.stdout)
    sys.stdout, sys.stderr = cast("tuple[TextIO, TextIO]", (output, _ErrorStream(sys.stderr)))
    try:
        yield output
    finally:
        sys.stdout, sys.stderr = before


class OutputStream(io.TextIOBase):
    """Standard output of any encoding, which keeps the error of a failed write.

    Characters that the encoding lacks are printed as backslash escapes. The attribute ``buffer``
    is absent, so that no library writes past this object.

    Args:
        stream: The stream of the interpreter; None if it was closed when the program started.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.failure: OSError | None = None
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Encoding of the stream."""
        return self._stream.encoding if self._stream is not None else "utf-8"

    def isatty(self) -> bool:
        """Return True for a terminal."""
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor of the stream."""
        return self._stream.fileno() if self._stream is not None else super().fileno()

    def write(self, text: str) -> int:
        """Write text; an error is kept in ``failure`` and raised."""
        with self._failures():
            if self._stream is None:
                raise OSError(errno.EBADF, "it is closed")
            return self._stream.write(text)

    def write_utf8(self, text: str) -> None:
        """Write text as UTF-8, whatever the encoding of the stream; errors as for ``write``."""
        buffer = getattr(self._stream, "buffer", None)
        if buffer is None:
            self.write(text)
            return
        with self._failures():
            self.flush()
            buffer.write(text.encode())

    def flush(self) -> None:
        """Write what is left in the buffers; errors as for ``write``."""
        with self._failures():
            if self._stream is not None:
                self._stream.flush()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.failure = error
            raise

    def discard(self) -> None:
        """Send what is left in the buffers to the null device, so that the exit has no error."""
        if self._stream is not None:
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


def write_utf8(text: str) -> None:
    """Write text to standard output, as UTF-8 where the command runs in ``standard_streams``.

    Raises:
        OSError: Standard output cannot be written.
    """
    if isinstance(sys.stdout, OutputStream):
        sys.stdout.write_utf8(text)
    else:
        sys.stdout.write(text)


class _ErrorStream(OutputStream):
    """Standard error; an error while writing it cannot be reported and is ignored."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError:
            self.discard()
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            self.discard()
