"""What the observations are like: the noise that was asked for, and the noise that came out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from focusbench.report.results import Results
from focusbench.report.tables import DASH, Block, Cell, cell, fixed
from focusbench.tracks.deconvolution.degradations import parse

PAPER_PHOTONS = 256  # 10 log10(256) = 24.08 dB, the paper's peak SNR
PAPER_SNR = 20.0  # dB, the paper's average SNR
PSF_NAMES = {
    "born_wolf": "Born-Wolf",
    "richards_wolf": "Richards-Wolf",
    "offmodel": "Gibson-Lanni, aberrated",
}
COLUMNS = ("psf_model", "snr_asked_db", "snr_db", "peak_snr_db", "photons_at_peak")


@dataclass(frozen=True)
class Observation:
    """One observation as its record tells it; NaN where there is nothing to tell."""

    sample: str
    degradation: str
    psf_model: str | None  # None: a recording
    snr_asked_db: float
    snr_db: float
    peak_snr_db: float
    photons_at_peak: float  # expected in the brightest voxel of the noise-free image
    snr_of_paper_photons: float  # dB, of shot noise alone with PAPER_PHOTONS at the peak


def read(results: Results) -> list[Observation]:
    """Read the record of every observation, in the order of the items.

    Raises
    ------
    InputError
        A record is missing or is not JSON.
    """
    ids = dict.fromkeys((item.degradation, item.sample) for item in results.items)
    order = {degradation: i for i, degradation in enumerate(results.degradations)}
    return [
        _observation(sample, degradation, results.observation_record(sample, degradation))
        for degradation, sample in sorted(ids, key=lambda one: order[one[0]])
    ]


def _observation(sample: str, degradation: str, about: Mapping[str, Any]) -> Observation:
    model = about.get("psf_model")
    asked = None if model is None else parse(degradation).snr_db
    noise, image = about.get("noise") or {}, about.get("noise_free") or {}
    peak, mean, square = (_number(image.get(key)) for key in ("peak", "mean", "mean_square"))
    return Observation(
        sample,
        degradation,
        model,
        _number(asked),
        _number(about.get("snr_db")),
        _number(about.get("peak_snr_db")),
        _number(noise.get("photons")) * peak,
        # shot noise of n photons a unit has the variance mean / n, and here n is photons / peak
        10 * math.log10(PAPER_PHOTONS * square / (peak * mean)) if peak * mean > 0 else math.nan,
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def between(values: Iterable[float], write: Callable[[float], str]) -> str:
    """Write numbers as lowest to highest; once where both read alike, a dash where none is."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return DASH
    low, high = write(min(known)), write(max(known))
    return low if low == high else f"{low} to {high}"


def decibels(values: Iterable[float]) -> str:
    """Write SNRs as lowest to highest."""
    return between(values, lambda value: fixed(value, 2))


def photons(values: Iterable[float]) -> str:
    """Write counts of photons as lowest to highest."""
    return between(values, lambda value: fixed(value, 0))


def blocks(seen: Sequence[Observation]) -> list[Block]:
    """Make the block of the observations that this package made; none for recordings alone."""
    made = [one for one in seen if one.psf_model is not None]
    rows = []
    for degradation in dict.fromkeys(one.degradation for one in made):
        rows.append(_row(degradation, [one for one in made if one.degradation == degradation]))
    header = (
        "observation",
        "blurred with",
        "average SNR asked, dB",
        "measured, dB",
        "photons at the peak",
        "peak SNR, dB",
    )
    title = "Observations: noise as asked and as it came out, lowest to highest over the samples"
    return [Block(title, header, tuple(rows))] if rows else []


def _row(degradation: str, made: Sequence[Observation]) -> tuple[Cell, ...]:
    asked = made[0].snr_asked_db
    return (
        cell(degradation),
        cell(PSF_NAMES.get(made[0].psf_model or "", made[0].psf_model or DASH)),
        cell("no noise" if math.isnan(asked) else f"{asked:g}"),
        cell(decibels(one.snr_db for one in made)),
        cell(photons(one.photons_at_peak for one in made)),
        cell(decibels(one.peak_snr_db for one in made)),
    )


def peak_and_average(seen: Sequence[Observation]) -> str:
    """Say why the paper's peak SNR and average SNR do not go together on these volumes."""
    of_paper = [one for one in seen if not math.isnan(one.snr_of_paper_photons)]
    text = (
        "The paper names 20 dB of average SNR and 24.08 dB of peak SNR, which is 10 log10(256): "
        "shot noise with 256 photons in the brightest voxel."
    )
    if not of_paper:
        return text
    left = decibels(one.snr_of_paper_photons for one in of_paper)
    sparse = max(one.snr_of_paper_photons for one in of_paper) < PAPER_SNR
    text += (
        " On volumes as sparse as these both cannot hold, as most of the light is far dimmer than "
        f"the peak: with 256 photons there, shot noise alone leaves an average SNR of {left} dB."
        if sparse
        else f" With 256 photons there, shot noise alone leaves an average SNR of {left} dB here."
    )
    met = [o for o in seen if o.snr_asked_db == PAPER_SNR and not math.isnan(o.photons_at_peak)]
    if met:
        text += (
            f" The average is the one that is met: 20 dB take "
            f"{photons(one.photons_at_peak for one in met)} photons at the peak."
        )
    return text
