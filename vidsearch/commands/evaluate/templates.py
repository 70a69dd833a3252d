"""``vidsearch evaluate templates``: IJB-B and IJB-C."""

from __future__ import annotations

from pathlib import Path

import click

from vidsearch.commands import options
from vidsearch.commands.app import command
from vidsearch.commands.evaluate.options import file_option, finish, output


@command("templates", "templates of many media: IJB-B, IJB-C, 1:1 and 1:N")
@click.argument("media", metavar="MEDIA", type=Path, help="*_face_tid_mid.txt")
@file_option("--pairs", "*_template_pair_label.txt: verification 1:1")
@file_option("--faces", "*_name_5pts_score.txt: landmarks and detection scores")
@file_option("--probes", "*_1N_probe_mixed.csv: identification 1:N")
@file_option(
    "--embeddings", ".npy, or .parquet with a column 'embedding': raw, mirrored face added"
)
@file_option("--save-embeddings", ".npy file for the embeddings of --images")
@click.option(
    "--gallery",
    "galleries",
    metavar="FILE",
    type=Path,
    multiple=True,
    help="*_1N_gallery_G1.csv (repeatable: G1 and G2)",
)
@click.option("--images", metavar="FOLDER", type=Path, help="the images (loose_crop)")
@click.option(
    "--halves",
    is_flag=True,
    help="a row of --embeddings holds two embeddings: the face, then the mirrored face",
)
@click.option(
    "--detection-scores", is_flag=True, help="weigh every embedding by its detection score"
)
@options.pack
@options.device
@options.processes
@output("reports/templates")
def templates(
    media: Path,
    pairs: Path | None,
    faces: Path | None,
    probes: Path | None,
    embeddings: Path | None,
    save_embeddings: Path | None,
    galleries: tuple[Path, ...],
    images: Path | None,
    halves: bool,
    detection_scores: bool,
    model: str,
    device: str,
    processes: int,
    out: str,
    as_json: bool,
) -> int:
    """Measure the protocols of IJB-B and IJB-C.

    1:1 gives TAR at FAR of template pairs; 1:N gives rank-k and TPIR at FPIR of probes in
    galleries. MEDIA names the template and the medium of every image. Embeddings are made from
    --images or read from --embeddings, one row per line of MEDIA.
    """
    from vidsearch.evaluation.photo_embeddings import EmbeddingOptions
    from vidsearch.evaluation.report import check_target
    from vidsearch.evaluation.templates.data import TemplateOptions
    from vidsearch.evaluation.templates.evaluate import evaluate_templates

    check_target(out)
    embedding = EmbeddingOptions(
        model=model, device=device, processes=processes, show_progress=True
    )
    protocol = TemplateOptions(
        media=media,
        pairs=pairs,
        faces=faces,
        images=images,
        embeddings=embeddings,
        halves=halves,
        detection_scores=detection_scores,
        galleries=galleries,
        probes=probes,
        save_embeddings=save_embeddings,
        threads=processes,
    )
    return finish(evaluate_templates(protocol, embedding), out, as_json)
