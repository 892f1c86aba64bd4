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
    OWN,
    Band,
    Column,
    places,
    projections,
)
from focusbench.tracks.deconvolution.table1_notes import RECORDED

if TYPE_CHECKING:
    from pandas import DataFrame, Series

PAPER = ("supervised_mse", "supervised_gan", "cyclegan", "cyclegan_blur_kernel")  # of its figure 6
NONBLIND = "cyclegan_blur_kernel_nonblind"
BRIGHTEST = 0.999  # quantile that is white where no truth is known


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


def not_run(methods: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Those of `wanted` that were not run, nor any variant of them."""
    kinds = {kind for method in methods for kind in (method, _kind(method))}
    return [one for one in wanted if one not in kinds]


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
    """Read the observation, the methods' volumes and the truth, and what grey scale suits them.

    Where the truth is known, white is its full intensity. Where not, intensities have no common
    unit (a few bright voxels of one estimate would make all others black): every volume is
    over a white of its own, a quantile of what is shown of it. Black is 0.

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
        beneath, quality = "", math.nan
        if truth is not None:
            row = None if item is None else rows.loc[tuple(item)]
            volume, quality = _as_scored(volume, truth.array, row, degradation)
            beneath = f"{quality:.2f} dB" if math.isfinite(quality) else ""
        images = projections(volume, where)
        if truth is None:
            white = _white(images)
            images = {name: image / np.float32(white) for name, image in images.items()}
            beneath = f"white: {_short(white)}"
        heading = observation if method == "input" else method
        columns.append(Column(heading, images, beneath, quality))
    if truth is None:
        return Band(label, where, tuple(columns), 0.0, 1.0, OWN)
    columns.append(Column("truth", projections(truth.array, where)))
    return Band(label, where, tuple(columns), 0.0, RANGE, FULL)


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


def _white(images: Mapping[str, np.ndarray]) -> float:
    """Intensity that is white in all views of a volume; 1 where nothing is above 0."""
    values = np.concatenate([image.ravel() for image in images.values()])
    found = float(np.quantile(values, BRIGHTEST))
    found = found if found > 0 else float(values.max())
    return found if found > 0 else 1.0


def _short(value: float) -> str:
    """Write with two digits, as 4.7e3 where it is no handy number."""
    if 0.1 <= value < 100:
        return f"{value:.2g}"
    digits, power = f"{value:.1e}".split("e")
    return f"{digits}e{int(power)}"


def left_out(results: Results, shown: Sequence[str]) -> str:
    """Say which methods are not shown; nothing where all are."""
    missing = [m for m in results.methods if m not in shown and m != "input"]
    return f" Not shown: {', '.join(missing)} (see the table)." if missing else ""


def quantiles(bands: Sequence[Band]) -> str:
    """Say what white is where no truth sets it."""
    if all(band.unit != OWN for band in bands):
        return ""
    return (
        f" Without a truth, white is the {100 * BRIGHTEST:g} % quantile of the column's own views, "
        "in grey values of the estimate: brightness says nothing from column to column."
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
    """Say what learned methods were trained at or on; nothing where there are none."""
    at = sorted({training.rpartition("-seed")[0] for _, training in results.trained})
    made = [one for one in at if one != RECORDED]
    where = [f"at {', '.join(made)}"] if made else []
    where += ["on recordings"] if RECORDED in at else []
    return f" Learned methods were trained {' or '.join(where)}." if where else ""


def not_learned(results: Results, band: Band) -> str:
    """Name learned methods of a band that are further from the truth than its observation is."""
    least = next((one.quality for one in band.columns if one.heading == "input"), math.nan)
    learned = {method for method, _ in results.trained}
    below = [one for one in band.columns if one.heading in learned and one.quality < least]
    if not below:
        return ""
    named = ", ".join(f"{one.heading} {one.quality:.1f} dB" for one in below)
    have = "Has" if len(below) == 1 else "Have"
    return f" {have} not learned in this budget: {named}, below the input's {least:.1f} dB."


def tiled(results: Results, band: Band, sample: str, degradation: str) -> str:
    """Say where speckle comes from if a learned method that restored in tiles is shown."""
    from focusbench.training.sharpening import Sharpening

    learned = {method for method, _ in results.trained}
    for column in band.columns:
        item = results.find(sample, degradation, column.heading)
        if item is None or column.heading not in learned:
            continue
        given = results.record(item).get("parameters") or {}
        if max(band.places.shape) > given.get("tile", Sharpening.tile):
            return (
                " Learned methods restore in tiles, and instance normalisation scales each by what "
                "is in it: one without structure (filaments) has its noise lifted to speckle."
            )
    return ""


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
