"""Comparison of reports: verdicts, and reports that cannot be compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.vidsearch.evaluation.conftest import make_report
from vidsearch.commands.main import main
from vidsearch.errors import ConfigError
from vidsearch.evaluation.compare import compare_reports
from vidsearch.evaluation.report import Report, StoredReport, read_report, write_report


@pytest.fixture
def two(tmp_path: Path, rng: np.random.Generator) -> tuple[StoredReport, StoredReport]:
    count = 200
    genuine = np.arange(count) % 2 == 0
    base = genuine * 1.0 + rng.normal(scale=0.8, size=count)
    better = genuine * 3.0 + rng.normal(scale=0.8, size=count)
    reports = []
    for name, scores in (("a", base), ("b", better)):
        right = ((scores > np.median(scores)) == genuine).astype(int).tolist()
        written = write_report(make_report(right, scores.tolist()), tmp_path / name)
        reports.append(read_report(written))
    return reports[0], reports[1]


def test_b_is_better(two: tuple[StoredReport, StoredReport]) -> None:
    metrics = compare_reports(*two, resamples=200).metrics
    assert [line["verdict"] for line in metrics.values()] == ["B is better"] * 3
    assert metrics["equal error rate"]["difference"] < 0
    turned = compare_reports(two[1], two[0], resamples=200).metrics
    assert [line["verdict"] for line in turned.values()] == ["A is better"] * 3


def test_the_same_is_no_difference(two: tuple[StoredReport, StoredReport]) -> None:
    metrics = compare_reports(two[0], two[0], resamples=200).metrics
    assert {line["verdict"] for line in metrics.values()} == {"no difference shown"}


def test_command(
    two: tuple[StoredReport, StoredReport], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = (str(report.folder) for report in two)
    out = tmp_path / "comparison"
    assert main(["evaluate", "compare", a, b, "--resamples", "150", "--out", str(out)]) == 0
    assert "accuracy: B is better" in capsys.readouterr().out
    assert (out / "report.html").is_file()
    assert main(["evaluate", "compare", a, b, "--resamples", "5"]) == 2
    assert "--resamples must be at least 100; got 5" in capsys.readouterr().err
    assert main(["evaluate", "compare", a, str(tmp_path)]) == 2
    assert "holds no report" in capsys.readouterr().err


def test_incomparable_reports_are_refused(report: Report, tmp_path: Path) -> None:
    def stored(name: str, other: Report) -> StoredReport:
        return read_report(write_report(other, tmp_path / name))

    first = stored("a", report)
    with pytest.raises(ConfigError, match="compare reports of one kind"):
        compare_reports(first, stored("b", make_report([1], [0.5], kind="retrieval")))
    with pytest.raises(ConfigError, match="no scores per row"):
        compare_reports(first, stored("c", make_report([1], [0.5], scores=None)))
    scores = report.scores
    assert scores is not None
    elsewhere = type(scores)(
        "pair", {**scores.columns, "id": list("uvwxyz")}, scores.measures, scores.identities
    )
    with pytest.raises(ConfigError, match="share no pair"):
        compare_reports(first, stored("d", make_report([1], [0.5], scores=elsewhere)))
