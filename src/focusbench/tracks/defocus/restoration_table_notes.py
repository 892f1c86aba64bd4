"""What stands above and beneath the table of restored fields."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from focusbench.evaluation import published
from focusbench.evaluation.statistics import FEWEST_SAMPLES
from focusbench.report.notes import BOLD, CSV, NOT_REPEATABLE, preset_reasons, set_parameters, work
from focusbench.report.results import Results
from focusbench.report.tables import provenance
from focusbench.tracks.defocus import shown, table_notes, told
from focusbench.tracks.defocus.table_cells import listed
from focusbench.tracks.defocus.table_metrics import SHOWN, definition
from focusbench.training.level_map import BG

if TYPE_CHECKING:
    from focusbench.report.score_grid import ScoreGrid

MOST = 0.5  # of the patches: from there on it is said that they stay as observed
PATCHED = ("depth_variant_rectangular", "depth_variant_triangular")  # leave patches of level 0
TOLD_MARK = "‡"
ORACLE_NOTE = (
    f"{TOLD_MARK} told the truth: the true level of every patch, or of every pixel. It shows what "
    "better predictions could give, is never bold, and keeps no other from being bold."
)
ONLY_BACKGROUND = (
    "depth_invariant and blind use a predictor for one thing alone: which patches are background "
    "and stay as they are."
)
BINDING = (
    "Seams are measured along the same lines for all, whatever patches a method works in: those of "
    "the patches side by side."
)


def summary(settings: Mapping[str, Any], degradations: Sequence[str]) -> str:
    """Say what is shown, and what the paper prints of it."""
    claims = published.values("defocus_claims").set_index("claim")["value"]
    text = (
        "Fields blurred from place to place, with shot noise, as the paper's restored ones have; "
        "the paper shows such fields as images alone. It prints gains of patches at single levels: "
        f"{claims['depth_variant_psnr_gain_min']:g} to {claims['depth_variant_psnr_gain_max']:g} "
        f"dB depth-variant, {claims['depth_invariant_psnr_gain_min']:g} to "
        f"{claims['depth_invariant_psnr_gain_max']:g} dB depth-invariant, and SSIM "
        f"up to {claims['ssim_ratio_gain_max']:g} % higher."
    )
    reasons = preset_reasons(settings, "has narrower networks, trained for fewer epochs")
    reasons.append("those are means by level, over patches, ours over whole fields")
    if not degradations:
        return "No field was restored."
    return f"{text} Published and reproduced numbers are not comparable: {'; '.join(reasons)}."


def notes(
    results: Results, settings: Mapping[str, Any], grids: Mapping[str, ScoreGrid]
) -> list[str]:
    """Say how the table was made, and what its columns mean; `grids`: scores by degradation."""
    version, differs = provenance(settings)
    if not grids:
        return [version, differs]
    methods = list(dict.fromkeys(m for grid in grids.values() for m in grid.methods))
    sources = {told.levels_from(method, settings) for method in methods}
    lines = [version, *samples(settings, grids), *degraded(settings, list(grids))]
    predictors = told.predictors(sources)
    if predictors:
        lines.append(
            "Levels from: who told the method the levels of the patches. Predicted, from the "
            f"observed field alone: by {listed(sorted(predictors))}."
        )
    if set(told.ONLY_BACKGROUND) & set(methods):
        lines.append(ONLY_BACKGROUND)
    lines += untouched(results, settings, grids)
    lines += told.even_levels(sources, float(settings["track"]["optics"]["step"]))
    if told.ORACLE in sources:
        lines.append(ORACLE_NOTE)
    lines += table_notes.lengths(results, sorted(predictors))
    lines += [work(results), *set_parameters(results, settings), differs]
    shown = [key for key in SHOWN if any(grid.has(key) for grid in grids.values())]
    lines += [definition(key) for key in shown]
    if "seam_excess" in shown:
        lines.append(BINDING)
    if "ssim_65535" in shown:
        lines.append(papers_ssim())
    lines += lacking(grids)
    lines.append(
        "Differences are paired, sample by sample, with their 95 % bootstrap interval from "
        f"{FEWEST_SAMPLES} samples on; bold where it excludes 0. They are the same in PSNR of "
        "either range."
    )
    lines.append(f"{BOLD}. Several seeds are averaged first.")
    lines.append(CSV)
    if not all(grid.rows["repeatable"].all() for grid in grids.values()):
        lines.append(NOT_REPEATABLE)
    return lines


def untouched(
    results: Results, settings: Mapping[str, Any], grids: Mapping[str, ScoreGrid]
) -> list[str]:
    """Name methods that a predictor told of most patches that there is nothing to restore."""
    lines = []
    for degradation, grid in grids.items():
        for method in grid.methods:
            base = shown.family(method)
            name = told.levels_from(method, settings)
            if base not in shown.FAMILIES.values() or not told.predictors([name]):
                continue
            kept = (0, BG) if base in PATCHED else (BG,)
            share = _share(results, (degradation, method, name), kept)
            if share >= MOST:
                what = "level 0 or bg" if 0 in kept else "bg"
                lines.append(
                    f"{method}, {degradation}: {name} told {what} to {100 * share:.0f} % of the "
                    "patches; these stay as observed."
                )
    return lines


def _share(results: Results, which: tuple[str, str, str], kept: Sequence[int]) -> float:
    """Of the patches that a method was told of, those with one of these levels; 0: none known."""
    degradation, method, name = which
    found = [
        known.levels
        for item in results.items
        if (item.degradation, item.method) == (degradation, method)
        and (known := results.levels(name, item.sample, degradation, item.seed)) is not None
    ]
    return float(np.isin(np.concatenate(found), kept).mean()) if found else 0.0


def papers_ssim() -> str:
    """Say that the paper's SSIM cannot have the range of its PSNR."""
    claims = published.values("defocus_claims").set_index("claim")["value"]
    psnr, ssim = claims["cells_noisy_psnr"], claims["cells_noisy_ssim"]
    return (
        "The paper does not tell the range of its SSIM, and it is not that of its PSNR: with one "
        "range for both, and the constants of Wang et al., SSIM is 1 - 10^(-PSNR/10) / 0.01^2 at "
        f"least, whatever the image: {least_ssim(psnr):.3f} at the {psnr:.1f} dB of its noisy "
        f"cells (Fig. 7f), where it prints {ssim:g}. Neither of our two columns is its SSIM."
    )


