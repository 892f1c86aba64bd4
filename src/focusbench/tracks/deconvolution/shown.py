"""Which volumes the figures of this track show, in which order, and on which grey scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from focusbench import methods as known_methods
from focusbench.evaluation.metrics import psnr
from focusbench.paths import Restored
from focusbench.report.figures import is_trivial
from focusbench.report.results import Results
from focusbench.tracks.deconvolution.metrics import RANGE
from focusbench.tracks.deconvolution.score import fitted
from focusbench.tracks.deconvolution.sections import (
    FULL,
    GREY,
    Band,
    Column,
    limits,
    places,
    projections,
)
from focusbench.tracks.deconvolution.table1_notes import RECORDED

if TYPE_CHECKING:
    from pandas import DataFrame, Series

PAPER = ("supervised_mse", "supervised_gan", "cyclegan", "cyclegan_blur_kernel")  # of its figure 6
NONBLIND = "cyclegan_blur_kernel_nonblind"
BLACKEST, BRIGHTEST = 0.01, 0.999  # quantiles that are black and white where no truth is known
NEARLY_0 = 1e-3  # of white: a black so near to 0 is 0
ANOTHER_UNIT = 3.0  # an estimate so many times as bright as the observation has another unit


def ordered(methods: Sequence[str], first: Sequence[str]) -> list[str]:
    """Put those of `first` first, each followed by its variants; the others keep their order.

    Trivial ones are left out. A method of a user's own is taken for a variant of the one whose id
    its own begins with.
    """
    found = [method for method in methods if not is_trivial(method)]
    ranked = []
    for wanted in first:
        same = [method for method in found if wanted in (method, _kind(method))]
        ranked += sorted(same, key=lambda method: method != wanted)
    return list(dict.fromkeys([*ranked, *found]))


def chosen(methods: Sequence[str], first: Sequence[str], most: int) -> list[str]:
    """At most so many, as `ordered` has them; a user's own have a place before all others."""
    ranked = ordered(methods, first)
    own = [method for method in ranked if method not in known_methods.TABLE]
    kept = [*own, *(method for method in ranked if method not in own)][:most]
    return [method for method in ranked if method in kept]


