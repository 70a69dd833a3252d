"""Reference of all commands, as data and as Markdown.

Print it with ``python -m vidsearch.commands.reference``.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click

from vidsearch.commands.main import build_app


@dataclass(frozen=True, slots=True)
class ParameterHelp:
    """Positional argument or option of a command.

    Attributes:
        names: Spellings on the command line; empty for a positional argument.
        metavar: Placeholder of the value; empty for a flag.
        help: Help text.
        default: Default as text; None: there is none.
        choices: Allowed values; empty: any.
        required: True if it must be given.
        repeatable: True if it may be given several times.
        section: Heading in the help.
    """

    names: tuple[str, ...]
    metavar: str
    help: str
    default: str | None
    choices: tuple[str, ...]
    required: bool
    repeatable: bool
    section: str


@dataclass(frozen=True, slots=True)
class CommandHelp:
    """Command or group of commands.

    Attributes:
        path: Words that start it, e.g. ``vidsearch evaluate retrieval``.
        usage: Usage line.
        summary: Line in the list of commands.
        help: Description; paragraphs are divided by empty lines.
        epilog: Text below the options; empty: none.
        arguments: Positional arguments, in order.
        options: Options, in order.
        commands: Names of its sub-commands.
    """

    path: str
    usage: str
    summary: str
    help: str
    epilog: str
    arguments: tuple[ParameterHelp, ...]
    options: tuple[ParameterHelp, ...]
    commands: tuple[str, ...]


def command_reference() -> Iterator[CommandHelp]:
    """Yield every installed command, each group before its sub-commands."""
    app = build_app()
    yield from _walk_commands(
        app, click.Context(app, info_name="vidsearch", **app.context_settings)
    )


def to_markdown() -> str:
    """Return the reference of every installed command as Markdown."""
    lines = ["# Commands", ""]
    for command in command_reference():
        lines += _section(command)
    return "\n".join(lines).rstrip() + "\n"


def _walk_commands(command: click.Command, context: click.Context) -> Iterator[CommandHelp]:
    names = command.list_commands(context) if isinstance(command, click.Group) else []
    parameters = command.get_params(context)
    yield CommandHelp(
        path=context.command_path,
        usage=" ".join([context.command_path, *command.collect_usage_pieces(context)]),
        summary=command.get_short_help_str(1000),
        help=_paragraphs(command.help),
        epilog=_paragraphs(command.epilog),
        arguments=tuple(
            _parameter_help(p, context) for p in parameters if isinstance(p, click.Argument)
        ),
        options=tuple(
            _parameter_help(p, context) for p in parameters if isinstance(p, click.Option)
        ),
        commands=tuple(names),
    )
    if isinstance(command, click.Group):
        for name in names:
            child = command.commands[name]
            yield from _walk_commands(child, click.Context(child, info_name=name, parent=context))


def _parameter_help(
    parameter: click.Argument | click.Option, context: click.Context
) -> ParameterHelp:
    is_option = isinstance(parameter, click.Option)
    is_flag = isinstance(parameter, click.Option) and parameter.is_flag
    extra: dict[str, Any] = (
        dict(parameter.get_help_extra(context)) if isinstance(parameter, click.Option) else {}
    )
    default = extra.get("default")
    return ParameterHelp(
        names=tuple(parameter.opts) if is_option else (),
        metavar="" if is_flag else parameter.make_metavar(ctx=context),
        help=parameter.help or "",
        default=None if default is None else str(default).removeprefix("(").removesuffix(")"),
        choices=(
            tuple(map(str, parameter.type.choices))
            if isinstance(parameter.type, click.Choice)
            else ()
        ),
        required=parameter.required,
        repeatable=parameter.multiple or parameter.nargs < 0,
        section=getattr(parameter, "section", None) or "Options" if is_option else "Arguments",
    )


def _paragraphs(text: str | None) -> str:
    """Return a text without its indentation, each paragraph on one line."""
    blocks = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(" ".join(block.split()) for block in blocks)


def _section(command: CommandHelp) -> list[str]:
    level = "#" * (1 + len(command.path.split()))
    lines = [f"{level} {command.path}", "", "```text", command.usage, "```", ""]
    lines += [_escaped_text(command.help), ""]
    if command.arguments:
        lines += ["| Argument | Meaning |", "|---|---|"]
        lines += [
            f"| `{_escaped_code(a.metavar)}` | {_escaped_text(a.help)} |" for a in command.arguments
        ]
        lines.append("")
    sections = dict.fromkeys(["Options", *(option.section for option in command.options)])
    for section in sections:
        lines += [f"| {section} | Meaning | Default |", "|---|---|---|"]
        for option in command.options:
            if option.section == section:
                spelling = f"{', '.join(option.names)} {option.metavar}".strip()
                text = f"{option.help} (required)" if option.required else option.help
                default = "" if option.default is None else f"`{_escaped_code(option.default)}`"
                lines.append(f"| `{_escaped_code(spelling)}` | {_escaped_text(text)} | {default} |")
        lines.append("")
    if command.commands:
        lines += [f"Commands: {', '.join(f'`{name}`' for name in command.commands)}.", ""]
    if command.epilog:
        lines += [command.epilog, ""]
    return lines


def _escaped_code(text: str) -> str:
    return text.replace("|", r"\|")


def _escaped_text(text: str) -> str:
    return re.sub(r"([|*<])", r"\\\1", text)


if __name__ == "__main__":
    print(to_markdown(), end="")