def least_ssim(psnr: float) -> float:
    """Least SSIM of an image with that PSNR, dB, of the same range (K1 = 0.01, K2 = 0.03).

    Of a window, 1 less the product of SSIM's two factors is at most (d_mean^2 + d_variance) / C1,
    d being the difference of the images and C1 = (K1 range)^2 the smaller constant; its mean over
    the windows is the mean squared error over C1.
    """
    return 1 - 10 ** (-psnr / 10) / 0.01**2


def samples(settings: Mapping[str, Any], grids: Mapping[str, ScoreGrid]) -> list[str]:
    """Which fields were restored."""
    names = list(dict.fromkeys(sample for grid in grids.values() for sample in grid.samples))
    shape = (settings["track"].get("nuclei") or {}).get("shape")
    size = f" of {' x '.join(map(str, shape))} pixels (y, x)" if shape else ""
    real = table_notes.REAL in {(settings.get("sources") or {}).get(name) for name in names}
    made = "" if real else ", synthetic"
    return [
        f"Fields: {listed(names)}{size}{made}; no predictor learned from them unless it was split "
        "by image."
    ]


def degraded(settings: Mapping[str, Any], degradations: Sequence[str]) -> list[str]:
    """Say what the degradations are."""
    track, texts = settings["track"], []
    tilted = track.get("tilted") or {}
    if any(one.startswith("tilted") for one in degradations) and tilted:
        texts.append(
            f"tilted: a plane, from level {tilted['lowest']:g} to {tilted['highest']:g} across the "
            f"field at {tilted['angle']:g} degrees"
        )
    stepped = (track.get("stepped") or {}).get("levels")
    if any(one.startswith("stepped") for one in degradations) and stepped:
        texts.append(f"stepped: strips at the levels {', '.join(map(str, stepped))}")
    if any(one.startswith("level") for one in degradations):
        texts.append("level04: all at level 4, and so on; level 0 is the field as it is")
    if any(one.startswith("offmodel") for one in degradations):
        texts.append("offmodel: another PSF, at a level between two")
    if any(re.search("_(na|pixel|subsamples)[0-9]", one) for one in degradations):
        texts.append(
            "_na, _pixel, _subsamples: another aperture, pixel (µm) or number of points along a "
            "pixel in the light's PSF than in the one that methods are told"
        )
    if any(one.endswith("_poisson") for one in degradations):
        texts.append("_poisson: with shot noise, 1 count a photon, then rounded to whole counts")
    return [f"Degradations: {'; '.join(texts)}."] if texts else []


def lacking(grids: Mapping[str, ScoreGrid]) -> list[str]:
    """Name methods without a score that others have; nothing where none lacks one."""
    texts = []
    for degradation, grid in grids.items():
        for method, names in grid.lacking([key for key in SHOWN if grid.has(key)]).items():
            texts.append(f"{method} on {', '.join(names)} ({degradation})")
    return (
        [f"Without a score that others have, so no mean is over it: {'; '.join(texts)}."]
        if texts
        else []
    )
