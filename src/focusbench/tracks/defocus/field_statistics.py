"""Statistics of fields of nuclei: how often each count occurs, and the power by frequency.

What a figure sets side by side of synthetic and real fields. Both are free of a field's size. Where
no real fields are at hand, quantiles of nine of them come with the package (`shipped`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

from focusbench.data import bbbc006
from focusbench.errors import InputError
from focusbench.files import write_text

FILE = "bbbc006_statistics.csv"
EDGES = np.rint(np.geomspace(90, 4096, 61)) - 0.5
"""Counts between which pixels are counted, about equally wide in their logarithm; of 12 bits.

Halves: a bin holds whole numbers of counts."""
FREQUENCIES = np.geomspace(0.004, 0.5, 25)
"""Cycles a pixel between which the power is averaged; 0.5 is the finest that pixels hold."""
QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
COLUMNS = ("statistic", "low", "high", "least", "quarter", "median", "three_quarters", "most")
HEADING = (
    "Quantiles over {fields} in-focus fields of image set BBBC006v1 (Hoechst; {names}), Broad "
    "Bioimage Benchmark Collection, Ljosa et al., Nature Methods 9, 637 (2012).",
    "counts: share of the pixels from `low` to below `high` counts; what lies beyond the outermost "
    "bins is in them.",
    "power: mean power spectral density, counts^2 px^2, from `low` to below `high` cycles a pixel.",
    "Made by focusbench.tracks.defocus.field_statistics.write from a folder with the images.",
)


class Quantiles(NamedTuple):
    """What fields have in common, and how far they differ.

    Attributes
    ----------
    counts
        float64 (5, bins): `QUANTILES` over the fields of the share of pixels between `EDGES`.
    power
        float64 (5, bands): likewise of the power between `FREQUENCIES`; NaN: no field has so low a
        frequency.
    """

    counts: np.ndarray
    power: np.ndarray


def histogram(field: np.ndarray) -> np.ndarray:
    """Share of the pixels of a field (Y, X), in counts, between `EDGES`; they sum to 1."""
    inside = np.clip(field, EDGES[0], EDGES[-1])  # the last bin holds its upper edge
    return np.histogram(inside, EDGES)[0] / field.size


def spectrum(field: np.ndarray) -> np.ndarray:
    """Mean power spectral density between `FREQUENCIES`, in all directions.

    Of white noise it is the variance, whatever the field's size: a Hann window along both axes
    keeps the borders out, and is divided out.

    Parameters
    ----------
    field
        (Y, X), counts.

    Returns
    -------
    numpy.ndarray
        float64, counts^2 px^2; NaN where the field has no such frequency.
    """
    values = np.asarray(field, np.float64)
    window = np.multiply.outer(*(np.hanning(side) for side in values.shape))
    centred = values - (values * window).sum() / window.sum()
    power = np.abs(np.fft.fft2(centred * window)) ** 2 / np.square(window).sum()
    places = np.hypot(*np.ix_(*(np.fft.fftfreq(side) for side in values.shape)))
    band = np.digitize(places, FREQUENCIES).ravel() - 1
    inside = (band >= 0) & (band < len(FREQUENCIES) - 1)
    bands = len(FREQUENCIES) - 1
    total = np.bincount(band[inside], power.ravel()[inside], bands)
    many = np.bincount(band[inside], minlength=bands)
    return np.divide(total, many, out=np.full(bands, np.nan), where=many > 0)


def quantiles(fields: Sequence[np.ndarray]) -> Quantiles:
    """Compute `QUANTILES` over fields (Y, X), in counts.

    Raises
    ------
    InputError
        There are none.
    """
    if not len(fields):
        raise InputError("statistics of fields: there are no fields; at least one is wanted")
    counts = np.quantile([histogram(field) for field in fields], QUANTILES, axis=0)
    power = np.array([spectrum(field) for field in fields])
    known = np.isfinite(power).any(axis=0)
    told = np.full((len(QUANTILES), power.shape[1]), np.nan)
    told[:, known] = np.nanquantile(power[:, known], QUANTILES, axis=0)
    return Quantiles(counts, told)


def shipped() -> tuple[Quantiles, str]:
    """Quantiles of the nine real fields that were measured for this package, and their source."""
    text = files("focusbench.data").joinpath(FILE).read_text(encoding="utf-8")
    lines = text.splitlines()
    source = next(line for line in lines if line.startswith("# ")).removeprefix("# ")
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    found = {
        name: np.array(
            [[float(row[key]) for key in COLUMNS[3:]] for row in rows if row["statistic"] == name]
        ).T
        for name in ("counts", "power")
    }
    return Quantiles(**found), source


def write(path: str | Path, directory: str | Path) -> None:
    """Write the quantiles of all in-focus fields in a folder, as `shipped` reads them.

    Raises
    ------
    InputError
        As `bbbc006.fields`.
    """
    fields = bbbc006.fields(directory)
    made = quantiles([bbbc006.read(field) for field in fields])
    names = f"{fields[0].id} to {fields[-1].id}" if len(fields) > 1 else fields[0].id
    output = io.StringIO()
    for line in HEADING:
        output.write(f"# {line.format(fields=len(fields), names=names)}\n")
    rows = csv.writer(output, lineterminator="\n")
    rows.writerow(COLUMNS)
    for name, edges, values in (
        ("counts", EDGES, made.counts),
        ("power", FREQUENCIES, made.power),
    ):
        for low, high, column in zip(edges[:-1], edges[1:], values.T, strict=True):
            rows.writerow([name, *(f"{value:.6g}" for value in (low, high, *column))])
    write_text(path, output.getvalue())
