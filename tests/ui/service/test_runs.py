"""Training runs in the app: read during training, thin, draw, refuse other folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from trainer.config.toml import to_toml
from trainer.config.train import TrainConfig
from trainer.training.metrics_log import MetricsLogger
from ui.components.charts import angle_chart, angle_map, run_chart, validation_chart
from ui.service.runs import MAX_POINTS, list_runs, read_run
from vidsearch.errors import ConfigError

PAGE = "from ui.pages.training import render\nrender()"
Start = Callable[..., None]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of 40 steps, as the trainer itself writes it, half-way."""
    folder = tmp_path / "runs" / "first"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(to_toml(TrainConfig(steps=40, batch=8)))
    journal = MetricsLogger(
        folder, start_step=0, steps=40, batch=8, tensorboard=False, enabled=True
    )
    for step in (5, 10, 15, 20):
        journal.metrics(step, {"loss": 20.0 / step, "lr": 0.1, "gradient_norm": 1.0 + step})
        journal.angles(step, np.radians(np.full(4, 90.0 - step, np.float32)))
    journal.validation(10, 0.7, 0.02, best=True)
    journal.validation(20, 0.65, 0.03, best=False)
    journal.close()
    return folder


def test_a_run_is_read_while_it_is_written(run: Path, tmp_path: Path) -> None:
    with (run / "metrics.jsonl").open("a") as stream:
        stream.write('{"step": 25, "loss": 0.')  # torn
    found = read_run(str(run), [str(tmp_path)])
    assert (found.state, found.step, found.steps) == ("running", 20, 40)
    steps, loss = found.columns["loss"]
    assert (list(steps), list(loss)) == ([5, 10, 15, 20], [4.0, 2.0, pytest.approx(4 / 3), 1.0])
    assert found.validations == ((10, 0.7, 0.02, True), (20, 0.65, 0.03, False))
    assert found.best == (10, 0.7)
    assert found.about == {
        "Backbone": "iresnet50",
        "Loss": "margin (1.0, 0.5, 0.0)",
        "Batch": "8",
    }
    # 90 - 5 degrees lies in the bin from 84 to 86, the 43rd of two degrees each.
    step, share = found.angles[0]
    assert (step, found.bin_deg, int(share.argmax()), share.sum()) == (5, 2, 42, 1.0)


def test_a_run_that_keeps_silent_has_stopped_and_one_at_its_end_is_finished(
    run: Path, tmp_path: Path
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    assert read_run(str(run), [str(tmp_path)], later).state == "stopped"
    with (run / "metrics.jsonl").open("a") as stream:
        stream.write(json.dumps({"step": 40, "loss": None}) + "\n")
    found = read_run(str(run), [str(tmp_path)], later)
    assert (found.state, len(found.columns["loss"][0])) == ("finished", 4)


def test_a_long_run_is_averaged_not_cut(run: Path, tmp_path: Path) -> None:
    lines = [json.dumps({"step": step, "loss": float(step)}) for step in range(1, 9001)]
    (run / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    steps, loss = read_run(str(run), [str(tmp_path)]).columns["loss"]
    # 9000 lines in 1500 stretches of six: steps 1 to 6 have the mean 3.5.
    assert (len(steps), steps[0], steps[-1], loss[0]) == (MAX_POINTS, 6, 9000, 3.5)


def test_runs_are_found_and_only_opened_below_the_roots(run: Path, tmp_path: Path) -> None:
    assert list_runs([str(tmp_path)]) == (run,)
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(ConfigError, match="is not a folder in"):
        read_run(str(run), [str(other)])
    with pytest.raises(ConfigError, match="holds no training run"):
        read_run(str(other), [str(tmp_path)])
    with (run / "angles.jsonl").open("a") as stream:
        stream.write('{"step": 30, "counts": ["x"]}\n')
    with pytest.raises(ConfigError, match="is damaged"):
        read_run(str(run), [str(tmp_path)])
    (run / "angles.jsonl").unlink()
    (run / "angles.jsonl").symlink_to("/etc/hostname")
    with pytest.raises(ConfigError, match="is a link"):
        read_run(str(run), [str(tmp_path)])


def test_what_is_not_there_is_not_drawn(run: Path, tmp_path: Path) -> None:
    found = read_run(str(run), [str(tmp_path)])
    for chart in (
        run_chart(found, ["loss", "loss_intra"], "loss"),
        run_chart(found, ["gradient_norm"], "norm", log_y=True),
        validation_chart(found),
        angle_chart(found),
        angle_map(found),
    ):
        assert chart is not None
        assert chart.to_dict()
    (run / "angles.jsonl").unlink()
    (run / "metrics.jsonl").write_text('{"step": 1, "loss": 2.0}\nnonsense\n[1]\n')
    (run / "config.toml").write_text("not = [toml")
    found = read_run(str(run), [str(tmp_path)])
    assert (found.steps, found.config, found.best) == (None, "", None)
    assert validation_chart(found) is None
    assert angle_chart(found) is None
    assert angle_map(found) is None
    assert run_chart(found, ["lr"], "") is None


def test_the_page_follows_a_run(app_over: Start, made: Path, run: Path, tmp_path: Path) -> None:
    app_over(made / "catalog", roots=(str(tmp_path / "runs"),))
    page = AppTest.from_string(PAGE, default_timeout=60).run()
    assert not page.exception
    html = " ".join(str(getattr(part, "value", "")) for part in page.get("html"))
    assert "Running" in html
    assert "0.7000" in html
    assert 'name = "iresnet50"' in page.code[0].value
    with (run / "metrics.jsonl").open("a") as stream:
        stream.write(json.dumps({"step": 40, "loss": 0.5}) + "\n")
    page.run()
    html = " ".join(str(getattr(part, "value", "")) for part in page.get("html"))
    assert "Finished" in html


def test_without_a_run_the_page_says_how_to_start_one(
    app_over: Start, made: Path, tmp_path: Path
) -> None:
    app_over(made / "catalog", roots=(str(tmp_path),))
    page = AppTest.from_string(PAGE, default_timeout=60).run()
    assert not page.exception
    assert "No training run yet" in page.info[0].value
    page.text_input(key="run-folder").input(str(tmp_path)).run()
    assert "holds no training run" in page.error[0].value.replace("\\", "")
