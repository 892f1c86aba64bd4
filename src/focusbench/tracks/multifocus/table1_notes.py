"""What stands beneath Table 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focusbench.evaluation import published
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
from focusbench.report.tables import plain, provenance
from focusbench.tracks.multifocus.degradations import parse
from focusbench.tracks.multifocus.metrics import METRICS

if TYPE_CHECKING:
    from pandas import DataFrame

PUBLISHED_ON = "clean"  # the degradation that Table 1 is about
PAPER_SIZE, PAPER_SLICES = 128, 11


def summary(results: Results, settings: Mapping[str, Any], beside: bool) -> str:
    """Say what the numbers may be compared with; `beside`: published ones are shown."""
    track = settings["track"]
    theirs = set(published.values("multifocus_table1")["sample"]) - {published.AVERAGE}
    own = [sample for sample in results.samples if sample not in theirs]
    size, slices = track.get("size"), track.get("slices")
    reasons = preset_reasons(settings)
    prepared = [s for s in results.samples if (settings.get("sources") or {}).get(s) != "stack"]
    if prepared and (size, slices) != (PAPER_SIZE, PAPER_SLICES):
        reasons.append(f"volumes of {size} x {size} x {slices}, not 128 x 128 x 11")
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


def notes(
    results: Results, scores: DataFrame, settings: Mapping[str, Any], degradations: Sequence[str]
) -> list[str]:
    """Say how the table was made, and what its columns mean."""
    lines = provenance(settings)
    lines.insert(1, _volumes(results, settings))
    lines.insert(2, f"Degradations: {'; '.join(map(_describe, degradations))}.")
    lines[3:3] = [work(results), *set_parameters(results, settings)]
    for key in ("psnr", "psnr_range0.3", "ssim_paper", "ssim_wang_3d", "ssim_wang_2d"):
        if key not in scores or scores[key].isna().all():
            continue
        where = " (in the CSV file)" if key == "ssim_wang_2d" else ""
        lines.append(f"{METRICS[key].label}{where}: {METRICS[key].settings}.")
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
    lines.append(CSV)
    if "ellipsoids" in results.samples and results.trained:
        lines.append(
            "The phantom ellipsoids follows the recipe of the volumes that dip_pretrain_2 is "
            "trained on (drawn apart: it is not among them), which favours that method there."
        )
    if not scores["repeatable"].all():
        lines.append(NOT_REPEATABLE)
    return lines


def _volumes(results: Results, settings: Mapping[str, Any]) -> str:
    """Where volumes and stacks come from, and on which grid they are."""
    track, sources = settings["track"], settings.get("sources") or {}
    kinds: dict[str, list[str]] = {}
    for sample in results.samples:
        kinds.setdefault(sources.get(sample, ""), []).append(sample)
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


def _describe(degradation: str) -> str:
    if degradation == "recorded":
        return "recorded (a focal stack of one's own, without truth)"
    parts = parse(degradation)
    finer = "rendered from voxels of half the size with another aperture grid"
    words = [
        finer if parts.offmodel else "",
        f"Gaussian noise of standard deviation {parts.sigma:g}" if parts.sigma else "no noise",
        "8 bits" if parts.quantised else "not quantised",
    ]
    return f"{degradation} ({', '.join(filter(None, words))})"
