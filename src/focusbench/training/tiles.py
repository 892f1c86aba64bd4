"""A network applied to a large volume in overlapping tiles, and how much of the tiles is seen.

Along each axis the tiles share the volume out between them by weights that add up to 1 and pass
from one tile to the next where they overlap. What a tile says within `margin` voxels of a face that
cuts through the volume is not used.

How much is seen of the paper's tiles (64^3, 16 voxels shared), `benchmarks/tiles.py` measures. With
3-D U-Nets of 8 channels, trained for 200 to 600 steps, volumes changed 17 to 44 % more across
borders than beside them where tiles met without a passage, and, in the mean over test volumes, less
than 2 % more with the passage that is the default; 0.1 to 0.4 dB were lost against the network
applied to the whole volume. Most of that loss is instance normalisation: each tile is normalised by
its own statistics.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from focusbench.errors import InputError
from focusbench.parameters import check_whole

BLENDS = ("linear", "none")
BESIDE = 8
"""Pairs of voxels on either side of a border that it is compared with."""


@dataclass(frozen=True)
class Tile:
    """A tile along one axis: voxels `start` to `stop`, and the weight of each of them, float32."""

    start: int
    stop: int
    weights: Tensor

    @property
    def place(self) -> slice:
        """Of the tile in the volume."""
        return slice(self.start, self.stop)


def tiles(
    length: int,
    tile: int = 64,
    overlap: int = 16,
    margin: int = 4,
    blend: str = "linear",
    multiple: int = 8,
) -> list[Tile]:
    """Cover an axis of `length` voxels.

    Parameters
    ----------
    length
        Voxels to cover.
    tile
        Voxels of a tile; the last one may be shorter, by less than `multiple`.
    overlap
        Least number of voxels that neighbours share. As few tiles as this allows are spread evenly,
        so that they often share more.
    margin
        Voxels next to a face inside the volume that are not used: at most half the overlap. A
        network without normalisation that looks no further than this (its receptive field is at
        most 2 `margin` + 1) gives what it gives untiled.
    blend
        How the weights change over the rest of what two tiles share: "linear", or "none" for at
        once, in the middle.
    multiple
        Tiles begin at multiples of this. A network that halves its input three times (8) then
        halves it at the same places in every tile and in the whole volume.

    Raises
    ------
    InputError
        A setting that is not as said.
    """
    check_whole("length", length, 1)
    check_whole("multiple", multiple, 1)
    check_whole("tile", tile, multiple)
    check_whole("overlap", overlap, 0)
    check_whole("margin", margin, 0)
    if blend not in BLENDS:
        raise InputError(f"blend is {blend!r}; accepted: {', '.join(BLENDS)}")
    if 2 * margin > overlap:
        raise InputError(f"margin is {margin}; at most half the overlap, {overlap}, is accepted")
    starts = _starts(length, tile, overlap, multiple)
    stops = [min(start + tile, length) for start in starts]
    place = torch.arange(length, dtype=torch.float64) + 0.5
    passed = [
        _passed(place, begin + margin, end - margin, blend)
        for begin, end in zip(starts[1:], stops[:-1], strict=True)
    ]
    passed = [torch.ones_like(place), *passed, torch.zeros_like(place)]
    return [
        Tile(start, stop, (before - after)[start:stop].float())
        for start, stop, (before, after) in zip(
            starts, stops, itertools.pairwise(passed), strict=True
        )
    ]


def predict(
    network: Callable[[Tensor], Tensor],
    volume: np.ndarray | Tensor,
    tile: Sequence[int] = (64, 64, 64),
    overlap: int = 16,
    margin: int = 4,
    blend: str = "linear",
    *,
    multiple: int = 8,
    device: str | torch.device | None = None,
) -> Tensor:
    """Apply `network` to `volume` (Z, Y, X) in tiles; float32 (Z, Y, X), on the volume's device.

    Lim et al. 2020, section IV-A: tiles of 64^3 voxels that overlap by 16, "merged back", which is
    all that is said. A side that is no longer than a tile is not cut.

    Parameters
    ----------
    network
        Maps (1, 1, z, y, x) to the same shape, on `device`.
    volume
        Of any size.
    tile, overlap, margin, blend, multiple
        As of `tiles`, for each axis.
    device
        Where the tiles are computed; None: where the volume lies.

    Raises
    ------
    InputError
        `volume` has not 3 axes; a setting that `tiles` refuses.
    """
    values = torch.as_tensor(volume, dtype=torch.float32)
    if values.ndim != 3:
        raise InputError(f"tiles: a volume of shape {tuple(values.shape)}; 3 axes are needed")
    axes = [
        tiles(length, side, overlap, margin, blend, multiple)
        for length, side in zip(values.shape, tile, strict=True)
    ]
    result = torch.zeros_like(values)
    with torch.no_grad():
        for pieces in itertools.product(*axes):
            place = tuple(piece.place for piece in pieces)
            given = values[place][None, None].to(device or values.device)
            made = network(given)[0, 0].to(result)
            for axis, piece in enumerate(pieces):
                shape = [-1 if other == axis else 1 for other in range(3)]
                made = made * piece.weights.to(result).view(shape)
            result[place] += made
    return result


@dataclass(frozen=True)
class Excess:
    """By how much volumes change more across the borders of tiles than beside them; 0.02 is 2 %.

    `mean` is over all voxel pairs between which the weights of tiles change, `worst` is that of the
    worst of such pairs' distances from the middle between two tiles, chance included.
    """

    mean: float
    worst: float


def border_excess(
    tiled: np.ndarray | Tensor, untiled: np.ndarray | Tensor, axes: Sequence[Sequence[Tile]]
) -> Excess:
    """Measure how much of the tiles is seen in `tiled`.

    The mean absolute difference of neighbouring voxels across borders, over the same in the
    `BESIDE` pairs of voxels on either side of them, along every axis that has tiles; over that
    ratio in `untiled`, so that what is there to be seen does not count; less 1.

    Parameters
    ----------
    tiled
        Result of `predict` (Z, Y, X).
    untiled
        The network's result for the whole volume, or another one of the same content that has no
        borders there.
    axes
        What `tiles` gives for each axis.

    Raises
    ------
    InputError
        Shapes that differ; no axis has borders.
    """
    one, two = (torch.as_tensor(volume).double() for volume in (tiled, untiled))
    if one.shape != two.shape or one.ndim != 3:
        raise InputError(
            f"tiles: volumes of shapes {tuple(one.shape)} and {tuple(two.shape)}; equal ones of "
            "3 axes are needed"
        )
    sums: dict[int | None, Tensor] = {}  # by distance from the middle; None: beside a border
    for axis, pieces in enumerate(axes):
        others = [other for other in range(3) if other != axis]
        changes = torch.stack([v.diff(dim=axis).abs().mean(others) for v in (one, two)])
        for pair, distance in _borders(pieces, changes.shape[1]).items():
            values = torch.cat([changes[:, pair], torch.ones(1)])
            sums[distance] = sums.get(distance, 0) + values
    beside = sums.pop(None, None)
    if beside is None or not sums:
        raise InputError("tiles: no axis has borders between tiles, nothing can be measured")

    def excess(border: Tensor) -> float:
        return float((border[0] / beside[0]) / (border[1] / beside[1]) - 1)

    return Excess(excess(sum(sums.values())), max(map(excess, sums.values())))


def _borders(pieces: Sequence[Tile], pairs: int) -> dict[int, int | None]:
    """Pairs of neighbours where weights change: distance from the middle; None: beside those."""
    found: dict[int, int | None] = {}
    for before, after in itertools.pairwise(pieces):
        middle = (after.start + before.stop - 1) // 2
        rise = after.weights[: before.stop - after.start].diff().abs()
        changing = (rise > 0).nonzero().flatten() + after.start
        found |= {int(pair): int(pair) - middle for pair in changing}
    near = {pair + step for pair in found for step in range(-BESIDE, BESIDE + 1)}
    return {pair: None for pair in near if 0 <= pair < pairs} | found


def _starts(length: int, tile: int, overlap: int, multiple: int) -> list[int]:
    last = _up(max(length - tile, 0), multiple)
    if last == 0:
        return [0]
    step = (tile - overlap) // multiple * multiple
    if step < 1:
        raise InputError(
            f"overlap is {overlap}; at most {tile - multiple}, the tile's {tile} less {multiple}, "
            "is accepted"
        )
    count = math.ceil(last / step)
    return [_up(last * i / count, multiple) for i in range(count + 1)]


def _up(value: float, multiple: int) -> int:
    return math.ceil(value / multiple) * multiple


def _passed(place: Tensor, begin: int, end: int, blend: str) -> Tensor:
    """Part of the way from one tile to the next, 0 to 1, which leads from `begin` to `end`."""
    if blend == "none" or begin == end:
        return (place > (begin + end) / 2).double()
    return ((place - begin) / (end - begin)).clamp(0, 1)
