"""Ground truth and result files, scored as the official script does."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidsearch.errors import ConfigError
from vidsearch.evaluation.iqiyi.lists import read_lists, score
from vidsearch.evaluation.metrics.retrieval import mean_average_precision


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_hand_worked_files(tmp_path: Path) -> None:
    truth = read_lists(write(tmp_path / "gt", "1 a b c\n2 d e\n3\n4 f\n"))
    # id 1: a, x, b (the second a goes, so b is at rank 3): (1/1 + 2/3)/3
    # id 2: missing: 0. id 3: no clip and an answer: 0. id 4: distractor first: (1/2)/1
    results = read_lists(write(tmp_path / "res", "4 x f\n1 a x a b\n\n3 y\n"))
    scored = score(truth, results)
    found = mean_average_precision(scored.rankings)
    assert found.per_query["iqiyi"] == pytest.approx([(1 + 2 / 3) / 3, 0, 0, 0.5])
    assert found.mean() == pytest.approx(((1 + 2 / 3) / 3 + 0.5) / 4)
    assert scored.missing == ("2",)
    assert scored.without_clips == ("3",)
    assert scored.duplicates == 1


def test_the_limit_counts_different_clips() -> None:
    truth = {"1": ["c0"]}
    score(truth, {"1": [f"c{n}" for n in range(100)] * 2})
    with pytest.raises(ConfigError, match="id '1' name 101 different clips; at most 100"):
        score(truth, {"1": [f"c{n}" for n in range(101)]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 a\n2 b\n1 c\n", r"line 3: expected a new id \(line 1 has '1'\); got '1 c'"),
        ("1 a\n2\tb\n", r"line 2: expected 'id clip clip ...', separated by spaces"),
        ("1 a\n2 \0\n", r"line 2: expected 'id clip clip ...', separated by spaces"),
        ("1 a\n2,b\n", "line 2: expected 'id clip clip ...', separated by spaces; got '2,b'"),
        ("\n \n", "has no line"),
    ],
)
def test_malformed_lines_name_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_lists(write(tmp_path / "gt.txt", text))


def test_other_wrong_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_lists(tmp_path / "none")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"is not .*text"):
        read_lists(tmp_path / "binary")
    with pytest.raises(ConfigError, match="id '9', which the ground truth does not have"):
        score({"1": ["a"]}, {"9": ["a"]})
    with pytest.raises(ConfigError, match="names clip 'a' twice"):
        score({"1": ["a", "a"]}, {})
