"""Records of the streams of a file: which was decoded, how it is read again, and the others."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from pipelines.stages.video_record import stream_records
from tests.pipelines.stages.test_payloads import INFO
from vidsearch.catalog.records import StreamRecord
from vidsearch.read_options import ReadOptions
from vidsearch.video.types import StreamInfo


def test_the_decoded_stream_keeps_its_options_and_the_others_are_not_indexed() -> None:
    others = (
        StreamInfo(index=0, codec="mpeg2video", width=720, height=576),
        StreamInfo(index=3, codec=None, width=None, height=None),
    )
    info = replace(INFO, stream=1, other_streams=others, time_base=Fraction(1, 25))
    read = ReadOptions(stream=1, turn_deg=90, seekable=False)
    assert stream_records([(info, read)]) == (
        StreamRecord(index=0, indexed=False, codec="mpeg2video", width=720, height=576),
        StreamRecord(
            index=1,
            indexed=True,
            codec="h264",
            width=640,
            height=360,
            turn_deg=90,
            seekable=False,
        ),
        StreamRecord(index=3, indexed=False),
    )
