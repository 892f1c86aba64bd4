"""A network applied to a slide, block after block, in memory that does not grow with its height.

Along each axis the slide is cut at multiples of `step` pixels. A block is computed from its own
pixels and `halo` more on every side; over the first `passage` pixels after a cut, the result passes
linearly from the block before it to the block behind it. What a block says of its halo is not used:
a network that looks no further than `halo` gives what it gives untiled. For one that looks further,
as U-Nets do, `benchmarks/slide.py` measures how much of the blocks is seen.

Only the passages to the next block and to the next row of blocks are kept: of a slide of X pixels
in width, 4 scale^2 passage X bytes for each channel of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from focusbench.errors import InputError
from focusbench.parameters import check_whole
from focusbench.training.tiles import Tile

PASSAGE, HALO = 32, 32
MULTIPLE = 8
"""Blocks begin at multiples of this: networks that halve their input three times."""


class Piece(NamedTuple):
    """One block along one axis of the slide, in the slide's pixels."""

    start: int  # of what the block alone decides, with the one before it
    stop: int  # of that
    end: int  # of what it has a part in: of the passage to the next block
    read_start: int
    read_stop: int


class Block(NamedTuple):
    """A finished part of the result."""

    y: int  # of its first pixel in the result
    x: int
    values: Tensor  # (channels, Y, X) float32, on the network's device, to be written to at will
    row: int  # of blocks
    last: bool  # of its row


def pieces(
    length: int, step: int, passage: int = PASSAGE, halo: int = HALO, multiple: int = MULTIPLE
) -> list[Piece]:
    """Cut an axis of `length` pixels.

    Parameters
    ----------
    length
        Pixels.
    step
        Pixels from cut to cut, a multiple of `multiple`. The last block may be longer, by at most
        the passage, or shorter.
    passage
        Pixels over which a block passes to the next one, fewer than `step`.
    halo
        Least number of further pixels that a block is computed from where the slide has them.
    multiple
        Blocks are read from multiples of this.

    Raises
    ------
    InputError
        A setting that is not as said.
    """
    check_whole("length", length, 1)
    check_whole("multiple", multiple, 1)
    check_whole("passage", passage, 0)
    check_whole("halo", halo, 0)
    check_whole("step", step, passage + 1)
    if step % multiple:
        raise InputError(f"step is {step}; a multiple of {multiple} is accepted")
    count = max(1, -(-(length - passage) // step))
    cut = []
    for i in range(count):
        start, stop = i * step, (i + 1) * step if i + 1 < count else length
        end = min(stop + passage, length)
        first = max(0, start - halo) // multiple * multiple
        behind = -(-(end + halo) // multiple) * multiple
        cut.append(Piece(start, stop, end, first, min(behind, length)))
    return cut


def blocks(
    network: Callable[[Tensor], Tensor],
    read: Callable[[int, int], np.ndarray],
    shape: tuple[int, int],
    *,
    channels: int,
    scale: int,
    step: int,
    passage: int = PASSAGE,
    halo: int = HALO,
    multiple: int = MULTIPLE,
    first: int = 0,
    device: str | torch.device = "cpu",
) -> Iterator[Block]:
    """Apply `network` to a slide; give the result's blocks, row by row from the top left.

    Parameters
    ----------
    network
        Maps (1, 3, Y, X) in [-1, 1], on `device`, to (1, channels, scale Y, scale X).
    read
        Gives the slide's rows from a first to a last one (not included): (Y, X, 3) uint8. It is
        asked for them from top to bottom; rows of halos are asked for again.
    shape
        (Y, X) of the slide.
    channels, scale
        Of the result.
    step, passage, halo, multiple
        As of `pieces`, along both axes; in the slide's pixels.
    first
        Row of blocks to begin with. Its passage is what the row before it gives, which is computed
        for that once more.
    device
        Where the network computes.

    Raises
    ------
    InputError
        A setting that `pieces` refuses; a result of another shape, or not finite.
    """
    down, along = (pieces(length, step, passage, halo, multiple) for length in shape)
    rise = _rise(passage * scale).to(device)
    # the passage of the last row
    below = torch.empty(channels, passage * scale, shape[1] * scale, device=device)
    for row in range(max(0, first - 1), len(down)):
        tall = down[row]
        band = read(tall.read_start, tall.read_stop)
        beside = torch.empty(0)
        for column, wide in enumerate(along):
            given = torch.from_numpy(band[:, wide.read_start : wide.read_stop].copy()).to(device)
            made = _computed(network, given, channels, scale)
            rows, columns = (
                slice(*((place - piece.read_start) * scale for place in (piece.start, piece.end)))
                for piece in (tall, wide)
            )
            # copied: a network's own tensor may not bear to be written to
            values = made[:, rows, columns].to(torch.float32, copy=True)
            if not torch.stack(values.aminmax()).isfinite().all():
                raise InputError("network: gave NaN or infinite values; finite ones are accepted")
            if column:
                part = values[:, :, : rise.numel()]
                part.copy_(torch.lerp(beside, part, rise))
            inner = (wide.stop - wide.start) * scale
            beside, values = values[:, :, inner:].clone(), values[:, :, :inner]
            place = slice(wide.start * scale, wide.stop * scale)
            if row:
                part = values[:, : rise.numel()]
                if row > max(0, first - 1):
                    part.copy_(torch.lerp(below[:, :, place], part, rise[:, None]))
            inner = (tall.stop - tall.start) * scale
            if tall.end > tall.stop:
                below[:, :, place] = values[:, inner:]
            if row >= first:
                last = column == len(along) - 1
                yield Block(tall.start * scale, place.start, values[:, :inner], row, last)


def shares(cut: list[Piece], passage: int, scale: int) -> list[Tile]:
    """The same cuts in the result's pixels, as `tiles.border_excess` takes them."""
    rise, found = _rise(passage * scale), []
    for i, piece in enumerate(cut):
        weights = torch.ones((piece.end - piece.start) * scale)
        if i:
            weights[: rise.numel()] = rise
        if piece.end > piece.stop:
            weights[-rise.numel() :] = 1 - rise
        found.append(Tile(piece.start * scale, piece.end * scale, weights))
    return found


def _computed(
    network: Callable[[Tensor], Tensor], pixels: Tensor, channels: int, scale: int
) -> Tensor:
    """Network's result for pixels (Y, X, 3) uint8: (channels, scale Y, scale X)."""
    images = pixels.permute(2, 0, 1)[None].float().div_(127.5).sub_(1)
    with torch.no_grad():
        made = network(images)
    expected = (1, channels, *(side * scale for side in images.shape[2:]))
    if tuple(made.shape) != expected:
        raise InputError(
            f"network: gave the shape {tuple(made.shape)} for {tuple(images.shape)}; {expected} is "
            "accepted"
        )
    return made[0]


def _rise(length: int) -> Tensor:
    return (torch.arange(length) + 0.5) / max(length, 1)
