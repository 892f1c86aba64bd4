"""PSFs that were found from data: learned kernels and estimates, beside the true one.

Arrays are (z, y, x), the origin at index (n - 1) // 2 of each axis, lengths in um.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from focusbench.data.fluorescence import LENS
from focusbench.errors import InputError
from focusbench.images import Volume
from focusbench.optics import psf, pupil_psf
from focusbench.optics.kernels import centre
from focusbench.problem import Weights
from focusbench.tracks.deconvolution import recorded
from focusbench.tracks.deconvolution.degradations import parse
from focusbench.tracks.deconvolution.optics import aberrated_kernel, kernel

SMOOTHING = 1.0  # voxels, the paper's sigma (section V-A5)
LEAST_SUM = 0.1  # of the sum of absolute weights: less is no scale to divide by
TOLD = "cyclegan_blur_kernel_nonblind"  # its weights hold the PSF that it was told


class Kernel(NamedTuple):
    """A kernel of unit sum, with what was changed to make it so."""

    values: np.ndarray  # float64
    scaled: bool  # False: `total` is too small to divide by
    total: float  # sum before: 1 keeps the light
    negative: float  # sum of the negative weights over that of all, both without sign
    middle: tuple[int, int, int]  # index of the voxel that the sections go through
    shift: tuple[float, float, float]  # um from the origin to the centroid (z, y, x)


def measured(values: np.ndarray, voxel_size: Sequence[float]) -> Kernel:
    """Scale a kernel to unit sum and find its middle.

    A blind method may shift the object one way and the kernel the other: the middle is the centroid
    of the voxels above half the maximum of the smoothed kernel, whose noise has little say there.

    Parameters
    ----------
    values
        (z, y, x), of any sum and sign.
    voxel_size
        um.
    """
    array = np.asarray(values, dtype=np.float64)
    total, absolute = float(array.sum()), float(np.abs(array).sum())
    negative = float(np.abs(array[array < 0]).sum()) / absolute if absolute > 0 else 0.0
    scalable = absolute > 0 and total >= LEAST_SUM * absolute
    soft = smoothed(array)
    origin, where = centre(array.shape), centre(array.shape)
    exact = tuple(map(float, origin))
    if soft.max() > 0:
        light = np.where(soft >= soft.max() / 2, soft, 0)
        exact = tuple(
            float(light.sum(axis=tuple(i for i in range(3) if i != axis)) @ np.arange(n))
            / float(light.sum())
            for axis, n in enumerate(array.shape)
        )
        where = tuple(round(place) for place in exact)
    shift = tuple(
        (place - start) * size for place, start, size in zip(exact, origin, voxel_size, strict=True)
    )
    scaled = array / total if scalable else array
    return Kernel(scaled, scalable, total, negative, where, shift)


def smoothed(values: np.ndarray) -> np.ndarray:
    """Blur with a Gaussian of `SMOOTHING` voxels; nothing lies outside the box."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(np.asarray(values, dtype=np.float64), SMOOTHING, mode="constant")


def learned(weights: Weights | None, voxel_size: Sequence[float]) -> Kernel | None:
    """Kernel that a training learned; None where there is none, or where it was told.

    It acts in one unit of intensity: `CycleLearner.blur` has the gain between the networks' units.
    """
    if weights is None or "kernel" not in weights.tensors:
        return None
    if weights.description.get("method") == TOLD:
        return None
    return measured(weights.tensors["kernel"].double().cpu().numpy(), voxel_size)


def estimated(record: Mapping[str, Any], voxel_size: Sequence[float]) -> Kernel | None:
    """PSF that a restoration found; None: it found none.

    Its record tells of it as `psf` among the details: what `optics.pupil_psf.from_record` reads, or
    nested lists (z, y, x). Voxels are those of the observation.
    """
    found = (record.get("details") or {}).get("psf")
    if found is None:
        return None
    values = pupil_psf.from_record(found) if isinstance(found, Mapping) else found
    array = np.asarray(values, dtype=np.float64)
    return measured(array, voxel_size) if array.ndim == 3 and array.size else None


def true_kernel(degradation: str, track: Mapping[str, Any]) -> np.ndarray:
    """PSF that blurs the observations of a degradation, unit sum.

    Parameters
    ----------
    degradation
        Its id; no recording, whose PSF nobody knows.
    track
        `optics`, `voxel_size`, and `aberration` for `offmodel`.
    """
    model = parse(degradation).psf_model
    if model == "offmodel":
        return aberrated_kernel(track["optics"], track["aberration"], track["voxel_size"])
    return kernel(track["optics"], track["voxel_size"], model)


def told_kernel(observed: Volume, sample: str, settings: Mapping[str, Any]) -> np.ndarray | None:
    """PSF that methods are told of a recording; None where it is a file's, or not known here.

    Parameters
    ----------
    observed
        The recording.
    sample
        Its id.
    settings
        `track` with `optics`; `differs`, which has what the user tells of it.
    """
    start = f"data.fluorescence.{sample}."
    entry = {
        key[len(start) :]: value
        for key, value in (settings.get("differs") or {}).items()
        if key.startswith(start)
    }
    if not all(key in entry for key in LENS):
        return None
    shape, size = observed.array.shape, tuple(observed.voxel_size)
    return recorded.kernel(shape, size, entry, settings["track"]["optics"], None)


def lines(
    values: np.ndarray, middle: Sequence[int], reach: Sequence[int], *, square: bool = True
) -> dict[str, np.ndarray]:
    """Profiles through a voxel, `reach` (z, y, x) to either side, by `lateral` and `axial`.

    The lateral one is the mean of those along y and x where pixels are `square`, otherwise along x;
    NaN outside the box.
    """
    z, y, x = middle
    lateral = window(values[z, y], (x,), (reach[2],))
    if square and reach[1] == reach[2]:
        lateral = (lateral + window(values[z, :, x], (y,), (reach[1],))) / 2
    return {"lateral": lateral, "axial": window(values[:, y, x], (z,), (reach[0],))}


def width(profile: np.ndarray, step: float) -> float:
    """Full width at half maximum in the unit of `step`; NaN where it leaves the box above half."""
    try:
        return psf.fwhm(profile[np.isfinite(profile)], step)
    except InputError:
        return math.nan


def window(image: np.ndarray, middle: Sequence[int], reach: Sequence[int]) -> np.ndarray:
    """Cut `reach` pixels to either side of `middle`; NaN outside the image."""
    framed = np.pad(
        image.astype(np.float64), [(r, r) for r in reach], mode="constant", constant_values=np.nan
    )
    return framed[tuple(slice(m, m + 2 * r + 1) for m, r in zip(middle, reach, strict=True))]
