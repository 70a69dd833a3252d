"""The tables of a catalog with pandas: who is seen how long, and in which videos.

Run it as ``python examples/tracks_with_pandas.py CATALOG``.
"""

from __future__ import annotations

import sys
from pathlib import PurePath

import pandas as pd

from vidsearch import Archive
from vidsearch.catalog.people import judgements


def main(catalog: str) -> None:
    """Print seconds on screen by video, and by named person."""
    tables = Archive.open(catalog).catalog
    columns = ["track_id", "video_id", "start_s", "end_s", "quality"]
    tracks = tables.tracks(columns).to_pandas()
    videos = tables.videos(["video_id", "uri", "duration_s"]).to_pandas()
    tracks["seconds"] = tracks["end_s"] - tracks["start_s"]
    videos["video"] = [PurePath(uri).name for uri in videos["uri"]]
    seconds = tracks.merge(videos, on="video_id").groupby("video")["seconds"]
    print(seconds.agg(["count", "sum"]).to_string())

    known = judgements(tables)
    tracks["person"] = tracks["track_id"].map(known.person_of).map(known.names)
    named: pd.DataFrame = tracks.dropna(subset=["person"])
    if len(named):
        print(named.groupby("person")["seconds"].sum().sort_values(ascending=False))
    else:
        print("nobody is named yet: name people in the app, or see docs/tutorial/people.md")


if __name__ == "__main__":
    main(*sys.argv[1:])
