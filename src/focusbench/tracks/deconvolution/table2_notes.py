"""What stands above and beneath Table 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from focusbench.evaluation.statistics import FEWEST_SAMPLES
from focusbench.report.notes import (
    BOLD,
    NOT_REPEATABLE,
    published_beside,
    set_parameters,
    work,
)
from focusbench.report.results import Results
from focusbench.report.tables import provenance
from focusbench.tracks.deconvolution import observations
from focusbench.tracks.deconvolution.degradations import NOMINAL
from focusbench.tracks.deconvolution.table1_notes import (
    PUBLISHED_METRICS,
    PUBLISHED_ON,
    definitions,
    fits,
    psf,
    reasons,
    snr,
    volumes,
)
from focusbench.tracks.deconvolution.training_notes import learned_little, training_notes

if TYPE_CHECKING:
    from pandas import DataFrame

NAMES = {
    NOMINAL: "(a) Born-Wolf",
    "richards_wolf": "(b) Richards-Wolf",
    "offmodel": "(c) aberrated",
}
"""Models of the PSF as the table names them; the paper has (a) and (b)."""


def summary(
    results: Results, settings: Mapping[str, Any], noises: Mapping[str, Mapping[str, str]]
) -> str:
    """Say what the numbers may be compared with."""
    if not noises:
        return (
            "Nothing was run whose PSF is known: it takes degradations such as snr20 and "
            "richards_wolf_snr20."
        )
    text = published_beside(
        PUBLISHED_ON in noises,
        reasons(results, settings),
        "Same sizes, optics and noise as the paper's, but not its volumes; nothing was tuned on "
        "the difference of the models.",
    )
    absent = [
        f"{prefix}{noise} {NAMES[model]}"
        for noise, ids in noises.items()
        for model, prefix in zip(NAMES, ("", "richards_wolf_", "offmodel_"), strict=True)
        if model not in ids
    ]
    return f"{text} Not selected, so not in the table: {', '.join(absent)}." if absent else text


def notes(
    results: Results,
    scores: DataFrame,
    settings: Mapping[str, Any],
    noises: Mapping[str, Mapping[str, str]],
) -> list[str]:
    """Say how the table was made, and what its columns mean."""
    version, differs = provenance(settings)
    if not noises:
        return [version, differs]
    lines = [version, *learned_little(scores, results, settings), *volumes(results, settings)]
    lines += [*psf(results, settings), *training_notes(results, settings), work(results)]
    lines += [*set_parameters(results, settings), differs]
    lines.append("PSNR is that of the volume, SSIM is uniform_3d.")
    lines += definitions(scores, ["psnr_volume", "ssim_uniform_3d"])
    if PUBLISHED_ON in noises:
        lines.append(PUBLISHED_METRICS)
    lines += snr(settings, observations.read(results))
    lines += fits(scores)
    lines.append(
        "(c) is ours: a PSF that no method is told of, as in a real microscope. The paper has (a) "
        "and (b)."
    )
    lines.append(
        "Differences are paired, sample by sample, with their 95 % bootstrap interval from "
        f"{FEWEST_SAMPLES} samples on. Whatever blurred the observation, methods that are told "
        "a PSF are told the Born-Wolf one."
    )
    lines.append(f"{BOLD}.")
    if not scores["repeatable"].all():
        lines.append(NOT_REPEATABLE)
    return lines
