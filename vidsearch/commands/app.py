"""Click classes of the ``vidsearch`` command: option prefixes, exclusive options, help sections."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click
from click.core import ParameterSource

from vidsearch.text.printable import printable

_NEGATIVE_NUMBER = re.compile(r"-\d+|-\d*\.\d+")


@dataclass(frozen=True, slots=True)
class Registry:
    """Groups that plug-ins of ``vidsearch.commands`` add their commands to.

    Attributes:
        commands: The root command, ``vidsearch``.
        protocols: The group ``vidsearch evaluate``.
    """

    commands: click.Group
    protocols: click.Group


class Option(click.Option):
    """Option with a heading of its own in the help, or with several values after its name.

    Args:
        section: Heading; None puts the option under "Options".
        several: Take every following value up to the next option, e.g. ``--only 3 4a 4b``.
    """

    def __init__(
        self, *arguments: Any, section: str | None = None, several: bool = False, **attributes: Any
    ) -> None:
        self.section = section
        self.several = several
        if several:
            attributes["multiple"] = True
        super().__init__(*arguments, **attributes)

    @property
    def value_is_optional(self) -> bool:
        """True if the option may stand without a value, and then takes ``flag_value``."""
        return not self.is_flag and isinstance(self.flag_value, str | int | float)


class Command(click.Command):
    """Command that accepts unambiguous prefixes of long options and checks exclusive options.

    Args:
        exclusive: Parameter names of options of which at most one may be given.
        one_required: One of ``exclusive`` must be given.
    """

    def __init__(
        self,
        *arguments: Any,
        exclusive: Sequence[str] = (),
        one_required: bool = False,
        **attributes: Any,
    ) -> None:
        super().__init__(*arguments, **attributes)
        self.exclusive = tuple(exclusive)
        self.one_required = one_required

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse ``args`` after completing option names, then check exclusive options."""
        try:
            rest = super().parse_args(ctx, _normalised(ctx, args))
        except click.MissingParameter:
            # Given parameters are processed first, so that all others are missing.
            missing = [p for p in self.params if p.required and p.name not in ctx.params]
            if len(missing) > 1:
                ctx.fail(f"missing {', '.join(p.get_error_hint(ctx) for p in missing)}")
            raise
        except click.UsageError as error:
            error.ctx = ctx  # Click sets no context for a flag with a value.
            raise
        given = [
            parameter.opts[0]
            for parameter in self.params
            if parameter.name in self.exclusive
            and ctx.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
        ]
        if len(given) > 1:
            ctx.fail(f"option '{given[1]}' is not allowed with '{given[0]}'")
        if self.one_required and not given:
            names = [p.opts[0] for p in self.params if p.name in self.exclusive]
            ctx.fail(f"one of the options {', '.join(names)} is required")
        return rest

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, each under its heading."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and not isinstance(parameter, click.Argument):
                section = parameter.section if isinstance(parameter, Option) else None
                sections.setdefault(section or "Options", []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


def command(
    name: str, summary: str, **attributes: Any
) -> Callable[[Callable[..., int]], click.Command]:
    """Return a decorator that makes a function a command; its docstring is the help text.

    Args:
        name: Name on the command line.
        summary: Line in the list of commands.
        attributes: See ``Command``.
    """
    return click.command(name, cls=Command, short_help=summary, **attributes)


class Group(click.Group):
    """Group that lists its commands in the order in which they were added."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse ``args`` after completing option names."""
        return super().parse_args(ctx, _normalised(ctx, args))

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click passes it)
        """Return the names of the sub-commands in the order in which they were added."""
        return list(self.commands)


def usage_line(error: click.ClickException) -> str:
    """Return a usage error as one line: the command, the error and the help command."""
    path = "vidsearch"
    if isinstance(error, click.UsageError) and error.ctx is not None:
        path = error.ctx.command_path
    message = " ".join(error.format_message().split()).removesuffix(".")
    return printable(f"{path}: {message[:1].lower()}{message[1:]} (see {path} --help)")


def _normalised(ctx: click.Context, tokens: Sequence[str]) -> list[str]:
    """Return options as ``--name=value``, then ``--`` and the positional arguments.

    Unambiguous prefixes of long options are completed. A negative number is a value or a
    positional argument, never an option. A group's arguments begin at its sub-command.

    Raises:
        UsageError: A prefix is ambiguous, or an option's value is missing.
    """
    options: list[str] = []
    positionals: list[str] = []
    remaining = list(tokens)
    while remaining:
        token = remaining.pop(0)
        if token == "--":  # noqa: S105 (not a password)
            positionals += remaining
            break
        if token.startswith("--"):
            options += _long_option(ctx, token, remaining)
        elif _is_option(token):
            options.append(token)
        else:
            positionals.append(token)
            if not ctx.allow_interspersed_args:
                positionals += remaining
                break
    return [*options, "--", *positionals] if positionals else options


def _long_option(ctx: click.Context, token: str, remaining: list[str]) -> Iterator[str]:
    """Yield one long option in full, with its values, which are removed from ``remaining``."""
    name, equals, value = token.partition("=")
    option = _find_option(ctx, name)
    if option is None:
        yield token
        return
    name = next(spelling for spelling in option.opts if spelling.startswith(name))
    value_is_optional = isinstance(option, Option) and option.value_is_optional
    following = value if equals else remaining[0] if remaining else ""
    if value_is_optional and _NEGATIVE_NUMBER.fullmatch(following):
        # Click would take the value for an option.
        message = f"option '{name}' must not be negative; got {following}"
        raise click.BadOptionUsage(name, message, ctx=ctx)
    if equals:
        yield f"{name}={value}"
    elif option.is_flag:
        yield name
    elif remaining and not _is_option(remaining[0]):
        yield f"{name}={remaining.pop(0)}"
    elif value_is_optional:
        yield name
    else:
        raise click.BadOptionUsage(name, f"option '{name}' requires an argument", ctx=ctx)
    if isinstance(option, Option) and option.several:
        while remaining and not _is_option(remaining[0]):
            yield f"{name}={remaining.pop(0)}"


def _find_option(ctx: click.Context, name: str) -> click.Option | None:
    """Return the option with this name or unambiguous prefix; None for an unknown name."""
    spellings = {
        spelling: parameter
        for parameter in ctx.command.get_params(ctx)
        if isinstance(parameter, click.Option)
        for spelling in parameter.opts
        if spelling.startswith(name)
    }
    if name in spellings:
        return spellings[name]
    if len(spellings) > 1:
        raise click.UsageError(f"option '{name}' could be {', '.join(sorted(spellings))}", ctx=ctx)
    return next(iter(spellings.values()), None)


def _is_option(token: str) -> bool:
    return len(token) > 1 and token.startswith("-") and not _NEGATIVE_NUMBER.fullmatch(token)
