"""The ``vidsearch`` command: parse, build a config, call one function, print.

Packages built on vidsearch add their commands through the entry-point group ``vidsearch.commands``
(a function that takes the sub-parsers), so that imports keep pointing one way.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points

from vidsearch import __version__
from vidsearch.commands.parser import Parser
from vidsearch.errors import VidsearchError, reason
from vidsearch.text.printable import printable

INTERRUPTED = 130


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with every installed command."""
    import vidsearch.commands.catalog
    import vidsearch.commands.models
    import vidsearch.commands.search

    parser = Parser(
        prog="vidsearch",
        description="Find every appearance of a person in a video archive from one photo.",
        epilog="Exit status: 0 everything done; 2 wrong usage or input; 3 finished, but some "
        "videos failed; 4 no usable face in the query photo; 5 the new model is worse (reembed).",
    )
    parser.add_argument("--version", action="version", version=f"vidsearch {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="say more while working")
    commands = parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True, parser_class=Parser
    )
    for entry in sorted(entry_points(group="vidsearch.commands"), key=lambda e: e.name):
        entry.load()(commands)
    vidsearch.commands.search.register(commands)
    vidsearch.commands.catalog.register(commands)
    vidsearch.commands.models.register(commands)
    return parser


class _LineFormatter(logging.Formatter):
    """One line a message, whatever names are in it; a traceback only where one was asked for."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(f"vidsearch: {record.getMessage()}")


@contextmanager
def _logging_to_stderr(level: int) -> Iterator[None]:
    """Show our own packages' messages; other libraries' chatter stays out of the console."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LineFormatter())
    loggers = [logging.getLogger(name) for name in ("vidsearch", "pipelines", "trainer", "ui")]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(level)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
            logger.setLevel(logging.NOTSET)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = build_parser().parse_args(argv)
    level = logging.INFO if args.verbose else logging.WARNING
    try:
        with _logging_to_stderr(level):
            status = args.run(args)
        sys.stdout.flush()
    except VidsearchError as error:
        print(f"vidsearch: {printable(reason(error))}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("vidsearch: stopped; repeat the command to continue", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has gone; point stdout elsewhere so that the exit stays quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        # The disk is full, a folder is gone: the system's own words, on one line.
        remedy = (
            "" if str(error).strip() else "; repeat the command, with -v to see how far it gets"
        )
        print(f"vidsearch: {printable(reason(error))}{remedy}", file=sys.stderr)
        return VidsearchError.exit_status
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
