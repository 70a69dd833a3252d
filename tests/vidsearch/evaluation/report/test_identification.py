"""Figures of identification in reports, on searches scored by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vidsearch.evaluation.metrics.identification import Searches
from vidsearch.evaluation.report import identification
from vidsearch.evaluation.report.identification import GalleryFigures, gallery_figures


def searches(*, others: bool) -> Searches:
    """Three mated probes at ranks 1, 1 and 7, and two probes of other people."""
    mated = np.array([True, True, True, False, False])
    ranks = np.array([1, 1, 7, np.inf, np.inf])
    mate = np.array([0.9, 0.5, 0.3, -np.inf, -np.inf])
    best_other = np.array([0.2, 0.4, 0.8, 0.6, 0.1])
    rows = slice(None) if others else slice(3)
    return Searches(mated[rows], ranks[rows], mate[rows], best_other[rows])


def figures(name: str, *, others: bool = True) -> GalleryFigures:
    outcome = searches(others=others)
    return gallery_figures(name, outcome, list("aabcd")[: len(outcome.mated)], 10)


def test_figures_by_hand() -> None:
    metrics = figures("g").metrics()
    assert metrics["rank_k"]["1"]["value"] == pytest.approx(2 / 3)
    assert metrics["rank_k"]["10"]["value"] == 1
    # No false alarm is allowed in two searches: the threshold is above 0.6, so only 0.9 passes.
    assert metrics["tpir_at_fpir"]["0.01"]["value"] == pytest.approx(1 / 3)
    assert (metrics["mated_probes"], metrics["non_mated_probes"]) == (3, 2)


def test_without_other_people_there_is_no_open_set() -> None:
    closed = figures("g", others=False)
    assert closed.open_set == {}
    assert identification.means([closed])["tpir_at_fpir_0.01"] is None
    assert identification.identification_table([closed]).rows[0][-1] is None
    assert [line.label for line in identification.headlines([closed])] == ["rank-1"]


def test_several_galleries_have_a_mean() -> None:
    both = [figures("g1"), figures("g2", others=False)]
    table = identification.identification_table(both)
    assert [row[0] for row in table.rows] == ["g1", "g2", "mean"]
    # Only one of the galleries has a TPIR, and the mean is over that one.
    assert identification.means(both)["tpir_at_fpir_0.01"] == pytest.approx(1 / 3)
    assert identification.headlines(both)[0].note == "mean of 2 galleries"


def test_cmc_and_scores() -> None:
    curve = identification.cmc_of(searches(others=True))
    assert curve[[0, 5, 6]] == pytest.approx([2 / 3, 2 / 3, 1])
    columns = identification.score_columns([figures("g")], list("vwxyz"), list("aabcd"))
    assert columns["id"] == ["g|v", "g|w", "g|x"]
    assert columns["rank_5"] == [1.0, 1.0, 0.0]
