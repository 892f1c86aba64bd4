"""Open SciVis volumes, read from a folder of raw files under their home's names.

The folder is the user's, or `FOLDER` in the working directory, which `focusbench.data.scivis_home`
fills from the volumes' home.

The home is https://klacansky.com/open-scivis-datasets; `scivis.csv` beside this file lists the
volumes. A raw file holds nothing but voxels, little endian, x fastest; its name tells the rest:
`lobster_301x324x56_uint8.raw` is 301 voxels in x, 324 in y, 56 in z.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from focusbench.data import checksums, grids
from focusbench.errors import InputError
from focusbench.optics import resampling

KEY = "data.scivis.directory"
FOLDER = "data/scivis"
NAME = re.compile(r".+_(\d+)x(\d+)x(\d+)_(u?int(?:8|16|32)|float(?:32|64))\.raw")


class Raw(NamedTuple):
    """A raw volume on disk, read slice by slice."""

    path: Path
    shape: tuple[int, int, int]  # (Z, Y, X)
    dtype: np.dtype

    @property
    def size(self) -> int:
        """Bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def plane(self, z: int) -> np.ndarray:
        """Slice z, (Y, X), mapped into memory: only what is used is read.

        Each slice is a mapping of its own, so that the pages of a large file are given back while
        one walks through it.
        """
        offset = z * self.shape[1] * self.shape[2] * self.dtype.itemsize
        return np.memmap(self.path, self.dtype, mode="r", offset=offset, shape=self.shape[1:])


@cache
def table() -> dict[str, dict[str, str]]:
    """Rows of `scivis.csv` by sample id."""
    path = Path(__file__).with_name("scivis.csv")
    with open(path, newline="", encoding="utf-8") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def open_raw(path: str | Path) -> Raw:
    """Check a raw file against its name.

    Raises
    ------
    InputError
        The name does not tell size and type, there is no such file, or it has another size.
    """
    raw = named(path)
    if not raw.path.is_file():
        raise InputError(f"{path}: there is no such file; a raw volume is wanted")
    wanted, found = raw.size, raw.path.stat().st_size
    if found != wanted or wanted == 0:
        z, y, x = raw.shape
        raise InputError(
            f"{path}: has {found} bytes; {x} x {y} x {z} voxels of {raw.dtype.name}, as the name "
            f"says, are {wanted}"
        )
    return raw


def named(path: str | Path) -> Raw:
    """Read off a raw file's name what the file should hold.

    Raises
    ------
    InputError
        The name does not tell.
    """
    path = Path(path)
    told = NAME.fullmatch(path.name)
    if told is None:
        raise InputError(
            f"{path}: the name does not tell what the file holds; accepted are names such as "
            "lobster_301x324x56_uint8.raw (voxels in x, y, z and their type)"
        )
    x, y, z = (int(number) for number in told.groups()[:3])
    return Raw(path, (z, y, x), np.dtype(told[4]).newbyteorder("<"))


def source_files(sample: str, settings: Mapping[str, Any]) -> list[str]:
    """Path of a sample's raw file: in the user's folder, or in `FOLDER`, be it there yet or not.

    Raises
    ------
    InputError
        Unknown sample, or the file is not in the user's folder.
    """
    if sample not in table():
        raise InputError(f"scivis: unknown sample {sample!r}; known: {', '.join(table())}")
    row = table()[sample]
    directory = settings.get("directory")
    if not directory:
        return [f"{FOLDER}/{row['file']}"]
    path = Path(directory).expanduser() / row["file"]
    if not path.is_file():
        raise InputError(
            f"{path}: there is no such file, and sample {sample!r} needs {row['file']}; get it "
            f"from {row['url']} and set {KEY} to the folder that holds it"
        )
    return [str(path)]


def _source(sample: str, settings: Mapping[str, Any]) -> Raw:
    """Open a sample's raw file; one that was downloaded must still be what it was."""
    path = source_files(sample, settings)[0]
    if not settings.get("directory") and not Path(path).is_file():
        row = table()[sample]
        raise InputError(
            f"{KEY}: is not set, and sample {sample!r} needs {row['file']}; get it from "
            f"{row['url']} and set {KEY} to the folder that holds it, or let the workflow "
            f"download it: snakemake --cores 1 {path}"
        )
    raw = open_raw(path)
    checksums.check(path)
    return raw


