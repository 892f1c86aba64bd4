"""How much of an error lies at spatial frequencies that the rays of a focused cone cannot see?

A ray of slope t = (ty, tx) (lateral um per um of depth) sums the log-transmittance along the
direction (1, t) of (z, y, x). By the projection-slice theorem, all parallel rays of that slope
together tell the volume's spectrum on the plane through the origin that is normal to the direction:
kz + ky ty + kx tx = 0. An aperture NA (in air) lets through all slopes up to
tan(theta) = NA / sqrt(1 - NA^2), and |k_lateral . t| takes every value up to
tan(theta) |k_lateral|, so that what is seen is

    |kz| <= tan(theta) sqrt(kx^2 + ky^2).

The rest is the missing cone, about kz. Only prior knowledge (empty space, a box, smoothness, a
network) can fill it in.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from focusbench.errors import InputError

EMPTY = 1.0  # transmittance of empty space


class ConeSplit(NamedTuple):
    """Energies (sums of squares over voxels) of the truth and of the error in either region."""

    truth_seen: float
    truth_missing: float
    error_seen: float
    error_missing: float

    @property
    def seen_db(self) -> float:
        """Energy of the error over the truth's where rays see, in dB; NaN without any truth."""
        return _decibels(self.error_seen, self.truth_seen)

    @property
    def missing_db(self) -> float:
        """The same in the missing cone."""
        return _decibels(self.error_missing, self.truth_missing)

    @property
    def missing_share(self) -> float:
        """Share of the truth's energy that lies in the missing cone; NaN for an empty volume."""
        whole = self.truth_seen + self.truth_missing
        return self.truth_missing / whole if whole > 0 else math.nan


class ErrorMap(NamedTuple):
    """Energies on a grid of (kz, lateral) frequencies, cycles per um; the first bins hold 0."""

    axial_edges: np.ndarray  # of |kz|
    lateral_edges: np.ndarray
    truth: np.ndarray  # (axial, lateral)
    error: np.ndarray


def split_error(
    truth: np.ndarray,
    estimate: np.ndarray,
    voxel_size: tuple[float, float, float],
    numerical_aperture: float,
) -> ConeSplit:
    """Split truth and error into what rays see and the missing cone.

    Both volumes minus empty space (transmittance 1) are padded with zeros to twice their size
    before they are transformed: nothing wraps, and the spectrum is that of a volume in empty space.
    The parts sum to the sums of squares of the volumes themselves (Parseval). Small differences
    from 1 are as good as logarithms, which is what rays really sum.

    Parameters
    ----------
    truth, estimate
        Transmittance per um, (Z, Y, X).
    voxel_size
        (z, y, x) in um.
    numerical_aperture
        Of the light, in air: between 0 and 1.

    Raises
    ------
    InputError
        Shapes that differ or are not (Z, Y, X), values that are not finite, a voxel size that is
        not three positive lengths, or an aperture out of range.
    """
    if not 0 < numerical_aperture < 1:
        raise InputError(f"numerical aperture {numerical_aperture!r}; between 0 and 1 is accepted")
    energies, axial, lateral = _energies(truth, estimate, voxel_size)
    slope = numerical_aperture / math.sqrt(1 - numerical_aperture**2)
    seen = axial <= slope * lateral  # 0 is seen: every ray sees the mean
    parts = [(float(energy[seen].sum()), float(energy[~seen].sum())) for energy in energies]
    return ConeSplit(*parts[0], *parts[1])


def error_map(
    truth: np.ndarray, estimate: np.ndarray, voxel_size: tuple[float, float, float]
) -> ErrorMap:
    """Energies of truth and error by axial and lateral frequency, summed over directions.

    Bins are one frequency step of the volume itself wide (1 / its extent) and reach up to the
    Nyquist frequencies. Parameters and errors as for `split_error`.
    """
    energies, axial, lateral = _energies(truth, estimate, voxel_size)
    depth, *sides = (n * size for n, size in zip(truth.shape, voxel_size, strict=True))
    edges = [
        _edges(1 / depth, 0.5 / voxel_size[0]),
        _edges(1 / max(sides), 0.5 / max(voxel_size[1:])),
    ]
    axial, lateral = np.broadcast_arrays(axial, lateral)
    maps = [
        np.histogram2d(axial.ravel(), lateral.ravel(), bins=edges, weights=energy.ravel())[0]
        for energy in energies
    ]
    return ErrorMap(*edges, *maps)


def _energies(
    truth: np.ndarray, estimate: np.ndarray, voxel_size: tuple[float, float, float]
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Energy of each coefficient of truth and error, and |kz| and lateral frequency of each."""
    truth, estimate = np.asarray(truth, dtype=np.float64), np.asarray(estimate, dtype=np.float64)
    if truth.shape != estimate.shape or truth.ndim != 3 or truth.size == 0:
        raise InputError(
            f"truth of shape {truth.shape} and estimate of shape {estimate.shape}; equal shapes "
            "(Z, Y, X) are accepted"
        )
    if not (np.isfinite(truth).all() and np.isfinite(estimate).all()):
        raise InputError("truth or estimate holds NaN or infinity; finite values are accepted")
    if len(voxel_size) != 3 or not all(0 < size < math.inf for size in voxel_size):
        raise InputError(f"voxel size {voxel_size!r}; three positive lengths in um are accepted")
    sizes = tuple(2 * n for n in truth.shape)
    # a real transform leaves out the conjugates of its inner columns
    weight = np.full(sizes[2] // 2 + 1, 2.0)
    weight[[0, -1]] = 1
    weight /= math.prod(sizes)
    energies = [
        weight * np.abs(np.fft.rfftn(part, sizes, axes=(0, 1, 2))) ** 2
        for part in (truth - EMPTY, estimate - truth)
    ]
    kz = np.fft.fftfreq(sizes[0], voxel_size[0])
    ky = np.fft.fftfreq(sizes[1], voxel_size[1])
    kx = np.fft.rfftfreq(sizes[2], voxel_size[2])
    return energies, np.abs(kz)[:, None, None], np.hypot(ky[:, None], kx)[None]


def _edges(step: float, nyquist: float) -> np.ndarray:
    """Edges of bins about the multiples of `step` from 0 to `nyquist`."""
    return step * (np.arange(math.floor(nyquist / step + 1e-9) + 2) - 0.5)


def _decibels(error: float, truth: float) -> float:
    if truth <= 0:
        return math.nan
    return 10 * math.log10(error / truth) if error > 0 else -math.inf
