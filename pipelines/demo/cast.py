"""People and videos of the demo: all eight, or two if the package ``insightface`` is missing."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from pipelines.demo.camera_moves import (
    ABSENT,
    CAT,
    EVENING_NEWS,
    ROCKET,
    VIDEOS,
    CameraMove,
    DemoVideo,
)
from pipelines.demo.people import PEOPLE, PUBLIC_DOMAIN, Person


@dataclass(frozen=True, slots=True)
class Cast:
    """People of a demo and the videos in which they appear.

    Attributes:
        people: People to search for.
        videos: Videos to render.
        absent: Slugs of the people who appear in no video.
    """

    people: tuple[Person, ...]
    videos: tuple[DemoVideo, ...]
    absent: tuple[str, ...] = ()

    @property
    def pictures(self) -> frozenset[str]:
        """Keys of the photos that the videos and the people need."""
        shots = (shot.picture for video in self.videos for shot in video.shots)
        return frozenset(shots) | {person.picture for person in self.people}


FULL = Cast(PEOPLE, VIDEOS, ABSENT)

SMALL = Cast(
    PUBLIC_DOMAIN,
    (
        DemoVideo(
            "navy/ship commissioning.mp4",
            "libx264",
            (
                CameraMove("admiral", 4.0, (256, 230, 560), (266, 234, 470)),
                ROCKET,
                CameraMove("admiral", 0.9, (262, 232, 500), (266, 236, 490), 0.85),
            ),
        ),
        *(video for video in VIDEOS if not {"group", "portrait"} & video.pictures),
        DemoVideo(
            EVENING_NEWS,
            "mpeg4",
            (
                CAT,
                CameraMove("admiral", 3.5, (262, 232, 520), (266, 234, 460)),
                CameraMove("coffee", 2.5, (300, 200, 560), (300, 200, 480)),
            ),
        ),
    ),
)
"""Photos in the public domain that packages of every installation ship."""


def installed_cast() -> Cast:
    """Return the cast whose photos are on this machine."""
    return FULL if find_spec("insightface") is not None else SMALL