def density(
    sample: str,
    size: int,
    n_slices: int,
    *,
    refine: int = 1,
    antialias: bool = False,
    depth: str = "central",
    settings: Mapping[str, Any],
) -> np.ndarray:
    """Prepare a volume.

    The whole volume is rescaled (trilinear, see `focusbench.optics.resampling`) so that its longer
    lateral side has `size` voxels, every axis by the same factor (its spacing is ignored: voxels
    count), normalised over the whole rescaled volume, cropped to its central slices and padded.

    Parameters
    ----------
    sample
        Id of a volume in `scivis.csv`.
    size
        Lateral voxels N.
    n_slices
        Slices wanted: those from (Z - n_slices) // 2 on, of the Z rescaled ones.
    refine
        k samples the very same block of space k times finer in every axis: each voxel becomes
        k^3. Normalised with the extremes of the nominal volume and clipped.
    antialias
        Prefilter each axis that shrinks with a triangle as wide as the (nominal) shrinkage.
    depth
        "central", or "resize": the whole depth resized to `n_slices` instead of cropped.
    settings
        "directory": folder with the raw files; `FOLDER` if absent or None.

    Returns
    -------
    numpy.ndarray
        float32 (n_slices k, N k, N k), in [0, 1]: 0 is the least value of the whole volume, 1 its
        largest. An axis that is shorter than asked for is padded on both sides with 0.

    Raises
    ------
    InputError
        Unknown sample, missing or wrong file (also one that differs from what was downloaded),
        constant or not finite volume, grid out of range.
    """
    grids.check(size, n_slices, refine, depth)
    raw = _source(sample, settings)
    scale = size / max(raw.shape[1:])
    nominal = [max(1, round(n * scale)) for n in raw.shape]
    if depth == "resize":
        nominal[0] = n_slices
    width = [max(1.0, a / b) if antialias else 1.0 for a, b in zip(raw.shape, nominal, strict=True)]

    def rescaled(factor: int, start: int, stop: int) -> Iterator[np.ndarray]:
        matrices = tuple(
            resampling.interpolation(n_in, n_out * factor, wide)
            for n_in, n_out, wide in zip(raw.shape, nominal, width, strict=True)
        )
        return resampling.planes(raw.plane, matrices, start * factor, stop * factor)

    first = max(0, (nominal[0] - n_slices) // 2)
    last = min(nominal[0], first + n_slices)
    # centred in what is asked for; whole nominal voxels, so that refining moves nothing
    before = [max(0, (n_slices - nominal[0]) // 2), *((size - n) // 2 for n in nominal[1:])]
    block = np.zeros((n_slices * refine, size * refine, size * refine), np.float32)
    inner = block[
        tuple(
            slice(b * refine, (b + n) * refine)
            for b, n in zip(before, (last - first, *nominal[1:]), strict=True)
        )
    ]

    low, high = math.inf, -math.inf
    for z, plane in enumerate(rescaled(1, 0, nominal[0])):
        if not np.isfinite(plane).all():
            raise InputError(
                f"{raw.path}: holds NaN or infinite values; only finite ones are accepted"
            )
        low, high = min(low, float(plane.min())), max(high, float(plane.max()))
        if refine == 1 and first <= z < last:
            inner[z - first] = plane
    if not low < high:
        raise InputError(
            f"{raw.path}: is constant ({low:g}) when rescaled to {size} voxels; "
            "a volume with structure is wanted"
        )
    if refine > 1:
        for z, plane in enumerate(rescaled(refine, first, last)):
            inner[z] = np.clip((plane - low) / (high - low), 0.0, 1.0)
    else:
        inner -= np.float32(low)
        inner /= np.float32(high - low)
        np.clip(inner, 0.0, 1.0, out=inner)
    return block
