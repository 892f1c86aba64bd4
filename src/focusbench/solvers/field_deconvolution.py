"""Deconvolution of a whole field whose defocus varies: no patches, no seams.

Levels known patch by patch become a smooth map, linear between the patches' middles, and the whole
field is restored at once with the blur of that map (`optics.field_blur`). He et al. 2020 (3.4) name
the interpolation of kernels as the other way to be rid of the borders of patches, and go the way of
overlapping patches.

With d the observed counts, b the camera's offset, H the blur, S a spot that no picture in focus is
sharper than, and u >= 0, the estimate is b + S u of the u with the least

    sum(m - d log m) + sum(t |grad u|),    m = b + H S u

The first sum is shot noise of all counts, those of the offset too, as in the paper's tests. A step
is one of Richardson-Lucy on u + b, which may not fall below b,

    v = (u + b) H^T(d / m) / H^T 1 - b

then one towards less variation in the metric of that step (`field_variation`). With b = 0, no spot
and no weight it is Richardson-Lucy and nothing else.

The weight t of the variation is that of the noise, pixel by pixel: a residual's noise relative to m
is 1 / sqrt(d), and a kernel h of unit sum lets |h| (root of the sum of squares) of it through to u.
t goes with the first and, as was found on validation fields, with the root of the second.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve
from torch import Tensor

from focusbench.errors import InputError
from focusbench.optics.field_blur import FieldBlur
from focusbench.optics.level_maps import level_weights
from focusbench.parameters import check_positive_or_0, check_whole
from focusbench.solvers.field_variation import smooth_step
from focusbench.solvers.patch_deconvolution import ITERATIONS, counts, without_offset
from focusbench.solvers.patch_grid import BACKGROUND, PatchGrid, check_levels

ACCELERATIONS = ("nesterov",)
SMOOTHING = 2.0  # px: standard deviation of the window in which the light of a pixel is judged


def level_map(levels: Any, grid: PatchGrid, median: int = 0) -> np.ndarray:
    """Levels of all pixels from those of patches.

    Between the middles of patches the level changes linearly along y and x; beyond the outermost
    ones it stays. Background says nothing of its level: it takes the smoothest transition between
    the patches around it (each the mean of its neighbours above, below, left and right).

    Parameters
    ----------
    levels
        (R, C) or (R * C,): whole numbers from 0 up, or `patch_grid.BACKGROUND`. Background alone:
        the map is 0.
    grid
        Of the patches.
    median
        Each level is first replaced by the median of those so many patches around it, background
        left out: 1 is a window of 3 x 3. A single wrong level then does no harm. 0: as told.

    Returns
    -------
    numpy.ndarray
        float64 (Y, X).

    Raises
    ------
    InputError
        Levels that are none, or not one for each patch.
    """
    check_whole("median", median, 0)
    whole = check_levels(levels, grid)
    known = whole != BACKGROUND
    told = _medians(whole, known, median)
    filled = _filled(told, known)
    of_y, of_x = (
        _between(centres, length) for centres, length in zip(grid.centres, grid.shape, strict=True)
    )
    # rounding must not leave the range of the levels
    ends = (told[known].min(), told[known].max()) if known.any() else (0, 0)
    return np.clip(of_y @ filled @ of_x.T, *ends)


class FieldIteration:
    """Restoration of a field, step by step; `training.loop.iterate` can run it.

    Parameters
    ----------
    observed
        (Y, X), counts.
    psfs
        (L, y, x), of levels 0 to L - 1. With level 0 "untouched" (`defocus_psf.level_psfs`) what
        is in focus is but smoothed.
    level_map
        (Y, X), 0 to L - 1, such as of `level_map`.
    boundary
        "symmetric", "linear" or "circular", as in `field_blur.FieldBlur`.
    acceleration
        None, or "nesterov": each step begins further on in the direction of the last one (Beck and
        Teboulle, SIAM J. Imaging Sci. 2, 183 (2009)), anew where that leads astray (O'Donoghue and
        Candes, Found. Comput. Math. 15, 715 (2015)).
    offset
        b, counts without light: the estimate is nowhere darker.
    weight
        Of the variation: t is `weight` sqrt(|h| / d) of the kernel h and the light d at a pixel,
        for counts that are photons. 0: none.
    spot
        Standard deviation of S, a Gaussian, px. 0: a single pixel.
    device
        "cpu" or "cuda".

    Raises
    ------
    InputError
        An observation that is not finite or has no light above the offset, levels that do not fit
        it, PSFs that are none, a number out of range.
    """

    finished = False

    def __init__(
        self,
        observed: Any,
        psfs: Any,
        level_map: Any,
        *,
        boundary: str = "symmetric",
        acceleration: str | None = None,
        offset: float = 0.0,
        weight: float = 0.0,
        spot: float = 0.0,
        device: str = "cpu",
    ) -> None:
        if acceleration is not None and acceleration not in ACCELERATIONS:
            raise InputError(
                f"acceleration: {acceleration!r}; accepted: None (no acceleration), nesterov"
            )
        check_positive_or_0("weight", weight)
        check_positive_or_0("spot", spot)
        light = without_offset(observed, None, offset, device)
        self._observed = counts(observed, device)
        shape = tuple(light.shape)
        kernels = np.asarray(psfs, dtype=np.float64)
        if np.shape(level_map) != shape:
            raise InputError(f"level map: shape {np.shape(level_map)}; {shape} is needed")
        shares = level_weights(level_map, len(kernels))
        self._weight = None
        if weight:
            passed = _passed(kernels, shares)
            near = gaussian_filter(self._observed.cpu().numpy().astype(np.float64), SMOOTHING)
            self._weight = torch.from_numpy(
                (weight * np.sqrt(passed / np.maximum(near, 1))).astype(np.float32)
            ).to(device)
        self._spot = None
        if spot:
            disc = _gaussian(spot)
            kernels = np.stack([np.maximum(fftconvolve(k, disc), 0) for k in kernels])
            self._spot = FieldBlur(disc[None], 0, shape, boundary, device=device)
        self._forward = FieldBlur(kernels, level_map, boundary=boundary, device=device)
        self._seen = self._forward.adjoint(torch.ones_like(light))
        self._seen.clamp_(min=1e-6 * self._seen.max().item())
        self._offset = float(offset)
        # what rounding leaves of nothing: a division by less would blow it up
        self._least = max(self._offset, torch.finfo(light.dtype).eps * light.max().item())
        self._accelerated = acceleration is not None
        self._u = self._point = light
        self._dual = light.new_zeros((2, *shape) if weight else (0,))
        self._pace = 1.0

    def step(self) -> float:
        """Do one step; return the mean squared residual of the point that it began with."""
        point, before = self._point, self._u
        model = self._forward.apply(point).add_(self._offset)
        residual = (self._observed - model).square_().mean(dtype=torch.float64).item()
        torch.div(self._observed, model.clamp_(min=self._least), out=model)
        new = self._forward.adjoint(model)
        trust = torch.add(point, self._offset).div_(self._seen)
        new.mul_(trust).sub_(self._offset)
        if self._weight is None:
            new.clamp_(min=0)
        else:
            trust.clamp_(min=self._least)
            new, self._dual = smooth_step(new, trust, self._weight, self._dual)
        self._u = self._point = new
        if self._accelerated:
            self._extrapolate(point, before, new)
        return residual

    def _extrapolate(self, point: Tensor, before: Tensor, new: Tensor) -> None:
        change = new - before
        if ((point - new) * change).sum(dtype=torch.float64).item() > 0:
            self._pace = 1.0
        pace = (1 + math.sqrt(1 + 4 * self._pace**2)) / 2
        self._point = change.mul_((self._pace - 1) / pace).add_(new).clamp_(min=0)
        self._pace = pace

    def estimate(self) -> Tensor:
        """Return the field (Y, X) as it stands now, offset included."""
        seen = self._u if self._spot is None else self._spot.apply(self._u).clamp_(min=0)
        return seen + self._offset

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the next step depends on: tensors, and scalars as JSON."""
        return {"u": self._u, "point": self._point, "dual": self._dual}, {"pace": self._pace}

    def load(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        device = self._observed.device
        self._u, self._point, self._dual = (
            tensors[name].to(device) for name in ("u", "point", "dual")
        )
        self._pace = scalars["pace"]


def deconvolve_field(
    observed: Any,
    psfs: Any,
    levels: Any,
    grid: PatchGrid | None = None,
    iterations: int = ITERATIONS,
    *,
    boundary: str = "symmetric",
    acceleration: str | None = None,
    offset: float = 0.0,
    weight: float = 0.0,
    spot: float = 0.0,
    device: str = "cpu",
) -> np.ndarray:
    """Restore a field at once; with the defaults, by plain Richardson-Lucy.

    Parameters
    ----------
    observed, psfs, boundary, acceleration, offset, weight, spot, device
        As in `FieldIteration`.
    levels
        Of the patches of `grid`, as in `level_map`; without a grid, of the pixels (Y, X).
    grid
        Patches that `levels` belong to. Overlapping ones ("triangular") give a finer map.
    iterations
        Steps.

    Returns
    -------
    numpy.ndarray
        float32 (Y, X), counts.

    Raises
    ------
    InputError
        As `FieldIteration`.
    """
    check_whole("iterations", iterations, 0)
    if grid is not None and tuple(grid.shape) != np.shape(observed):
        raise InputError(
            f"observation: shape {np.shape(observed)}; the patches are those of {grid.shape}"
        )
    pixels = levels if grid is None else level_map(levels, grid)
    iteration = FieldIteration(
        observed,
        psfs,
        pixels,
        boundary=boundary,
        acceleration=acceleration,
        offset=offset,
        weight=weight,
        spot=spot,
        device=device,
    )
    for _ in range(iterations):
        iteration.step()
    return iteration.estimate().cpu().numpy().astype(np.float32)


def _passed(kernels: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Root of the sum of squares of the kernel of each pixel, (Y, X); linear between levels."""
    sums = kernels.sum(axis=(1, 2), keepdims=True)
    roots = np.sqrt(np.sqrt(np.square(kernels / sums).sum(axis=(1, 2))))
    return np.tensordot(roots, shares, axes=1) ** 2


def _gaussian(sigma: float) -> np.ndarray:
    """Kernel of unit sum that holds all but 1e-4 of a Gaussian's light."""
    reach = math.ceil(4 * sigma)
    profile = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    disc = np.multiply.outer(profile, profile)
    return disc / disc.sum()


def _medians(levels: np.ndarray, known: np.ndarray, reach: int) -> np.ndarray:
    """Medians of the known levels in windows of 2 `reach` + 1 patches; float64 (R, C)."""
    result = levels.astype(np.float64)
    for y, x in np.argwhere(known) if reach else ():
        window = tuple(slice(max(place - reach, 0), place + reach + 1) for place in (y, x))
        result[y, x] = np.median(levels[window][known[window]])
    return result


def _filled(levels: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Levels (R, C) with the unknown ones solved for: each the mean of its neighbours."""
    if not known.any():
        return np.zeros_like(levels)
    number = np.arange(levels.size).reshape(levels.shape)
    matrix = np.zeros((levels.size, levels.size))
    for one, other in (
        (number[1:], number[:-1]),
        (number[:, 1:], number[:, :-1]),
    ):
        matrix[one, other] = matrix[other, one] = -1
    np.fill_diagonal(matrix, -matrix.sum(axis=1))
    fixed = known.ravel()
    matrix[fixed] = np.eye(levels.size)[fixed]
    return np.linalg.solve(matrix, np.where(fixed, levels.ravel(), 0)).reshape(levels.shape)


def _between(centres: np.ndarray, length: int) -> np.ndarray:
    """Weights (length, n) of linear interpolation between places, constant beyond them."""
    pixel = np.arange(length)
    return np.stack([np.interp(pixel, centres, unit) for unit in np.eye(len(centres))], axis=1)
