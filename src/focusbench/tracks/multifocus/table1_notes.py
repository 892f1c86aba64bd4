"""What stands beneath Table 1; its parts serve the other tables as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focusbench.evaluation import published
from focusbench.paths import base_id
from focusbench.report.notes import (
    BOLD,
    CSV,
    NOT_REPEATABLE,
    preset_reasons,
    published_beside,
    set_parameters,
    work,
)
from focusbench.report.results import Results
from focusbench.report.score_grid import ScoreGrid
from focusbench.report.tables import plain, provenance
from focusbench.tracks.multifocus.degradations import describe
from focusbench.tracks.multifocus.metrics import METRICS

if TYPE_CHECKING:
    from pandas import DataFrame

PUBLISHED_ON = "clean"  # the degradation that Table 1 is about
PAPER_SIZE, PAPER_SLICES = 128, 11


def summary(results: Results, settings: Mapping[str, Any], beside: bool) -> str:
    """Say what the numbers may be compared with; `beside`: published ones are shown."""
    theirs = set(published.values("multifocus_table1")["sample"])
    own = [sample for sample in base_ids(results.samples) if sample not in theirs]
    reasons = [*preset_reasons(settings), *size_reasons(results, settings)]
    if own:
        reasons.append(f"{', '.join(own)}: not among the paper's volumes")
    if PUBLISHED_ON not in results.degradations:
        reasons.append("Table 1 of the paper is about observations without noise")
    return published_beside(
        beside,
        reasons,
        "Reproduced with the paper's settings on its volumes. The paper does not say which part "
        "of a volume it cut out, so the two columns need not agree.",
    )


def size_reasons(
    results: Results, settings: Mapping[str, Any], paper: int = PAPER_SIZE
) -> list[str]:
    """Say so where volumes are not as large as the paper's, `paper` voxels wide."""
    size, slices = (settings["track"].get(key) for key in ("size", "slices"))
    prepared = [s for s in results.samples if (settings.get("sources") or {}).get(s) != "stack"]
    if not prepared or (size, slices) == (paper, PAPER_SLICES):
        return []
    wanted = f"{paper} x {paper} x {PAPER_SLICES}"
    return [f"volumes of {size} x {size} x {slices}, not {wanted}"]


def clean_first(degradations: Sequence[str]) -> list[str]:
    """Order degradations for a reader."""
    return sorted(degradations, key=lambda degradation: degradation != PUBLISHED_ON)


def base_ids(samples: Sequence[str]) -> list[str]:
    """Ids without the size that a study gives them: what a reader knows them by."""
    return [base_id(sample) for sample in samples]


def notes(results: Results, settings: Mapping[str, Any]) -> list[str]:
    """Say how the table was made, and what its columns mean."""
    scores = results.scores()
    lines = made(results, settings)
    if scores.empty:
        return lines
    keys = ("psnr", "psnr_range0.3", "ssim_paper", "ssim_wang_3d", "ssim_wang_2d")
    lines += definitions(scores, keys, unseen=("ssim_wang_2d",))
    lines.append(
        "Reduced chi-square: squared residual (observed minus re-rendered estimate) over the "
        "variance of noise and quantisation; a dash where there is neither. The column of the "
        "truth shows what a perfect estimate would reach: less than 1 where noise was clipped at "
        "full intensity or nothing absorbs, more where the model is wrong."
    )
    lines.append(
        f"{BOLD}, and a published mean over these same samples. Several seeds: mean ± standard "
        "deviation over them."
    )
    lines += without_score(
        {
            degradation: ScoreGrid(
                scores[scores["degradation"] == degradation],
                results.samples,
                results.methods,
                METRICS,
                settings["seed"],
            )
            for degradation in clean_first(results.degradations)
        }
    )
    lines.append(CSV)
    lines += ellipsoids(results)
    if not scores["repeatable"].all():
        lines.append(NOT_REPEATABLE)
    return lines


def made(results: Results, settings: Mapping[str, Any]) -> list[str]:
    """Say what a table was made of: version, volumes, degradations, work, parameters."""
    version, differs = provenance(settings)
    if not results.items:
        return [version, "No restoration was selected.", differs]
    listed = "; ".join(f"{name} ({describe(name)})" for name in clean_first(results.degradations))
    return [
        version,
        volumes(results, settings),
        f"Degradations: {listed}.",
        work(results),
        *set_parameters(results, settings),
        differs,
    ]


def definitions(scores: DataFrame, keys: Sequence[str], unseen: Sequence[str] = ()) -> list[str]:
    """Say how each metric of `keys` that has values is defined; `unseen` are in the CSV alone."""
    lines = []
    for key in keys:
        if key in scores and not scores[key].isna().all():
            where = " (in the CSV file)" if key in unseen else ""
            lines.append(f"{METRICS[key].label}{where}: {METRICS[key].settings}.")
    return lines


def without_score(grids: Mapping[str, ScoreGrid]) -> list[str]:
    """Name methods without a score that others have, by what the grids are about."""
    texts = [
        f"{method} on {', '.join(base_ids(samples))} ({words})"
        for words, grid in grids.items()
        for method, samples in grid.lacking(("psnr", "ssim_paper")).items()
    ]
    if not texts:
        return []
    return [
        f"No score: {'; '.join(texts)}. Such a sample is in no mean of these scores, of no method."
    ]


def ellipsoids(results: Results) -> list[str]:
    """Warn where a phantom follows the recipe of the volumes that a method is trained on."""
    if "ellipsoids" not in base_ids(results.samples) or not results.trained:
        return []
    return [
        "The phantom ellipsoids follows the recipe of the volumes that dip_pretrain_2 is "
        "trained on (drawn apart: it is not among them), which favours that method there."
    ]


def volumes(results: Results, settings: Mapping[str, Any]) -> str:
    """Where volumes and stacks come from, and on which grid they are."""
    track, sources = settings["track"], settings.get("sources") or {}
    kinds: dict[str, list[str]] = {}
    for sample in results.samples:
        kinds.setdefault(sources.get(sample, ""), []).append(base_id(sample))
    recorded = kinds.pop("stack", [])
    geometry = track.get("geometry") or {}
    parts = []
    if kinds:
        listed = "; ".join(
            f"{', '.join(samples)}{f' (source {source})' if source else ''}"
            for source, samples in kinds.items()
        )
        size = track.get("size")
        optics = ", ".join(f"{key} {plain(value)}" for key, value in sorted(geometry.items()))
        parts.append(
            f"Volumes: {listed}; prepared to {size} x {size} x {track.get('slices')} voxels"
            f"{f'; imaging model: {optics} (lengths in µm)' if optics else ''}."
        )
    if recorded:
        given = {key: geometry.get(key) for key in ("numerical_aperture", "aperture_grid")}
        optics = ", ".join(f"{key} {plain(value)}" for key, value in given.items() if value)
        parts.append(
            f"Recorded stacks without a truth: {', '.join(recorded)}; size and steps as recorded"
            f"{f'; imaging model: {optics}, unless a stack has its own' if optics else ''}."
        )
    return " ".join(parts)
