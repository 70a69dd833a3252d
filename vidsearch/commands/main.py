"""The ``vidsearch`` command: parse, build a config, call one function, print.

Packages built on vidsearch add their commands through the entry-point group ``vidsearch.commands``
(a function that takes a ``Registry``), so that imports keep pointing in one direction.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points

import click

from vidsearch.commands.app import Group, Registry, usage_line
from vidsearch.commands.streams import OutputStream, decode_names_as_utf8, standard_streams
from vidsearch.errors import ConfigError, VidsearchError, reason
from vidsearch.libraries import installation_error
from vidsearch.processes import (
    BROKEN_PIPE_STATUS,
    address_space_limit,
    terminated_as_interrupted,
)
from vidsearch.text.log_lines import LineFormatter
from vidsearch.text.printable import printable
from vidsearch.version import __version__

INTERRUPTED = 130

_ADDRESS_SPACE = 5_000_000_000
"""Bytes. Libraries reserve this much without using it; with less, some of them abort or hang."""

_EXIT_STATUS = (
    "Exit status: 0 everything done; 2 wrong usage or input; 3 finished, but some videos failed; "
    "4 no usable face in the query photo; 5 the new model is worse (reembed)."
)


def build_app() -> click.Group:
    """Return the root command with the commands of every installed package."""
    from vidsearch.commands import catalog, doctor, models, search
    from vidsearch.commands.evaluate import protocols

    registry = Registry(commands=_root(), protocols=protocols.group())
    registry.commands.add_command(registry.protocols)
    protocols.register(registry)
    for entry in sorted(entry_points(group="vidsearch.commands"), key=lambda e: e.name):
        entry.load()(registry)
    for command in (search.search, catalog.status, catalog.forget, models.models, doctor.doctor):
        registry.commands.add_command(command)
    return registry.commands


def _root() -> Group:
    @click.group(
        "vidsearch",
        cls=Group,
        help="Find every appearance of a person in a video archive from one photo.",
        epilog=_EXIT_STATUS,
        no_args_is_help=False,
        subcommand_metavar="COMMAND ...",
        context_settings={
            "help_option_names": ["-h", "--help"],
            "max_content_width": 100,
            "show_default": True,
        },
    )
    @click.version_option(__version__, prog_name="vidsearch", message="%(prog)s %(version)s")
    @click.option("-v", "--verbose", is_flag=True, help="report progress on standard error")
    @click.pass_context
    def root(context: click.Context, verbose: bool) -> None:
        context.with_resource(_logging_to_stderr(logging.INFO if verbose else logging.WARNING))
        if context.invoked_subcommand != "doctor":
            _check_address_space()

    return root


def _check_address_space() -> None:
    """Raise if libraries would abort or hang for want of address space.

    Raises:
        ConfigError: The limit is below ``_ADDRESS_SPACE``.
    """
    limit = address_space_limit()
    if limit is not None and limit < _ADDRESS_SPACE:
        raise ConfigError(
            f"a process may use {limit / 1e9:.1f} GB of address space here (ulimit -v), and "
            f"vidsearch needs {_ADDRESS_SPACE / 1e9:.0f} GB: raise that limit; to bound memory, "
            "use --worker-memory or a control group"
        )


@contextmanager
def _logging_to_stderr(level: int) -> Iterator[None]:
    """Write the messages of our own packages, but of no other library, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter("vidsearch: %(message)s"))
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
    """Run the command line and return its exit status.

    Raises:
        SystemExit: 2 for wrong usage; 0 after ``--help`` and ``--version``.
    """
    if argv is None:
        decode_names_as_utf8()
    with terminated_as_interrupted(), standard_streams() as output:
        try:
            return _flushed(sys.argv[1:] if argv is None else argv, output)
        except VidsearchError as error:
            print(f"vidsearch: {printable(reason(error))}", file=sys.stderr)
            return error.exit_status
        except KeyboardInterrupt:
            print("vidsearch: stopped; repeat the command to continue", file=sys.stderr)
            return INTERRUPTED
        except OSError as error:
            if output.failure is None:
                print(f"vidsearch: {_os_reason(error)}", file=sys.stderr)
                return VidsearchError.exit_status
            output.discard()
            if isinstance(output.failure, BrokenPipeError):  # the reader (head, less) has ended
                return BROKEN_PIPE_STATUS
            print(
                "vidsearch: standard output cannot be written "
                f"({_system_message(output.failure)}); send it to a file on a disk with space",
                file=sys.stderr,
            )
            return VidsearchError.exit_status


def _is_ours(error: ImportError) -> bool:
    """Return True for a module of vidsearch that is missing: a fault of the program."""
    package = (error.name or "").split(".")[0]
    return package in {"vidsearch", "pipelines", "trainer", "ui"}


def _flushed(argv: Sequence[str], output: OutputStream) -> int:
    """Run the command line; errors of standard output are raised here, not at the exit."""
    try:
        status = _run(argv)
    except SystemExit:
        output.flush()
        raise
    except ImportError as error:
        if _is_ours(error):
            raise
        raise installation_error(error.name or "a library", error) from error
    output.flush()
    return status


def _os_reason(error: OSError) -> str:
    """Return a system error as one line: the file, the system's message, the remedy."""
    if not str(error).strip():
        return f"{reason(error)}; repeat the command with -v to see its progress"
    if error.strerror is None:
        return printable(reason(error))
    if error.filename is None:
        return f"{_system_message(error)}; check the free space and the paths of the command"
    name = printable(str(error.filename))
    return f"'{name}': {_system_message(error)}; check the path, its mode and the free space"


def _system_message(error: OSError) -> str:
    message = printable(str(error.strerror if error.strerror is not None else error))
    return message[:1].lower() + message[1:]


def _run(argv: Sequence[str]) -> int:
    """Parse and run; click's own ``main`` would turn a broken pipe and Ctrl-C into status 1."""
    app = build_app()
    try:
        with app.make_context("vidsearch", list(argv)) as context:
            return int(app.invoke(context))
    except click.exceptions.Exit as stop:
        raise SystemExit(stop.exit_code) from None
    except click.ClickException as error:
        print(usage_line(error), file=sys.stderr)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    sys.exit(main())