def only(methods: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Those of `wanted` that were run, with their variants, in that order."""
    return [one for one in ordered(methods, wanted) if one in wanted or _kind(one) in wanted]


def _kind(method: str) -> str:
    """Longest known id that a method of a user's own begins with; of a known one, its own."""
    if method in known_methods.TABLE:
        return method
    known = (one for one in known_methods.TABLE if method.startswith(f"{one}_"))
    return max(known, default=method, key=len)


def band(
    results: Results,
    scores: DataFrame,
    sample: str,
    degradation: str,
    methods: Sequence[str],
    label: str = "",
    observation: str = "input",
) -> Band:
    """Read the observation, the methods' volumes and the truth, and what one grey scale suits them.

    Where the truth is known, white is its full intensity and black 0. Where not, they are quantiles
    of what is shown of the estimates; an estimate whose unit of intensity is not the
    observation's has a scale of its own.

    Parameters
    ----------
    scores
        `results.scores()`.
    methods
        Those that were not run on this observation are left out.
    label
        What to call the band.
    observation
        Heading of its column.
    """
    truth, observed = results.truth(sample), results.observed(sample, degradation)
    reference = observed.array if truth is None else truth.array
    where = places(reference, observed.voxel_size)
    rows = scores.set_index(list(Restored._fields))
    columns = []
    for method in ["input", *methods]:
        item = results.find(sample, degradation, method)
        if item is None and method != "input":
            continue
        volume = observed.array if item is None else results.restored(item).array
        beneath, scale = "", None
        if truth is not None:
            row = None if item is None else rows.loc[tuple(item)]
            volume, quality = _as_scored(volume, truth.array, row, degradation)
            beneath = f"{quality:.2f} dB" if math.isfinite(quality) else ""
        images = projections(volume, where)
        if truth is None and _other_unit(volume, observed.array):
            scale = _scale([images])
            beneath = limits(*scale)
        heading = observation if method == "input" else method
        columns.append(Column(heading, images, beneath, scale))
    black, white, unit = 0.0, RANGE, FULL
    if truth is not None:
        columns.append(Column("truth", projections(truth.array, where)))
    else:
        unit = GREY if degradation == RECORDED else FULL
        alike = [one.images for one in columns if one.scale is None]
        black, white = _scale(alike[1:] or alike)
    return Band(label, where, tuple(columns), black, white, unit)


def _as_scored(
    volume: np.ndarray, truth: np.ndarray, row: Series | None, degradation: str
) -> tuple[np.ndarray, float]:
    """Volume after the gain and offset it was scored with, and its PSNR (dB)."""
    if row is not None:
        gain, offset = float(row.get("gain", 1.0)), float(row.get("offset", 0.0))
        quality = float(row["psnr_volume"])
        return volume * np.float32(gain) + np.float32(offset), quality
    gain, _ = fitted(truth, volume, "gain" if degradation == RECORDED else None)
    scaled = volume * np.float32(gain)
    return scaled, psnr(truth, scaled, RANGE)


def _other_unit(volume: np.ndarray, observed: np.ndarray) -> bool:
    """Whether an estimate's light is not the observation's: a unit-sum PSF keeps the mean."""
    mean, seen = (float(one.mean(dtype=np.float64)) for one in (volume, observed))
    return not seen / ANOTHER_UNIT <= mean <= seen * ANOTHER_UNIT


def _scale(columns: Sequence[Mapping[str, np.ndarray]]) -> tuple[float, float]:
    """Black and white for these views; each column has its say in both."""
    values = [np.concatenate([image.ravel() for image in one.values()]) for one in columns]
    black = min(float(np.quantile(one, BLACKEST)) for one in values)
    white = max(float(np.quantile(one, BRIGHTEST)) for one in values)
    white = white if white > black else black + 1.0
    return (0.0 if abs(black) < NEARLY_0 * white else black), white


def left_out(results: Results, shown: Sequence[str]) -> str:
    """Say which methods are not shown; nothing where all are."""
    missing = [m for m in results.methods if m not in shown and m != "input"]
    return f" Not shown: {', '.join(missing)} (see the table)." if missing else ""


def quantiles(bands: Sequence[Band]) -> str:
    """Say what black and white are where no truth sets them."""
    if all(any(one.heading == "truth" for one in band.columns) for band in bands):
        return ""
    return (
        " Without a truth, black and white are quantiles of the shown views of the estimates: the "
        f"least of {100 * BLACKEST:g} % and the greatest of {100 * BRIGHTEST:g} %."
    )


def psnr_told(bands: Sequence[Band]) -> str:
    """Say what stands beneath the columns; nothing where no truth is known."""
    if not any("dB" in column.beneath for band in bands for column in band.columns):
        return ""
    return " Beneath each the PSNR of its whole volume (data range 1)."


def gained(bands: Sequence[Band], degradations: Sequence[str]) -> str:
    """Say that recordings with a truth are shown after a gain; nothing where there is none."""
    with_truth = any(column.heading == "truth" for band in bands for column in band.columns)
    if RECORDED not in degradations or not with_truth:
        return ""
    return " Volumes of a recording are shown after the gain they were scored with."


def trained(results: Results) -> str:
    """Say what learned methods were trained at; nothing where there are none."""
    at = sorted({training.rpartition("-seed")[0] for _, training in results.trained})
    return f" Learned methods were trained at {', '.join(at)}." if at else ""


def made_with(settings: Mapping[str, Any]) -> str:
    """Say, at the end of a caption, which seeds and which preset."""
    seeds = settings["track"].get("seeds") or [0]
    reduced = (
        ""
        if settings["preset"] == "paper"
        else ": smaller than the paper's experiment (volumes, networks, steps of training), so "
        "its pictures are not to be set beside the paper's"
    )
    return (
        f" Seed of the noise {settings['seed']}; the first seed of each method ({seeds[0]}). "
        f"Preset {settings['preset']}{reduced}."
    )
