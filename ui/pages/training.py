"""Training page: curves of a run during and after training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from ui.components.charts import angle_chart, angle_map, run_chart, validation_chart
from ui.components.choices import choose_one
from ui.components.context import errors_shown, readable_folders
from ui.components.markup import markdown
from ui.components.report_markup import headlines
from ui.service.runs import TrainingRun, list_runs, read_run
from vidsearch.evaluation.report import Headline

_OTHER = ""
_REFRESH_S = 4.0
_LIST_TTL_S = 20.0
_STATES = {"running": "Running", "finished": "Finished", "stopped": "Stopped early"}


@st.cache_data(ttl=_LIST_TTL_S, show_spinner="Looking for runs ...")
def _listed_runs(allowed: tuple[str, ...]) -> tuple[Path, ...]:
    return list_runs(allowed)


def render() -> None:
    """Draw the page."""
    st.title("Training", anchor=False)
    allowed = readable_folders()
    with errors_shown():
        folder = _choose_run(_listed_runs(allowed), allowed)
        if folder:
            running = read_run(folder, allowed).state == "running"
            # Only a running run is read again periodically.
            st.fragment(_show_run, run_every=_REFRESH_S if running else None)(folder, allowed)


def _choose_run(listed: Sequence[Path], allowed: Sequence[str]) -> str:
    if not listed:
        searched = ", ".join(map(markdown, allowed)) if allowed else "no folder is allowed"
        st.info(
            f"No training run yet (searched: {searched}). `vidsearch train` writes one; keep it in "
            "a folder **runs** beside the catalog, or start the app with **--root FOLDER**.",
            icon=":material/model_training:",
        )
        st.code("vidsearch train small_from_scratch FACES --out runs/first", language=None)
        return st.text_input("Folder of a run on the server", key="run-folder").strip()
    labels = {str(f): f"{f.name}  ·  {f.parent}" for f in listed}
    labels[_OTHER] = "Another folder ..."
    folder = choose_one("Run", labels, key="run", default=0)
    if not folder:
        folder = st.text_input("Folder of a run on the server", key="run-folder").strip()
    return folder


def _show_run(folder: str, allowed: Sequence[str]) -> None:
    with errors_shown():
        run = read_run(folder, allowed)
        _show_progress(run)
        left, right = st.columns(2, gap="large")
        losses = [name for name in run.columns if name == "loss" or name.startswith("loss_")]
        charts = (
            ("Loss", run_chart(run, losses, "loss")),
            ("Verification on held-out people", validation_chart(run)),
            ("Angles to the own class at start, middle and end", angle_chart(run)),
            ("Angles to the own class over the steps (darker: more faces)", angle_map(run)),
            ("Mean angle to the own class", run_chart(run, ["target_angle_deg"], "degrees")),
            ("Learning rate", run_chart(run, ["lr"], "learning rate")),
            ("Gradient norm", run_chart(run, ["gradient_norm"], "norm", log_y=True)),
            ("Speed", run_chart(run, ["faces_per_s"], "faces per second")),
        )
        available = [(title, chart) for title, chart in charts if chart is not None]
        for number, (title, chart) in enumerate(available):
            with (left, right)[number % 2]:
                st.markdown(f"**{title}**")
                st.altair_chart(chart, width="stretch", key=f"run-{title}")
        if not run.validations:
            st.caption(
                "No validation yet: it needs held-out people (vidsearch train --validate SET)."
            )
        if run.config:
            with st.expander("Settings of this run", icon=":material/tune:"):
                st.code(run.config, language="toml")


def _show_progress(run: TrainingRun) -> None:
    numbers = [
        Headline("State", _STATES[run.state], f"last log line {run.written:%Y-%m-%d %H:%M:%S} UTC"),
        Headline("Step", f"{run.step:,}", f"of {run.steps:,}" if run.steps else ""),
    ]
    if "loss" in run.columns:
        numbers.append(Headline("Loss", f"{run.columns['loss'][1][-1]:.4g}", "latest"))
    if run.best is not None:
        step, accuracy = run.best
        numbers.append(Headline("Best accuracy", f"{accuracy:.4f}", f"at step {step:,}"))
    if run.steps:
        st.progress(min(run.step / run.steps, 1.0))
    st.html(headlines(numbers))
    if run.about:
        st.caption("  ·  ".join(f"{name}: {markdown(value)}" for name, value in run.about.items()))
