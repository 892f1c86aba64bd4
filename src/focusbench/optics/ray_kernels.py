"""The two loops of the ray model, compiled for the CPU.

Layout. A volume is kept as one flat array a slice, with a stride of `width + reach` between rows
and zeros around it (`reach`: the largest lateral step of a ray, in voxels; the zeros after one row
are also those before the next). A path length then is an offset into that array and a weight, the
same for every pixel, so that the loops run over long contiguous blocks, without a test for borders.

Every pixel adds its terms in the order of the rays, whatever thread computes it: the same bytes
come out for any number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import types
from numba.extending import overload

BLOCK = 256  # pixels that are computed together: their sums stay in the first-level cache
LOG2_E = math.log2(math.e)


def _compiled(**options: Any) -> Callable[[Callable], Callable]:
    """`numba.njit`, compiled at the first call and cached on disk if a folder can be written."""

    def decorate(function: Callable) -> Callable:
        fast = {"contract"}  # fused multiply-add, no reordering
        try:
            return numba.njit(cache=True, fastmath=fast, nogil=True, **options)(function)
        except RuntimeError:  # neither this folder nor a home to keep it in
            return numba.njit(fastmath=fast, nogil=True, **options)(function)

    return decorate


class Layout(NamedTuple):
    """Where pixels lie in a flat slice."""

    height: int
    width: int
    reach: int

    @property
    def stride(self) -> int:
        """From one row to the next."""
        return self.width + self.reach

    @property
    def origin(self) -> int:
        """Of the first pixel."""
        return self.reach * self.stride + self.reach

    @property
    def span(self) -> int:
        """From the first pixel to the last, both included."""
        return (self.height - 1) * self.stride + self.width

    @property
    def size(self) -> int:
        """Of a slice with the zeros around it."""
        return (self.height + 2 * self.reach) * self.stride + self.reach

    def pixels(self, flat: np.ndarray) -> np.ndarray:
        """View (Z, Y, X) of the pixels in a flat array (Z, size)."""
        rows = flat[:, self.origin : self.origin + self.height * self.stride]
        return rows.reshape(len(flat), self.height, self.stride)[:, :, : self.width]

    def spread(self, volume: np.ndarray) -> np.ndarray:
        """Flat array (Z, size) of a volume (Z, Y, X)."""
        flat = np.zeros((len(volume), self.size), volume.dtype)
        self.pixels(flat)[...] = volume
        return flat


def _exp2(x: float) -> float:
    """2^x."""
    return 2.0**x


@overload(_exp2, strict=False)
def _exp2_overload(x: Any) -> Callable | None:
    if x == types.float32:
        return _exp2_single
    return _exp2_double


def _exp2_double(x: float) -> float:
    return math.exp(x * math.log(2.0))


def _exp2_single(x: float) -> float:
    # Nearest integer into the exponent's bits, the rest by a polynomial (relative error 1e-8
    # before rounding): straight code, which the compiler turns into vector instructions.
    x = min(max(x, np.float32(-126.0)), np.float32(127.0))
    shifted = x + np.float32(12582912.0)  # 1.5 * 2^23 rounds to the nearest integer
    rest = x - (shifted - np.float32(12582912.0))
    p = np.float32(1.535336188319500e-4)
    p = p * rest + np.float32(1.339887440266574e-3)
    p = p * rest + np.float32(9.618437357674640e-3)
    p = p * rest + np.float32(5.550332471162809e-2)
    p = p * rest + np.float32(2.402264791363012e-1)
    p = p * rest + np.float32(6.931472028550421e-1)
    p = p * rest + np.float32(1.0)
    exponent = (np.int32(x - rest) + np.int32(127)) << np.int32(23)
    return p * np.int32(exponent).view(np.float32)


@_compiled()
def _add(
    total: np.ndarray,
    source: np.ndarray,
    base: int,
    sign: int,
    offset: np.ndarray,
    weight: np.ndarray,
    first: int,
    last: int,
) -> None:
    """total[x] += sum over the steps first..last of weight * source[base + sign * offset + x]."""
    n = total.size
    e = first
    while e + 4 <= last:
        w0 = weight[e]
        w1 = weight[e + 1]
        w2 = weight[e + 2]
        w3 = weight[e + 3]
        a0 = base + sign * offset[e]
        a1 = base + sign * offset[e + 1]
        a2 = base + sign * offset[e + 2]
        a3 = base + sign * offset[e + 3]
        s0 = source[a0 : a0 + n]
        s1 = source[a1 : a1 + n]
        s2 = source[a2 : a2 + n]
        s3 = source[a3 : a3 + n]
        for x in range(n):
            total[x] += w0 * s0[x] + w1 * s1[x] + w2 * s2[x] + w3 * s3[x]
        e += 4
    while e < last:
        w0 = weight[e]
        a0 = base + sign * offset[e]
        s0 = source[a0 : a0 + n]
        for x in range(n):
            total[x] += w0 * s0[x]
        e += 1


@_compiled(parallel=True)
def forward(
    volume: np.ndarray,
    origin: int,
    span: int,
    offset: np.ndarray,
    weight: np.ndarray,
    start: np.ndarray,
    image: np.ndarray,
) -> None:
    """Mean over the rays of 2^(sum of weight * volume), for every focus and pixel.

    `volume` and `image` are flat arrays (Z, size); steps `start[ray, depth + Z - 1]` to
    `start[ray, depth + Z]` are those of a ray at a relative depth.
    """
    n_slices, size = volume.shape
    n_rays = start.shape[0]
    source = volume.reshape(-1)
    blocks = (span + BLOCK - 1) // BLOCK
    for task in numba.prange(n_slices * blocks):
        focus = task // blocks
        p = origin + (task % blocks) * BLOCK
        n = min(BLOCK, origin + span - p)
        path = np.empty(n, volume.dtype)
        total = np.zeros(n, volume.dtype)
        for ray in range(n_rays):
            path[:] = 0
            first = start[ray, n_slices - 1 - focus]
            last = start[ray, 2 * n_slices - 1 - focus]
            _add(path, source, focus * size + p, 1, offset, weight, first, last)
            for x in range(n):
                total[x] += _exp2(path[x])
        for x in range(n):
            image[focus, p + x] = total[x] / n_rays


@_compiled(parallel=True)
def backward(
    volume: np.ndarray,
    gradient: np.ndarray,
    origin: int,
    span: int,
    offset: np.ndarray,
    weight: np.ndarray,
    start: np.ndarray,
    light: np.ndarray,
    result: np.ndarray,
) -> None:
    """Gradient of `forward` times log(2) * rays, added to `result`.

    `light` (rays at a time, Z, size), zeros, is room for the light of some rays at every pixel,
    weighted by `gradient`. It is recomputed, then gathered: no two threads write the same place.
    """
    n_slices, size = volume.shape
    n_rays = start.shape[0]
    room = light.shape[0]
    source = volume.reshape(-1)
    lights = light.reshape(-1)
    blocks = (span + BLOCK - 1) // BLOCK
    for ray0 in range(0, n_rays, room):
        count = min(room, n_rays - ray0)
        for task in numba.prange(count * n_slices * blocks):
            ray = ray0 + task // (n_slices * blocks)
            focus = task // blocks % n_slices
            p = origin + (task % blocks) * BLOCK
            n = min(BLOCK, origin + span - p)
            path = np.zeros(n, volume.dtype)
            first = start[ray, n_slices - 1 - focus]
            last = start[ray, 2 * n_slices - 1 - focus]
            _add(path, source, focus * size + p, 1, offset, weight, first, last)
            for x in range(n):
                light[ray - ray0, focus, p + x] = gradient[focus, p + x] * _exp2(path[x])
        for task in numba.prange(n_slices * blocks):
            level = task // blocks
            p = origin + (task % blocks) * BLOCK
            n = min(BLOCK, origin + span - p)
            total = result[level, p : p + n]
            for k in range(count):
                first = start[ray0 + k, level]
                last = start[ray0 + k, level + n_slices]
                base = (k * n_slices + level) * size + p
                _add(total, lights, base, -1, offset, weight, first, last)
