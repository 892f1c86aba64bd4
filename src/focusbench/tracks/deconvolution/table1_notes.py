"""What stands beneath Table 1."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

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
from focusbench.tracks.deconvolution import structure_block
from focusbench.tracks.deconvolution.degradations import parse
from focusbench.tracks.deconvolution.metrics import METRICS
from focusbench.tracks.deconvolution.observations import Observation, peak_and_average
from focusbench.tracks.deconvolution.score_cells import FITTED_MARK, RECORDED
from focusbench.tracks.deconvolution.training_notes import (
    learned_little,
    on_other_volumes,
    training_notes,
)

if TYPE_CHECKING:
    from pandas import DataFrame

PUBLISHED_ON = "snr20"  # the degradation that Table I is about
PAPER_SHAPE = [128, 256, 512]  # (z, y, x)


def reasons(results: Results, settings: Mapping[str, Any]) -> list[str]:
    """Say why this run's numbers cannot be set beside the paper's."""
    found = preset_reasons(settings, "is smaller than the paper's experiment")
    shape = list(settings["track"]["shape"])
    if shape != PAPER_SHAPE and set(results.degradations) != {RECORDED}:
        found.append(f"volumes of {_times(shape)} voxels (z, y, x), not {_times(PAPER_SHAPE)}")
    if PUBLISHED_ON not in results.degradations:
        found.append("the paper's table is about observations with 20 dB of average SNR")
    return found


def summary(results: Results, settings: Mapping[str, Any], beside: bool) -> str:
    """Say what the numbers may be compared with; `beside`: published ones are shown."""
    return published_beside(
        beside,
        reasons(results, settings),
        "Same sizes, optics and noise as the paper's, but not its volumes, whose origin it does "
        "not tell: ours come from a generator that was calibrated until the row input landed on "
        "the paper's. The paper tested on one volume.",
    )


def notes(
    results: Results,
    scores: DataFrame,
    seen: Sequence[Observation],
    settings: Mapping[str, Any],
    grids: Mapping[str, ScoreGrid],
) -> list[str]:
    """Say how the table was made, and what its columns mean; `grids`: scores by degradation."""
    version, differs = provenance(settings)
    lines = [version, *learned_little(scores, results, settings), *volumes(results, settings)]
    lines += [*psf(results, settings), *training_notes(results, settings)]
    lines += [*on_other_volumes(results), work(results)]
    lines += [*set_parameters(results, settings), differs]
    lines += definitions(scores, [key for key in METRICS if key not in structure_block.SHOWN])
    if PUBLISHED_ON in results.degradations:
        lines.append(PUBLISHED_METRICS)
    lines += structure_block.notes({d: grid for d, grid in grids.items() if d != RECORDED})
    lines += snr(settings, seen)
    lines += fits(scores)
    lines.append(CONSISTENCY)
    lines.append(f"{BOLD}. Several seeds are averaged first.")
    lines.append(CSV)
    if not scores["repeatable"].all():
        lines.append(NOT_REPEATABLE)
    return lines


CONSISTENCY = (
    "Reduced chi-square: squared residual (observed minus re-blurred estimate, before any "
    "fit) over the expected power of the noise; a dash where there is none or none is known. "
    "That of the truth shows what a perfect estimate would reach: 1, and more where "
    "another PSF blurred the observation than the methods are told. Far below it an "
    "estimate follows the noise, far above it shows what the data do not."
)

PUBLISHED_METRICS = (
    "The paper does not say which voxels its PSNR averages over (its formula is that of a 2-D "
    "image) nor which window its SSIM has: set its PSNR beside that of the volume and of the XY "
    "slices, its SSIM beside uniform_3d."
)


def definitions(scores: DataFrame, keys: Sequence[str] | Mapping[str, Any]) -> list[str]:
    """Settings of the metrics that are in a table."""
    shown = [key for key in keys if METRICS[key].higher_is_better and key in scores]
    return [
        f"{METRICS[key].label}: {METRICS[key].settings}."
        for key in shown
        if not scores[key].isna().all()
    ]


def volumes(results: Results, settings: Mapping[str, Any]) -> list[str]:
    """Where volumes and recordings come from, and on which grid they are."""
    track, sources = settings["track"], settings.get("sources") or {}
    own = [s for s in results.samples if sources.get(s) == "fluorescence"]
    made = [s for s in results.samples if s not in own]
    texts = []
    if made:
        recipe = track.get("microtubules") or {}
        told = ", ".join(f"{key} {plain(value)}" for key, value in sorted(recipe.items()))
        texts.append(
            f"Volumes: {', '.join(made)}; {_times(track['shape'])} voxels (z, y, x) of "
            f"{_times(track['voxel_size'])} µm, intensities in [0, 1], made by the generator of "
            f"filaments ({told}; lengths in µm); every volume is drawn by itself."
        )
    if own:
        texts.append(
            f"Recordings of one's own: {', '.join(own)}; sizes, voxels, PSF and noise as the "
            "configuration tells them."
        )
    return texts


def psf(results: Results, settings: Mapping[str, Any]) -> list[str]:
    """Which PSFs blurred the observations, and which one the methods are told."""
    track = settings["track"]
    models = {parse(d).psf_model for d in results.degradations if d != RECORDED}
    if not models:
        return []
    optics = track["optics"]
    standard = optics.get("convention", "standard") == "standard"
    text = (
        f"PSF: NA {optics['numerical_aperture']:g}, index {optics['refractive_index']:g}, "
        f"{1000 * optics['wavelength']:g} nm in vacuum, {_times(optics['shape'])} voxels (z, y, x) "
        f"of unit sum, {optics['subsamples']} x {optics['subsamples']} points a pixel; convolution "
        f"with a {track['boundary']} boundary, not rescaled afterwards. What a method is "
        "told, if anything, is the Born-Wolf PSF (of a recording: its own). Its convention is "
    )
    text += (
        "standard: k = 2 pi / wavelength in vacuum, with the argument k NA rho r. The paper's Eq. "
        "23 has NA / n there, which is the same only if its k is that in the medium; with k in "
        f"vacuum its PSF would be {optics['refractive_index']:g} times wider along all axes."
        if standard
        else "as printed in the paper's Eq. 23 with k in vacuum, which is "
        f"{optics['refractive_index']:g} times wider along all axes than the standard one."
    )
    lines = [text]
    if "richards_wolf" in models:
        lines.append(
            "richards_wolf: blurred with the vectorial Richards-Wolf PSF of the same optics, "
            "unpolarised light."
        )
    if "offmodel" in models:
        told = track.get("aberration") or {}
        listed = ", ".join(f"{key} {plain(value)}" for key, value in sorted(told.items()))
        lines.append(f"offmodel: blurred with an aberrated Gibson-Lanni PSF ({listed}).")
    return lines


def snr(settings: Mapping[str, Any], seen: Sequence[Observation]) -> list[str]:
    """What an SNR is here, and why the paper's two do not go together; nothing without noise."""
    if all(math.isnan(one.snr_asked_db) for one in seen):
        return []
    share = settings["track"]["gaussian_fraction"]
    definition = (
        "Average SNR: 10 log10 of the sum of squares of the noise-free image over that of what "
        f"the noise changed. Gaussian noise comes first ({100 * share:g} % of the power of the "
        "noise), values below 0 are clipped, then comes Poisson noise, with the number of photons "
        "solved for the total. Peak SNR: the brightest voxel of the noise-free image, squared, "
        "over the variance of its noise."
    )
    return [definition, peak_and_average(seen)]


def fits(scores: DataFrame) -> list[str]:
    """What was fitted to the truth before scoring."""
    table = scores.reindex(columns=["degradation", "method", "gain", "offset"])
    recorded = table["degradation"] == RECORDED
    gain, offset = table["gain"].fillna(1), table["offset"].fillna(0)
    oracle = (offset != 0) | (~recorded & (gain != 1))
    lines = []
    for method in dict.fromkeys(table.loc[oracle, "method"]):
        own = oracle & (table["method"] == method)
        lines.append(
            f"{FITTED_MARK} {method} is an oracle: before it was scored, a gain (mean "
            f"{gain[own].mean():.3g}) and an offset (mean {offset[own].mean():.3g}) were fitted to "
            "the truth by least squares. It shows what is gained by the scale of intensities "
            "alone, and is never bold.".replace("-", "−")
        )
    if (recorded & table["gain"].notna()).any():
        lines.append(
            "recorded: the truth's unit of intensity is not the recording's, so one gain a volume "
            "was fitted to it by least squares before scoring, for every method alike."
        )
    return lines


def _times(values: Sequence[Any]) -> str:
    return " x ".join(f"{value:g}" for value in values) or "unknown"
