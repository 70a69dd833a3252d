"""Command lines: option prefixes, values, exclusive options, and one-line errors."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from vidsearch.commands.app import Command, Group, Option, usage_line


@click.command("draw", cls=Command, exclusive=("as_json", "csv"))
@click.argument("target")
@click.argument("files", nargs=-1)
@click.option("--top", type=int, default=100)
@click.option("--model", multiple=True)
@click.option("--min-confidence", type=float)
@click.option("--min-faces", type=int)
@click.option("--json", "as_json", is_flag=True)
@click.option("--csv", cls=Option, section="Output")
@click.option("--watch", cls=Option, type=float, is_flag=False, flag_value=60.0)
@click.option("--only", cls=Option, several=True)
@click.pass_context
def draw(context: click.Context, /, **values: object) -> None:
    """Draw."""
    context.obj.append(values)


def parsed(*arguments: str) -> dict[str, object]:
    """Return the values of ``draw`` that were given or are not None."""
    values: list[dict[str, object]] = []
    with draw.make_context("draw", list(arguments), obj=values) as context:
        draw.invoke(context)
    return {name: value for name, value in values[0].items() if value not in (None, (), False)}


def complaint(*arguments: str) -> str:
    with pytest.raises(click.UsageError) as caught:
        parsed(*arguments)
    assert caught.value.exit_code == 2
    line = usage_line(caught.value)
    assert "\n" not in line
    assert line.startswith("draw: ")
    assert line.endswith(" (see draw --help)")
    return line.removeprefix("draw: ").removesuffix(" (see draw --help)")


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        (["t"], {"target": "t"}),
        (["t", "a", "b"], {"target": "t", "files": ("a", "b")}),
        (["--top", "3", "t", "a"], {"target": "t", "files": ("a",), "top": 3}),
        (["t", "--top=3", "a", "--json", "b"], {"files": ("a", "b"), "as_json": True, "top": 3}),
        (["t", "--top", "-3"], {"top": -3}),
        (["t", "--min-confidence", "-.5"], {"min_confidence": -0.5}),
        (["t", "-5"], {"files": ("-5",)}),
        (["--top", "3", "--", "t", "--json", "-x"], {"files": ("--json", "-x"), "top": 3}),
        (["t", "--", "--"], {"files": ("--",)}),
        (["t", "--min-c", "0.5"], {"min_confidence": 0.5}),
        (["t", "--mod=x", "--model", "y"], {"model": ("x", "y")}),
        (["t", "--csv", "-"], {"csv": "-"}),
        (["t", "--csv="], {"csv": ""}),
        (["t", "--csv", ""], {"csv": ""}),
        (["t", "--csv=--json"], {"csv": "--json"}),
        (["t", "--watch"], {"watch": 60.0}),
        (["t", "--watch", "--json"], {"watch": 60.0, "as_json": True}),
        (["t", "--watch", "5", "a"], {"watch": 5.0, "files": ("a",)}),
        (["--watch=5", "t"], {"watch": 5.0}),
        (["--watch", "--", "t"], {"watch": 60.0}),
        (
            ["t", "--only", "3", "4a", "--json", "--only", "5"],
            {"only": ("3", "4a", "5"), "as_json": True},
        ),
        (["t", "--only", "3", "4a", "--", "b"], {"only": ("3", "4a"), "files": ("b",)}),
    ],
)
def test_accepted_command_lines(arguments: list[str], values: dict[str, object]) -> None:
    defaults = {"target": "t", "top": 100}
    assert parsed(*arguments) == defaults | values


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "missing argument 'TARGET'"),
        (["t", "--bogus"], "no such option '--bogus'"),
        (["t", "-x"], "no such option '-x'"),
        (["t", "--m", "1"], "option '--m' could be --min-confidence, --min-faces, --model"),
        (["t", "--top"], "option '--top' requires an argument"),
        (["t", "--csv", "--json"], "option '--csv' requires an argument"),
        (["t", "--only", "--json"], "option '--only' requires an argument"),
        (["t", "--top", "--", "3"], "option '--top' requires an argument"),
        (["t", "--top", "x"], "invalid value for '--top': 'x' is not a valid integer"),
        (["t", "--watch", "a"], "invalid value for '--watch': 'a' is not a valid float"),
        (["t", "--json=1"], "option '--json' does not take a value"),
        (["t", "--json", "--csv", "x"], "option '--csv' is not allowed with '--json'"),
        (["t", "--csv", "", "--json"], "option '--csv' is not allowed with '--json'"),
    ],
)
def test_refused_command_lines(arguments: list[str], message: str) -> None:
    assert complaint(*arguments) == message


def test_one_of_several_options_can_be_required() -> None:
    command = Command(
        "forget",
        exclusive=("video", "person"),
        one_required=True,
        params=[click.Option(["--video"]), click.Option(["--person"])],
    )
    with pytest.raises(click.UsageError, match="one of the options --video, --person is required"):
        command.make_context("forget", [])
    assert command.make_context("forget", ["--person", ""]).params["person"] == ""


def test_names_on_the_command_line_cannot_steer_a_terminal() -> None:
    assert complaint("t", "--top", "1\n\x1b[31m2").endswith(r"is not a valid integer")
    assert r"\x1b[31m" in complaint("t", "--top", "1\n\x1b[31m2")


def test_help_lists_options_below_their_headings() -> None:
    text = CliRunner().invoke(draw, ["--help"]).output
    options, output = text.split("Output:")
    assert "--top" in options
    assert "--csv" not in options.split("Options:")[1]
    assert "--csv" in output


def test_groups_list_commands_in_the_order_of_their_addition() -> None:
    group = Group("all", params=[click.Option(["--verbose"], is_flag=True)])
    group.add_command(click.Command("zebra", help="z"))
    group.add_command(click.Command("ant", help="a"))
    text = CliRunner().invoke(group, ["--help"]).output
    assert text.index("zebra") < text.index("ant")
    # A prefix before the command; the command's own arguments are left to the command.
    context = group.make_context("all", ["--verb", "ant", "--verbose"])
    assert context.params == {"verbose": True}
    assert context.args == ["--verbose"]
