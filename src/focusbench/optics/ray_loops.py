"""The ray model on the CPU: compiled loops over the path lengths that are not zero, on threads.

Arrays in, arrays out, without torch, so that whoever only renders need not load it. The bytes do
not depend on the number of threads.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np

from focusbench.errors import InputError
from focusbench.optics import ray_kernels
from focusbench.optics.ray_kernels import Layout
from focusbench.optics.ray_paths import LOG2_E, Geometry, check_shape, steps_of

MIN_TRANSMITTANCE = (
    1e-4  # per um: below it a voxel counts as this opaque, so that its log is finite
)
PIECES = 64  # of an image, handed to threads one by one


@lru_cache(maxsize=4)
def _tables(geometry: Geometry, layout: Layout, dtype: np.dtype) -> tuple[np.ndarray, ...]:
    """offset, weight, lateral and start of the steps, for the compiled loops."""
    steps = steps_of(geometry)
    lateral = steps.dy * layout.stride + steps.dx
    offset = steps.depth * layout.size + lateral
    if np.abs(offset).max() >= 2**31:
        raise InputError(
            f"a volume of {layout.height} x {layout.width} pixels is too large for the ray model;"
            " the number of its voxels must be below 2^31"
        )
    return (
        offset.astype(np.int32),
        steps.weight.astype(dtype),
        lateral.astype(np.int32),
        steps.start,
    )


@lru_cache(maxsize=4)
def _sheared(geometry: Geometry, layout: Layout) -> tuple[np.ndarray, np.ndarray, int]:
    """depth, shear and margin of the steps, for the compiled gradient."""
    steps = steps_of(geometry)
    shear = steps.shear[0] * layout.stride + steps.shear[1]
    margin = steps.margin[0] * layout.stride + steps.margin[1]
    return steps.depth.astype(np.int32), shear, margin


def _on_threads(function: Callable[[int], None], count: int) -> None:
    """Call the function with 0 .. count - 1, on as many threads as torch uses; one without it."""
    torch = sys.modules.get("torch")
    threads = min(torch.get_num_threads() if torch else 1, count)
    if threads == 1:
        for task in range(count):
            function(task)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(function, range(count)):
            pass


def image(volume: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Focal stack (Z, Y, X) of a log-transmittance (Z, Y, X), float32 or float64."""
    layout = Layout(*volume.shape[1:], steps_of(geometry).reach)
    flat = layout.spread(volume)
    light = np.empty_like(flat)
    tables = _tables(geometry, layout, flat.dtype)
    blocks = len(flat) * ray_kernels.blocks(layout.span)
    edges = np.linspace(0, blocks, min(blocks, PIECES) + 1).astype(int)

    def work(piece: int) -> None:
        first, last = edges[piece : piece + 2]
        ray_kernels.forward(flat, layout.span, *tables, light, first, last)

    _on_threads(work, len(edges) - 1)
    return layout.pixels(light).copy()


def gradient(volume: np.ndarray, upstream: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Gradient (Z, Y, X) by the log-transmittance, `upstream` being that by the focal stack."""
    steps = steps_of(geometry)
    layout = Layout(*volume.shape[1:], steps.reach)
    parts = layout.pixels(_gradient_parts(volume, upstream, layout, geometry))
    result = parts[0].copy()
    for part in parts[1:]:
        result += part
    result *= result.dtype.type(1 / (LOG2_E * steps.n_rays))
    return result


def _gradient_parts(
    volume: np.ndarray, upstream: np.ndarray, layout: Layout, geometry: Geometry
) -> np.ndarray:
    """Shares of the gradient, each of some rays: (groups, Z, size) in the given layout."""
    n_slices, height, width = volume.shape
    # As many groups as keep everything, with image, gradients and windows, in n_slices + 6 volumes;
    # their number, not that of threads, decides about the order in which a voxel's terms are added.
    groups = 16
    while groups > 1 and (groups + 2) * layout.size > (n_slices + 2) * height * width:
        groups //= 2
    parts = np.zeros((groups, n_slices, layout.size), volume.dtype)
    flat = layout.spread(volume)
    light_gradient = layout.spread(upstream)
    tables = _tables(geometry, layout, volume.dtype)
    sheared = _sheared(geometry, layout)

    def work(group: int) -> None:
        ray_kernels.backward(
            flat, layout.span, *tables, *sheared, light_gradient, group, groups, parts[group]
        )

    _on_threads(work, groups)
    return parts


def render(transmittance: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Focal stack of a volume, not quantised.

    Parameters
    ----------
    transmittance
        (Z, Y, X), per um of path, clipped to [1e-4, 1].
    geometry
        Its n_slices is Z.

    Returns
    -------
    numpy.ndarray
        (Z, Y, X), float32, light in (0, 1]: slice z is focused on slice z of the volume.

    Raises
    ------
    InputError
        The number of slices is not the geometry's, or a value is not finite.
    """
    volume = np.asarray(transmittance, dtype=np.float32)
    if not np.isfinite(volume).all():
        raise InputError("the transmittance has values that are not finite; numbers in (0, 1]")
    check_shape(volume.shape, geometry)
    return image(np.log(np.clip(volume, MIN_TRANSMITTANCE, 1.0)), geometry)
