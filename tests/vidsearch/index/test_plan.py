"""Choice of the kind of index and its parameters."""

from __future__ import annotations

import pytest

from vidsearch.errors import ConfigError
from vidsearch.index.ivf import Probes
from vidsearch.index.plan import choose


def test_the_kind_follows_from_the_size() -> None:
    assert choose(0, 128, "ivf-sq8").kind == "faiss-flat"
    assert choose(1_000_000, 128).kind == "faiss-flat"
    assert choose(500_000, 512).kind == "flat-sq8"
    assert choose(1_000_000, 512) == choose(1_000_000, 512, "flat-pq")
    assert choose(1_000_000, 512).code_bytes == 32  # sqrt(2 x 512)
    assert choose(10_000_000, 128).kind == "flat-pq"
    assert choose(33_000_000, 512).kind == "flat-pq"
    assert choose(34_000_000, 512).kind == "ivf-pq"
    assert choose(1_000_000, 512, "ivf-sq8").cells == 4000  # 4 sqrt(1e6)
    assert choose(1_000_000_000, 128).kind == "ivf-pq"
    assert choose(255, 128, "ivf-pq").kind == "ivf-sq8"
    assert choose(255, 128, "flat-pq").kind == choose(300, 1, "flat-pq").kind == "flat-sq8"
    assert choose(300, 2, "flat-pq").code_bytes == 1
    assert choose(300, 30, "ivf-pq").code_bytes == 6  # the largest divisor of 30 up to 30 / 4
    with pytest.raises(ConfigError, match=r"index kind must be one of .*; got 'hnsw'"):
        choose(1, 1, "hnsw")  # type: ignore[arg-type]


def test_coarser_codes_need_more_candidates() -> None:
    assert choose(34_000_000, 512).probes == Probes(deeper=4)
    assert choose(1_000_000, 512, "ivf-sq8").probes == Probes()


def test_a_plan_is_stored_by_its_cells_and_code_bytes() -> None:
    assert choose(1_000_000, 512).as_parameters() == {"cells": 0, "code_bytes": 32}
    assert choose(1_000_000, 512, "ivf-sq8").as_parameters() == {"cells": 4000, "code_bytes": 0}


def test_probes_are_at_least_one() -> None:
    with pytest.raises(ConfigError, match="expanded must be at least 1; got 0"):
        Probes(expanded=0)
