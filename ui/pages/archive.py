"""Archive page: contents, failures, running jobs, adding videos, erasing."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from ui.components.context import catalog, errors_shown, indexers, settings
from ui.components.markup import markdown
from ui.pages.forgetting import forget
from ui.service.jobs import Job, jobs
from vidsearch.archive import Archive, ArchiveStatus
from vidsearch.catalog.erasures.pending import pending_sentence
from vidsearch.catalog.sources.accounts import SourceStatus
from vidsearch.catalog.status import VideoProblem
from vidsearch.results.account_sentences import account_lines
from vidsearch.results.stream_sentences import stream_lines, turned_parts_text
from vidsearch.results.words import clock, counted
from vidsearch.text.names import native_name, portable_name
from vidsearch.text.printable import printable

_STATES = {
    "running": "running",
    "done": "finished",
    "stopped": "stopped",
    "error": "ended with an error",
    "silent": "no log line for half an hour",
}


def render() -> None:
    """Draw the page."""
    st.title("Archive", anchor=False)
    with errors_shown():
        _show_metrics(Archive(catalog()).status())
    with errors_shown():
        _show_jobs()
    with errors_shown():
        _add_videos()
    with errors_shown():
        _list_videos()
    with errors_shown():
        forget()


def _show_metrics(status: ArchiveStatus) -> None:
    searchable = status.videos["indexed"] + status.videos["partial"]
    columns = st.columns(4)
    columns[0].metric("Searchable videos", f"{searchable:,}")
    columns[1].metric("Searchable time", clock(status.duration_s))
    columns[2].metric("Tracks of faces", f"{status.tracks:,}")
    columns[3].metric("Named people", f"{status.people:,}")
    if not any(status.videos.values()):
        return
    poor = 100 * status.faces_too_poor / status.faces if status.faces else 0.0
    st.caption(
        f"{100 * status.share_read:.4g} % of these videos was read. Of {status.faces:,} faces "
        f"detected, {poor:.2g} % are too small or too blurred to be matched. Model "
        f"{markdown(status.model_id)}; index {markdown(status.index.kind)}, "
        f"{status.index.pending:,} tracks not in the index yet."
    )
    for erasure in status.pending_erasures:
        st.warning(markdown(pending_sentence(erasure, status.uri)), icon=":material/delete:")
    for line in stream_lines(
        status.streams_not_indexed, status.turned, status.turned_parts, status.times_assumed
    ):
        st.caption(line)
    for note in status.turned_parts:
        st.caption(f"{markdown(printable(note.video))}: {turned_parts_text(note)}")
    for title, problems in (
        ("could not be indexed", status.failures),
        ("read only in part", status.partly_read),
    ):
        if problems:
            with st.expander(
                f"{counted(len(problems), 'video')} {title}", icon=":material/report:"
            ):
                _problems(problems)

    if status.sources:
        with st.expander("Files that are not indexed", icon=":material/folder_off:"):
            for source in status.sources:
                _show_source(source)


def _show_source(source: SourceStatus) -> None:
    """Show what the last search of a folder, list or prefix passed over, excluded or missed."""
    lines = account_lines(source.account)
    lines += [f"Failed: {printable(message)}" for _, _, message in source.failures]
    st.markdown(f"**{markdown(source.source)}**, searched {source.searched_at}")
    st.markdown("\n".join(f"- {markdown(line)}" for line in lines or ["Every file is a video."]))


def _problems(problems: tuple[VideoProblem, ...]) -> None:
    table = [
        {"Video": printable(p.video), "Stage": p.stage or "", "Reason": printable(p.message)}
        for p in problems
    ]
    st.dataframe(pd.DataFrame(table), hide_index=True, width="stretch")


@st.fragment(run_every=3.0)
def _show_jobs() -> None:
    recent_jobs = jobs(catalog())
    for name, status, error_line in indexers().ended():
        if status not in (0, 3):
            st.error(f"Indexing {markdown(name)} ended: {markdown(error_line)}")
    running_jobs = [job for job in recent_jobs if job.state == "running"]
    waiting = indexers().running()
    if not running_jobs and waiting:
        st.info(f"Starting to index {markdown(', '.join(waiting))} ...", icon=":material/sync:")
    for job in running_jobs:
        remaining_time = f", about {clock(job.left_s)} left" if job.left_s is not None else ""
        st.progress(
            min(job.finished / job.videos, 1.0) if job.videos else 0.0,
            f"Indexing: {job.finished} of {counted(job.videos, 'video')}, {job.failed} failed, "
            f"{counted(job.tracks, 'track')}{remaining_time}",
        )
    past = [job for job in recent_jobs if job.state != "running"]
    if past:
        with st.expander("Earlier runs", icon=":material/history:"):
            rows = pd.DataFrame([_job_row(job) for job in past])
            st.dataframe(rows, hide_index=True, width="stretch")


def _job_row(job: Job) -> dict[str, str | int]:
    return {
        "Started": job.started.strftime("%Y-%m-%d %H:%M"),
        "Outcome": _STATES.get(job.state, job.state),
        "Indexed": job.indexed,
        "Failed": job.failed,
        "Tracks": job.tracks,
        "Message": printable(job.message),
    }


def _add_videos() -> None:
    st.subheader("Add videos", anchor=False)
    roots = settings().roots
    if not roots:
        st.caption(
            "The app was started without **--root FOLDER**, so no folder can be indexed from here."
        )
        return
    with st.form("add", border=False):
        folder = st.text_input(
            "Folder on the server",
            value=portable_name(roots[0]),
            help="Only folders in " + ", ".join(map(markdown, roots)),
        )
        if st.form_submit_button("Index this folder", type="primary"):
            with errors_shown():
                indexers().start(catalog(), folder, roots)
                st.toast("Started.", icon=":material/play_arrow:")


def _list_videos() -> None:
    rows = catalog().videos(["video_id", "uri", "status", "duration_s", "tracks", "indexed_at"])
    if not rows.num_rows:
        st.info("The archive is empty.", icon=":material/inventory_2:")
        return
    st.subheader("Videos", anchor=False)
    table = [
        {
            "Video": printable(native_name(row["uri"]).rpartition("/")[2]),
            "Folder": printable(native_name(row["uri"]).rpartition("/")[0]),
            "Status": row["status"],
            "Length": clock(row["duration_s"]) if row["duration_s"] is not None else "",
            "Tracks": row["tracks"],
            "Indexed": row["indexed_at"].strftime("%Y-%m-%d %H:%M"),
        }
        for row in rows.sort_by("uri").to_pylist()
    ]
    st.dataframe(pd.DataFrame(table), hide_index=True, width="stretch")
