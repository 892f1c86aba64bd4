"""How a convolution is cut into transforms, and which values each of them reads."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from focusbench.errors import InputError
from focusbench.optics.fft_sizes import cost, good_size


@dataclass(frozen=True)
class Piece:
    """What one transform reads and writes along one axis.

    `sources` are the runs of values that it reads, one after the other (several where a periodic
    axis wraps around); `output` is where its results belong, and `start` their place in the tile.
    """

    sources: tuple[slice, ...]
    output: slice
    start: int

    @property
    def length(self) -> int:
        """Number of values that it reads."""
        return sum(source.stop - source.start for source in self.sources)


@dataclass(frozen=True)
class Axis:
    """One axis of a tiling: `length` values, a kernel of `kernel`, tiles of `tile` outputs.

    `size` is the length of the transform. With `halo`, a tile reads what its outputs need on either
    side; without, there is a single tile whose surroundings the transform itself supplies: zeros
    of its padding (linear) or its own periodicity (circular).
    """

    length: int
    kernel: int
    tile: int
    size: int
    halo: bool
    periodic: bool

    @cached_property
    def count(self) -> int:
        """Number of tiles."""
        return math.ceil(self.length / self.tile)

    def pieces(self, transposed: bool) -> list[Piece]:
        """All tiles; `transposed` for the adjoint, which reads the mirrored halo."""
        return [self._piece(start, transposed) for start in range(0, self.length, self.tile)]

    def _piece(self, start: int, transposed: bool) -> Piece:
        stop = min(start + self.tile, self.length)
        if not self.halo:
            whole = slice(0, self.length)
            return Piece((whole,), whole, 0)
        # The origin of a kernel of k values is (k - 1) // 2: it spreads a value over that many
        # places before it and k // 2 after, so an output needs k // 2 inputs before it.
        before, after = self.kernel // 2, (self.kernel - 1) // 2
        if transposed:
            before, after = after, before
        first, last = start - before, stop + after
        if not self.periodic:  # what lies outside is zero: not read, padded by the transform
            first, last = max(first, 0), min(last, self.length)
        return Piece(self._sources(first, last), slice(start, stop), start - first)

    def _sources(self, first: int, last: int) -> tuple[slice, ...]:
        sources = []
        while first < last:
            source = first % self.length
            run = min(self.length - source, last - first)
            sources.append(slice(source, source + run))
            first += run
        return tuple(sources)


@dataclass(frozen=True)
class Tiling:
    """The axes of a convolution."""

    axes: tuple[Axis, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Lengths of the transform."""
        return tuple(axis.size for axis in self.axes)

    @property
    def voxels(self) -> int:
        """Padded voxels of one transform."""
        return math.prod(self.sizes)

    @property
    def count(self) -> int:
        """Number of transforms."""
        return math.prod(axis.count for axis in self.axes)

    def tiles(self, transposed: bool) -> Iterator[tuple[Piece, ...]]:
        """Every tile, as one piece per axis."""
        return itertools.product(*(axis.pieces(transposed) for axis in self.axes))


def plan(
    shape: Sequence[int], kernel: Sequence[int], periodic: bool, max_voxels: int | None = None
) -> Tiling:
    """Choose the transforms of a convolution: the cheapest of at most `max_voxels` padded voxels.

    Without bound there is one transform. A zero-padded axis of n values with a kernel of k then
    needs n + k // 2, not n + k - 1: the results that wrap around are not among the n that are kept.
    A periodic axis is not padded, unless n has a large prime factor and it is cheaper to copy its
    values periodically to a better length of at least n + k - 1. A tile of t outputs needs
    t + k - 1.

    Raises
    ------
    InputError
        If not even tiles of one output fit into `max_voxels`.
    """
    options = [
        _options(n, k, periodic, max_voxels is not None) for n, k in zip(shape, kernel, strict=True)
    ]
    # One entry a combination of options: padded voxels of a transform, and the work in total.
    sizes = np.ix_(*([axis.size for axis in axes] for axes in options))
    counts = np.ix_(*([axis.count for axis in axes] for axes in options))
    costs = np.ix_(*([cost(axis.size) for axis in axes] for axes in options))
    voxels = math.prod(array.astype(np.float64) for array in sizes)
    work = voxels * math.prod(array.astype(np.float64) for array in counts) * sum(costs)
    if max_voxels is not None:
        least = int(voxels.min())
        if least > max_voxels:
            raise InputError(
                f"max_voxels: {max_voxels}; the smallest tile with its halo has {least} voxels, "
                "so at least that many are needed"
            )
        work = np.where(voxels <= max_voxels, work, np.inf)
    best = np.unravel_index(np.argmin(work), work.shape)
    return Tiling(tuple(axes[index] for axes, index in zip(options, best, strict=True)))


def _options(length: int, kernel: int, periodic: bool, tiled: bool) -> list[Axis]:
    whole = length if periodic else good_size(length + kernel // 2)
    options = [Axis(length, kernel, length, whole, False, periodic)]
    if periodic:
        options.append(_halo(length, kernel, length, periodic))
    if tiled:
        tiles = sorted({math.ceil(length / count) for count in range(2, length + 1)}, reverse=True)
        options += [_halo(length, kernel, tile, periodic) for tile in tiles]
    return options


def _halo(length: int, kernel: int, tile: int, periodic: bool) -> Axis:
    return Axis(length, kernel, tile, good_size(tile + kernel - 1), True, periodic)
