"""What stands above and beneath Table 3."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focusbench import methods
from focusbench.evaluation.statistics import FEWEST_SAMPLES
from focusbench.report.notes import (
    BOLD,
    NOT_REPEATABLE,
    published_beside,
    set_parameters,
    work,
)
from focusbench.report.results import Results
from focusbench.report.tables import fixed, provenance
from focusbench.tracks.deconvolution import learned, observations
from focusbench.tracks.deconvolution.learned import FEWEST_SEEDS, Training
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
from focusbench.tracks.deconvolution.told import left_out, pairs, told, trained_pairs, unsettled
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
    shown = shown[shown["degradation"] != RECORDED]
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
        f"{FEWEST_SAMPLES} samples on: above 0, the method that is told the PSF did better."
    )
    lines += _of_these_trainings(results, settings, trainings)
    if "blind_pupil" in results.methods:
        lines.append(_blind_pupil(settings))
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


def _of_these_trainings(
    results: Results, settings: Mapping[str, Any], trainings: Sequence[Training]
) -> list[str]:
    """Say what a difference of two methods that learn does not show; nothing where it does."""
    made = next(degradation for degradation in results.degradations if degradation != RECORDED)
    lines = []
    blind = []
    for one, other in trained_pairs(results.methods, made, trainings):
        if not learned.alike(one, other):
            blind.append(other)
            lines.append(
                f"{one.method} minus {other.method}: {_length(one)} against {_length(other)}. "
                "The interval is over volumes, for these very trainings, and says nothing of other "
                "trainings of the two."
            )
    if blind and settings["preset"] == "quick" and any(one.seeds < FEWEST_SEEDS for one in blind):
        lines.append(
            "Other seeds of the quick preset's cyclegan_blur_kernel, and slight changes of its "
            "schedule, differed by 1 to 3 dB "
            "(benchmarks/records/2026-11-21-deconvolution-learned.md)."
        )
    known = told(results.methods, trainings)
    plain = unsettled([method for method in results.methods if method in known], made, trainings)
    if plain:
        listed = ", ".join(method for method in results.methods if method in plain)
        lines.append(
            f"Never bold here, with fewer than {FEWEST_SEEDS} seeds or other steps than what they "
            f"are compared with: {listed}."
        )
    return lines


def _length(one: Training) -> str:
    steps = "an unknown number of" if math.isnan(one.steps) else fixed(one.steps, 0)
    return f"{steps} steps, {one.seeds} seed{'s' if one.seeds > 1 else ''}"


def _blind_pupil(settings: Mapping[str, Any]) -> str:
    """Say what the method is, and where its search starts."""
    start = methods.build("blind_pupil", (settings.get("methods") or {}).get("blind_pupil") or {})
    aperture = settings["track"]["optics"]["numerical_aperture"]
    text = (
        "blind_pupil is ours: it finds a PSF of a few numbers of the pupil in the observation "
        "alone, with no volume to learn from, then restores as richardson_lucy_tv does. The search "
        f"starts from a lens of NA {start.numerical_aperture:g}, index {start.refractive_index:g}, "
        f"{1000 * start.wavelength:g} nm in vacuum, its PSF widened {start.widening:g} times"
    )
    if start.numerical_aperture != aperture:
        sections = ("methods.deconvolution.blind_pupil", "tracks.deconvolution.optics")
        changed = {f"{section}.numerical_aperture" for section in sections}
        meant = "" if changed & set(settings.get("differs") or {}) else " deliberately"
        return f"{text}: this NA is{meant} not the true one, which is {aperture:g}."
    return f"{text}: this NA is the true one."


def _made(results: Results) -> bool:
    return any(degradation != RECORDED for degradation in results.degradations)
