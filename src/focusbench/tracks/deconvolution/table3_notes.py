"""What stands above and beneath Table 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from focusbench.tracks.deconvolution.learned import Training
from focusbench.tracks.deconvolution.score_cells import RECORDED
from focusbench.tracks.deconvolution.table1_notes import (
    CONSISTENCY,
    PUBLISHED_METRICS,
    PUBLISHED_ON,
    definitions,
    fits,
    psf,
    reasons,
    snr,
    volumes,
)
from focusbench.tracks.deconvolution.told import left_out, pairs, told
from focusbench.tracks.deconvolution.training_notes import learned_little, training_notes

if TYPE_CHECKING:
    from pandas import DataFrame


def summary(results: Results, settings: Mapping[str, Any], trainings: Sequence[Training]) -> str:
    """Say what the numbers may be compared with, and what was not run."""
    if not _made(results):
        return "Nothing was run whose PSF is known: it takes a degradation such as snr20."
    text = published_beside(
        PUBLISHED_ON in results.degradations,
        reasons(results, settings),
        "Same sizes, optics and noise as the paper's, but not its volumes.",
    )
    if not pairs(results.methods, trainings):
        text += (
            " No two methods were run that differ in what they are told: it takes "
            "cyclegan_blur_kernel with cyclegan_blur_kernel_nonblind, or blind_pupil with "
            "richardson_lucy_tv."
        )
    return text


def notes(
    results: Results,
    scores: DataFrame,
    settings: Mapping[str, Any],
    trainings: Sequence[Training],
) -> list[str]:
    """Say how the table was made, and what its columns mean."""
    version, differs = provenance(settings)
    if not _made(results):
        return [version, differs]
    shown = scores[scores["method"].isin(told(results.methods, trainings))]
    lines = [version, *learned_little(shown, results, settings), *volumes(results, settings)]
    lines += [*psf(results, settings), *training_notes(results, settings), work(results)]
    lines += [*set_parameters(results, settings), differs]
    absent = left_out(results.methods, trainings)
    if absent:
        lines.append(
            f"Neither blind nor told, so in Table 1 alone: {'; '.join(absent)}. The paper's Table "
            "III is about its own method; our classical rows show what is gained where the PSF is "
            "told and nothing is learned."
        )
    lines.append(
        "Differences are paired, sample by sample, with their 95 % bootstrap interval from "
        f"{FEWEST_SAMPLES} samples on: above 0, knowing the PSF helps."
    )
    if "blind_pupil" in results.methods:
        lines.append(
            "blind_pupil is ours: it finds a PSF of a few numbers of the pupil in the observation "
            "alone, with no volume to learn from, starting from what the objective's label says, "
            "then restores as richardson_lucy_tv does."
        )
    lines += definitions(scores, ["psnr_volume", "ssim_uniform_3d"])
    if PUBLISHED_ON in results.degradations:
        lines.append(PUBLISHED_METRICS)
    lines += [*snr(settings, observations.read(results)), *fits(scores)]
    lines.append(
        f"{CONSISTENCY} Blind methods are judged with the PSF that the others are told, not with "
        "their own."
    )
    lines.append(f"{BOLD}. Several seeds are averaged first, in the CSV file too.")
    if not scores["repeatable"].all():
        lines.append(NOT_REPEATABLE)
    return lines


def _made(results: Results) -> bool:
    return any(degradation != RECORDED for degradation in results.degradations)
