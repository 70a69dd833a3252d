"""The parser that several packages add commands to."""

from __future__ import annotations

import argparse

import pytest

from vidsearch.commands.parser import Parser, protocols


def commands() -> argparse._SubParsersAction[Parser]:
    return Parser(prog="vidsearch").add_subparsers(parser_class=Parser)


def test_protocols_are_one_command_whoever_comes_first() -> None:
    below = commands()
    one = protocols(below)
    assert protocols(below) is one
    one.add_parser("angles")
    assert list(below.choices) == ["evaluate"]
    assert list(protocols(below).choices) == ["angles"]


def test_a_complaint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    parser = Parser(prog="vidsearch")
    protocols(parser.add_subparsers(parser_class=Parser))
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(["evaluate", "nothing"])
    assert capsys.readouterr().err.count("\n") == 1


def test_another_parser_is_a_mistake_of_ours() -> None:
    below = argparse.ArgumentParser().add_subparsers()
    below.add_parser("evaluate")
    with pytest.raises(TypeError, match=r"vidsearch\.commands\.Parser"):
        protocols(below)
