"""Words for confidences, times and counts, the same on every screen and in every file."""

from __future__ import annotations

import math

from vidsearch.errors import ConfigError

LIKELY = 0.5
"""Minimum confidence of a likely appearance; below it, results are labelled "nearest"."""

CONFIDENCE_LEVELS: tuple[tuple[float, str], ...] = (
    (0.99, "almost-certain"),
    (0.9, "very-likely"),
    (LIKELY, "likely"),
    (0.1, "unlikely"),
    (0.0, "no-match"),
)
"""Lowest confidence of each level and the level's style class, best first."""

CONFIDENCE_WORDS: dict[str, str] = {
    "almost-certain": "almost certain",
    "very-likely": "very likely",
    "likely": "likely",
    "unlikely": "unlikely",
    "no-match": "no match",
}
"""Word of each level, by its style class."""


def confidence_word(confidence: float) -> str:
    """Return the word for a calibrated probability.

    Raises:
        ConfigError: ``confidence`` is not in [0, 1].

    Example:
        >>> confidence_word(0.93)
        'very likely'
    """
    return CONFIDENCE_WORDS[confidence_class(confidence)]


def confidence_class(confidence: float) -> str:
    """Return the style class of a calibrated probability.

    Raises:
        ConfigError: ``confidence`` is not in [0, 1].

    Example:
        >>> confidence_class(0.93)
        'very-likely'
    """
    check_probability(confidence)
    return next(level for lowest, level in CONFIDENCE_LEVELS if confidence >= lowest)


def confidence_number(confidence: float) -> str:
    """Return a calibrated probability with two digits, three near certainty, never as 0 or 1.

    Digits are truncated, not rounded, so that a number never exceeds the range of its word.

    Example:
        >>> [confidence_number(p) for p in (0.98999, 0.9994, 0.99996, 0.004)]
        ['0.98', '0.999', '>0.999', '<0.01']
    """
    check_probability(confidence)
    if confidence < 0.01:
        return "<0.01"
    if confidence > 0.9995:
        return ">0.999"
    digits = 3 if confidence >= 0.99 else 2
    # 1e-9 compensates binary representation: 0.29 * 100 is 28.999999999999996.
    return f"{math.floor(confidence * 10**digits + 1e-9) / 10**digits:.{digits}f}"


def clock(seconds: float) -> str:
    """Return a time in a video with tenths of a second: h:mm:ss.s.

    Example:
        >>> clock(3671.25), clock(59.96)
        ('1:01:11.2', '0:01:00.0')
    """
    sign = "-" if round(seconds, 1) < 0 else ""
    tenths = round(abs(seconds) * 10)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours}:{minutes:02d}:{tenths // 10:02d}.{tenths % 10}"


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """Return a count with its noun.

    Example:
        >>> counted(1, "video"), counted(1200, "track")
        ('1 video', '1,200 tracks')
    """
    return (
        f"{count:,} {singular if count == 1 else plural if plural is not None else singular + 's'}"
    )


def check_probability(confidence: float) -> None:
    """Check that a confidence is a probability.

    Raises:
        ConfigError: ``confidence`` is not in [0, 1].
    """
    if not 0 <= confidence <= 1:
        raise ConfigError(
            f"confidence must be a probability from 0 to 1; got {confidence}; "
            "pass the pack's calibrated value, not a similarity"
        )
