"""One sampled frame -> its faces: detected, aligned, embedded, with their quality."""

from __future__ import annotations

from pipelines.stages.turning.film import TurnEvidence, detect
from pipelines.stages.turning.parts import PartEvidence
from vidsearch.datatypes import Frame, FrameFaces
from vidsearch.faces.geometry.align import align_faces, with_margin, without_margin
from vidsearch.faces.quality import face_quality, too_poor
from vidsearch.faces.track.kept import encode_aligned
from vidsearch.models.registry import LoadedPack


def run(
    frame: Frame,
    models: LoadedPack,
    jpeg_quality: int,
    evidence: TurnEvidence | None = None,
    parts: PartEvidence | None = None,
) -> FrameFaces:
    """Return all faces of a frame, possibly none.

    Args:
        frame: The frame.
        models: Detector and embedder.
        jpeg_quality: Quality of the stored aligned faces.
        evidence: Collects whether the film lies on its side; None if that is known.
        parts: Collects which parts of it lie; None if that does not matter.
    """
    detections, weak = detect(frame.image, models.detector)
    if evidence is not None and not evidence.is_upright:
        evidence.add(frame.image, detections, weak)
    if parts is not None:
        parts.add(frame, detections, weak)
    template = models.embedder.template
    stored = with_margin(template)
    stored_faces = align_faces(frame.image, detections.landmarks, stored)
    aligned = without_margin(stored_faces, template)
    return FrameFaces(
        time_s=frame.time_s,
        frame_duration_s=frame.duration_s,
        shot=frame.shot,
        frame_wh=(frame.image.shape[1], frame.image.shape[0]),
        detections=detections,
        embeddings=models.embedder.embed(aligned),
        quality=face_quality(
            aligned, detections.landmarks, detections.boxes_xyxy, detections.scores
        ),
        too_poor=too_poor(aligned, detections.landmarks, detections.boxes_xyxy),
        aligned_jpegs=encode_aligned(stored_faces, jpeg_quality),
        aligned_points=stored.array,
    )
