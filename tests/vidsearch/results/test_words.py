from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.errors import ConfigError
from vidsearch.results.words import (
    CONFIDENCE_LEVELS,
    CONFIDENCE_WORDS,
    clock,
    confidence_class,
    confidence_number,
    confidence_word,
    counted,
)


@pytest.mark.parametrize(
    ("confidence", "word"),
    [
        (1.0, "almost certain"),
        (0.99, "almost certain"),
        (0.98999, "very likely"),
        (0.9, "very likely"),
        (0.5, "likely"),
        (0.4999, "unlikely"),
        (0.1, "unlikely"),
        (0.0999, "no match"),
        (0.0, "no match"),
    ],
)
def test_thresholds_belong_to_the_better_word(confidence: float, word: str) -> None:
    assert confidence_word(confidence) == word


@pytest.mark.parametrize(
    ("confidence", "number"),
    [
        (0.5, "0.50"),
        (0.4999, "0.49"),
        (0.29, "0.29"),
        (0.9899, "0.98"),
        (0.9951, "0.995"),
        (0.9999, ">0.999"),
        (1.0, ">0.999"),
        (0.01, "0.01"),
        (0.00999, "<0.01"),
        (0.0, "<0.01"),
    ],
)
def test_number_is_cut_not_rounded(confidence: float, number: str) -> None:
    assert confidence_number(confidence) == number


@given(st.floats(0, 1))
def test_number_never_contradicts_the_word(confidence: float) -> None:
    text = float(confidence_number(confidence).strip("<>"))
    if not confidence_number(confidence).startswith("<"):
        assert confidence_word(text) == confidence_word(confidence)


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan"), float("inf")])
def test_no_probability(confidence: float) -> None:
    with pytest.raises(ConfigError, match="from 0 to 1"):
        confidence_word(confidence)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00:00.0"),
        (1.25, "0:00:01.2"),
        (59.96, "0:01:00.0"),
        (3599.97, "1:00:00.0"),
        (90061.5, "25:01:01.5"),
        (-0.04, "0:00:00.0"),
        (-1.5, "-0:00:01.5"),
    ],
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@given(st.floats(0, 1e6))
def test_clock_reads_back(seconds: float) -> None:
    hours, minutes, rest = clock(seconds).split(":")
    assert int(minutes) < 60
    assert float(rest) < 60
    assert int(hours) * 3600 + int(minutes) * 60 + float(rest) == pytest.approx(seconds, abs=0.0501)


def test_classes_are_plain_names() -> None:
    for lowest, level in CONFIDENCE_LEVELS:
        assert confidence_class(lowest) == level
        assert confidence_word(lowest) == CONFIDENCE_WORDS[level]
        assert level.replace("-", "").isalpha()


def test_plurals() -> None:
    assert counted(0, "hit") == "0 hits"
    assert counted(1, "face") == "1 face"
    assert counted(2, "person", "people") == "2 people"
