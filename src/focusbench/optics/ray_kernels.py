"""The two loops of the ray model, compiled for the CPU.

Layout. A volume is kept as one flat array a slice, with `width + reach` places from row to row:
the `reach` zeros after a row are also those before the next (`reach`: the largest lateral step of a
ray, in voxels). A path length then is an offset and a weight that are the same for every pixel, so
that the loops run over blocks of contiguous places without a test for borders; a step that leaves
the volume with a whole block is skipped.

Every pixel and voxel adds its terms in one order, whatever thread computes it: the same bytes come
out for any number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

LANES = 16  # numbers in a vector; the compiler splits it where registers are shorter
VECTORS = 4  # vectors that are summed side by side, in registers
BLOCK = LANES * VECTORS  # places that are computed together
CHUNK = 6 * BLOCK  # places of light that `backward` spreads at a time


class Layout(NamedTuple):
    """Where pixels lie in a flat slice; BLOCK zeros stand before the first and after the last."""

    height: int
    width: int
    reach: int

    @property
    def stride(self) -> int:
        """From one row to the next."""
        return self.width + self.reach

    @property
    def span(self) -> int:
        """From the first pixel to the last, both included."""
        return (self.height - 1) * self.stride + self.width

    @property
    def size(self) -> int:
        """Of a slice with the zeros around it."""
        return self.span + 2 * BLOCK

    def pixels(self, flat: np.ndarray) -> np.ndarray:
        """View (..., Y, X) of the pixels in a flat array (..., size)."""
        step = flat.strides[-1]
        return np.lib.stride_tricks.as_strided(
            flat[..., BLOCK:],
            (*flat.shape[:-1], self.height, self.width),
            (*flat.strides[:-1], self.stride * step, step),
        )

    def spread(self, volume: np.ndarray) -> np.ndarray:
        """Flat array (Z, size) of a volume (Z, Y, X)."""
        flat = np.zeros((len(volume), self.size), volume.dtype)
        self.pixels(flat)[...] = volume
        return flat


def _compiled(function: Callable) -> Callable:
    """`numba.njit`: compiled at the first call, kept on disk where a folder can be written.

    Threads run side by side in it (it lets go of Python's lock). They are Python's own: those of
    numba would share OpenMP with torch, and change the number of threads that torch was told.
    """
    fast = {"contract"}  # multiply and add in one instruction; no reordering
    try:
        return numba.njit(cache=True, fastmath=fast, nogil=True)(function)
    except RuntimeError:  # neither this folder nor one at home can be written
        return numba.njit(fastmath=fast, nogil=True)(function)


@intrinsic
def _walk(
    typing_context: Any,
    total: Any,
    at: Any,
    source: Any,
    base: Any,
    offset: Any,
    weight: Any,
    lateral: Any,
    place: Any,
    span: Any,
    first: Any,
    last: Any,
) -> Any:
    """Add the steps first..last of a path to a block of BLOCK places.

    total[at + x] += sum of weight[e] * source[base + offset[e] + x], over those steps whose block,
    at place + lateral[e], is not wholly before 0 or from span on.

    Written in the compiler's language, because the sums must stay in vector registers: twice as
    fast as what it makes of the same loops in Python.
    """
    signature = types.void(
        total,
        types.int64,
        source,
        types.int64,
        offset,
        weight,
        lateral,
        *(types.int64,) * 4,
    )

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        number = context.get_value_type(signature.args[0].dtype)
        vector = ir.VectorType(number, LANES)
        alignment = context.get_abi_sizeof(number)
        _, at, _, base, _, _, _, place, span, first, last = arguments
        total, source, offset, weight, lateral = (
            context.make_array(signature.args[k])(context, builder, arguments[k]).data
            for k in (0, 2, 4, 5, 6)
        )

        def vector_pointer(start: Any, k: int) -> Any:
            return builder.bitcast(builder.gep(start, [word(k * LANES)]), vector.as_pointer())

        def load_vector(start: Any, k: int) -> Any:
            value = builder.load(vector_pointer(start, k))
            value.align = alignment
            return value

        def load_word(array: Any, index: Any) -> Any:
            return builder.sext(builder.load(builder.gep(array, [index])), word)

        block = builder.gep(total, [at])
        before = [load_vector(block, k) for k in range(VECTORS)]
        entry = builder.block
        head, test, add, following, done = (
            builder.append_basic_block(name) for name in ("head", "test", "add", "next", "done")
        )
        builder.branch(head)

        builder.position_at_end(head)
        step = builder.phi(word)
        step.add_incoming(first, entry)
        sums = [builder.phi(vector) for _ in range(VECTORS)]
        for value, start in zip(sums, before, strict=True):
            value.add_incoming(start, entry)
        builder.cbranch(builder.icmp_signed("<", step, last), test, done)

        builder.position_at_end(test)
        met = builder.add(place, load_word(lateral, step))
        limit = builder.add(span, word(BLOCK - 1))
        inside = builder.icmp_unsigned("<", builder.add(met, word(BLOCK - 1)), limit)
        builder.cbranch(inside, add, following)

        builder.position_at_end(add)
        start = builder.gep(source, [builder.add(base, load_word(offset, step))])
        undefined = ir.Constant(vector, ir.Undefined)
        short = ir.IntType(32)
        scale = builder.load(builder.gep(weight, [step]))
        scale = builder.insert_element(undefined, scale, short(0))
        scale = builder.shuffle_vector(
            scale, undefined, ir.Constant(ir.VectorType(short, LANES), [0] * LANES)
        )
        fast = ["contract"]
        added = [
            builder.fadd(value, builder.fmul(scale, load_vector(start, k), flags=fast), flags=fast)
            for k, value in enumerate(sums)
        ]
        builder.branch(following)

        builder.position_at_end(following)
        after = [builder.phi(vector) for _ in range(VECTORS)]
        for value, old, new in zip(after, sums, added, strict=True):
            value.add_incoming(old, test)
            value.add_incoming(new, add)
        step.add_incoming(builder.add(step, word(1)), following)
        for value, new in zip(sums, after, strict=True):
            value.add_incoming(new, following)
        builder.branch(head)

        builder.position_at_end(done)
        for k, value in enumerate(sums):
            builder.store(value, vector_pointer(block, k)).align = alignment
        return context.get_dummy_value()

    return signature, generate


def _exp2(x: float) -> float:
    """2^x."""
    return 2.0**x


def _exp2_double(x: float) -> float:
    return math.exp(x * math.log(2.0))


def _exp2_single(x: float) -> float:
    # The nearest integer goes into the exponent's bits, the rest through a polynomial (its error
    # is 2e-9 of the value; 1 at 0 exactly): straight code, which becomes vector instructions.
    x = min(max(x, np.float32(-126.0)), np.float32(127.0))
    rounding = np.float32(12582912.0)  # 1.5 * 2^23: numbers of this size have no fraction
    whole = (x + rounding) - rounding
    rest = x - whole
    power = np.float32(1.535336188319500e-4)
    power = power * rest + np.float32(1.339887440266574e-3)
    power = power * rest + np.float32(9.618437357674640e-3)
    power = power * rest + np.float32(5.550332471162809e-2)
    power = power * rest + np.float32(2.402264791363012e-1)
    power = power * rest + np.float32(6.931472028550421e-1)
    power = power * rest + np.float32(1.0)
    bits = np.int32((np.int32(whole) + np.int32(127)) << np.int32(23))
    return power * bits.view(np.float32)


@overload(_exp2, strict=False)
def _exp2_of_type(x: Any) -> Callable:
    return _exp2_single if x == types.float32 else _exp2_double


@_compiled
def blocks(span: int) -> int:
    """How many blocks cover a span."""
    return (span + BLOCK - 1) // BLOCK


@_compiled
def forward(
    volume: np.ndarray,
    span: int,
    offset: np.ndarray,
    weight: np.ndarray,
    lateral: np.ndarray,
    start: np.ndarray,
    image: np.ndarray,
    first_block: int,
    last_block: int,
) -> None:
    """Mean over the rays of 2^(sum of weight * volume), for every pixel of some blocks.

    Parameters
    ----------
    volume, image
        Flat arrays (Z, size), float32 or float64; `image` is overwritten.
    span
        Of the layout.
    offset, lateral
        Places from a pixel to what a step meets, with the change of slice and without; int32.
    weight
        Path length * log2(e), of the volume's type.
    start
        (rays, 2 Z): the steps of a ray at relative depth d are those from start[ray, d + Z - 1] to
        start[ray, d + Z]. int64.
    first_block, last_block
        Which to compute, of Z * blocks(span) in all: focus after focus.
    """
    n_slices, size = volume.shape
    n_rays = start.shape[0]
    source = volume.reshape(-1)
    n_blocks = blocks(span)
    path = np.empty(BLOCK, volume.dtype)
    total = np.empty(BLOCK, volume.dtype)
    for block in range(first_block, last_block):
        focus = block // n_blocks
        place = block % n_blocks * BLOCK
        base = focus * size + BLOCK + place
        for x in range(BLOCK):
            total[x] = 0
        for ray in range(n_rays):
            for x in range(BLOCK):
                path[x] = 0
            first = start[ray, n_slices - 1 - focus]
            last = start[ray, 2 * n_slices - 1 - focus]
            _walk(path, 0, source, base, offset, weight, lateral, place, span, first, last)
            for x in range(BLOCK):  # in place and of fixed length: no second, slower version
                path[x] = _exp2(path[x])
            for x in range(BLOCK):
                total[x] += path[x]
        mean = image[focus, BLOCK + place : 2 * BLOCK + place]
        for x in range(BLOCK):
            mean[x] = total[x] / n_rays


@_compiled
def backward(
    volume: np.ndarray,
    span: int,
    offset: np.ndarray,
    weight: np.ndarray,
    lateral: np.ndarray,
    start: np.ndarray,
    depth: np.ndarray,
    shear: np.ndarray,
    margin: int,
    gradient: np.ndarray,
    first_ray: int,
    ray_step: int,
    result: np.ndarray,
) -> None:
    """Add the share of every ray_step-th ray to the gradient of sum(gradient * image).

    What is added is rays * log2(e) times as large. The light of one ray at all pixels is
    recomputed, weighted by `gradient` and gathered by the voxels. Pixels and voxels are visited
    along the ray: in places that move with it from slice to slice (`shear`), a voxel is seen only
    from within `margin`, so that a window of light that slides over the slices stays in the cache.

    Parameters
    ----------
    volume, span, offset, weight, lateral, start
        As in `forward`.
    depth
        Relative depth of every step, int32.
    shear
        (rays, Z): places by which a ray has moved in a slice; int64.
    margin
        Largest distance, in sheared places, of a voxel from a pixel that sees it.
    gradient
        Flat array (Z, size), zero outside the pixels.
    result
        Flat array (Z, size); only its pixels mean anything.
    """
    n_slices, size = volume.shape
    n_rays = start.shape[0]
    source = volume.reshape(-1)
    edge = blocks(margin) * BLOCK
    chunk = max(CHUNK, edge)
    width = chunk + 2 * edge
    longest = 0
    for ray in range(n_rays):
        longest = max(longest, start[ray, 2 * n_slices - 1] - start[ray, 0])
    light = np.empty((n_slices, width), volume.dtype)  # at sheared places from now - edge on
    lights = light.reshape(-1)
    back = np.empty((n_slices, longest), np.int32)
    beside = np.empty(longest, np.int32)
    for ray in range(first_ray, n_rays, ray_step):
        origin = start[ray, 0]
        own_weight = weight[origin:]
        for e in range(start[ray, 2 * n_slices - 1] - origin):
            beside[e] = -lateral[origin + e]
        lowest = 0
        highest = 0
        for level in range(n_slices):
            lowest = min(lowest, -shear[ray, level])
            highest = max(highest, span - shear[ray, level])
            for e in range(start[ray, level] - origin, start[ray, level + n_slices] - origin):
                focus = level - depth[origin + e]
                moved = shear[ray, level] - shear[ray, focus]
                back[level, e] = focus * width + moved + beside[e]
        for x in range(lights.size):
            lights[x] = 0
        for now in range(lowest - chunk, highest, chunk):  # the first chunk only fills the window
            for focus in range(n_slices):
                row = light[focus]
                kept = row[chunk:]
                for x in range(2 * edge):
                    row[x] = kept[x]
                first = start[ray, n_slices - 1 - focus]
                last = start[ray, 2 * n_slices - 1 - focus]
                for x in range(2 * edge, width, BLOCK):
                    fresh = row[x : x + BLOCK]
                    for k in range(BLOCK):
                        fresh[k] = 0
                    place = now - edge + x + shear[ray, focus]
                    if place <= -BLOCK or place >= span:
                        continue
                    at = BLOCK + place
                    base = focus * size + at
                    _walk(fresh, 0, source, base, offset, weight, lateral, place, span, first, last)
                    for k in range(BLOCK):
                        fresh[k] = _exp2(fresh[k])
                    factor = gradient[focus, at : at + BLOCK]
                    for k in range(BLOCK):
                        fresh[k] *= factor[k]
            if now < lowest:
                continue
            for x in range(0, min(chunk, highest - now), BLOCK):
                for level in range(n_slices):
                    place = now + x + shear[ray, level]
                    if place <= -BLOCK or place >= span:
                        continue
                    _walk(
                        result[level],
                        BLOCK + place,
                        lights,
                        edge + x,
                        back[level],
                        own_weight,
                        beside,
                        place,
                        span,
                        start[ray, level] - origin,
                        start[ray, level + n_slices] - origin,
                    )
