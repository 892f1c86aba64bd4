"""From an image of any size to its focal planes, as a file: what `focusbench refocus` does."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from focusbench import pyramid, rgb_rows
from focusbench.errors import InputError
from focusbench.files import sha256
from focusbench.parameters import check_positive, check_whole
from focusbench.training import precision as precisions
from focusbench.training.progress import Count
from focusbench.training.slide_tiles import HALO, MULTIPLE, PASSAGE, blocks, pieces

BLOCK = 768
"""Pixels of the result that are made at once, along a side."""
LEAST = 16
_log = logging.getLogger(__name__)


class Refocused(NamedTuple):
    """What was written."""

    shape: tuple[int, int, int, int]  # (planes, Y, X, 3)
    voxel_size: tuple[float | None, ...]  # (z, y, x) in um; None: not known
    bytes: int


def refocus(
    network: Callable[[Tensor], Tensor],
    image: str | Path,
    output: str | Path,
    *,
    fingerprint: str,
    planes: int = 11,
    scale: int = 2,
    pixel_size: float | None = None,
    plane_distance: float | None = None,
    compression: str = "deflate",
    block: int = BLOCK,
    passage: int = PASSAGE,
    halo: int = HALO,
    multiple: int = MULTIPLE,
    least: int = LEAST,
    device: str = "cpu",
    precision: str = "float32",
    threads: int = 1,
    quiet: bool = False,
) -> Refocused:
    """Write the focal planes of an image as a pyramidal OME-TIFF, whole or not at all.

    The image is read, and the planes are written, in pieces (`slide_tiles`, `pyramid`): memory does
    not grow with the image's height. Progress is shown on standard error. Until the end the file
    lies in the folder ``<output>.resume``; the same call after a kill goes on after the last
    finished row of blocks, and gives the same bytes.

    Parameters
    ----------
    network
        Maps (1, 3, Y, X) to (1, 3 `planes`, `scale` Y, `scale` X), both in [-1, 1]; the colours of
        a plane stand together. A module is moved to `device` and set to evaluation.
    image
        RGB of 8 bits a colour: TIFF or PNG of any size, or JPEG (`rgb_rows`).
    output
        File to write or replace, ending in ``.ome.tif``.
    fingerprint
        Whatever the network's result depends on (weights, code) as one string: what an unfinished
        file is taken up by, beside the image's content and the settings.
    planes, scale
        Of the result.
    pixel_size
        Of the image, um; None: as its file tells, if it does.
    plane_distance
        Between the planes, um; None: not known.
    compression
        "deflate" or "zstd", both without loss.
    block
        Pixels of the result along a side of what is computed at once, besides halo and passage: a
        smaller one needs less memory and more time. A multiple of `unit(scale, multiple)`.
    passage, halo, multiple
        As of `slide_tiles.pieces`, pixels of the image.
    least
        Least side of an image that is accepted, pixels.
    device
        "cpu" or "cuda".
    precision
        One of `training.precision.PRECISIONS`.
    threads
        That compress.
    quiet
        Show no progress.

    Raises
    ------
    InputError
        An image, an output's name or a setting that is not as said, a network's result of another
        shape or not finite; no memory left on the device.
    """
    check_whole("planes", planes, 1)
    check_whole("scale", scale, 1)
    check_whole("multiple", multiple, 1)
    check_whole("threads", threads, 1)
    precisions.check(precision)
    for name, size in (("pixel_size", pixel_size), ("plane_distance", plane_distance)):
        if size is not None:
            check_positive(name, size)
    smallest = unit(scale, multiple)
    if isinstance(block, bool) or not isinstance(block, int) or block < 1 or block % smallest:
        raise InputError(f"block is {block!r}; a multiple of {smallest} is accepted")
    if os.path.realpath(output) == os.path.realpath(image):
        raise InputError(f"{output}: would overwrite the image; another name is accepted")
    step = block // scale
    if isinstance(network, nn.Module):
        network = network.to(device).eval()
    with rgb_rows.opened(image, least) as rows:
        shape = (planes, *(side * scale for side in rows.shape))
        cut = [pieces(side, step, passage, halo, multiple) for side in rows.shape]
        sizes = rows.pixel_size if pixel_size is None else (pixel_size, pixel_size)
        lateral = (None, None) if sizes is None else tuple(size / scale for size in sizes)
        settings = [fingerprint, sha256(image), scale, step, passage, halo, multiple]
        settings += [device, precision]
        key = hashlib.sha256(json.dumps(settings).encode()).hexdigest()
        with pyramid.PyramidWriter(output, shape, key, compression, threads) as writer:
            if writer.rows == 0 and (warning := pyramid.check_room(output, shape)):
                _log.warning(warning)
            show = Count(f"refocus {Path(image).name}", quiet)
            first = next((i for i, p in enumerate(cut[0]) if p.start * scale >= writer.rows), None)
            done = len(cut[1]) * (len(cut[0]) if first is None else first)
            show.begin("block", len(cut[0]) * len(cut[1]))
            if first is not None:
                made = blocks(
                    _careful(network, device, precision),
                    rows.read,
                    rows.shape,
                    channels=3 * planes,
                    scale=scale,
                    step=step,
                    passage=passage,
                    halo=halo,
                    multiple=multiple,
                    first=first,
                    device=device,
                )
                for part in made:
                    writer.write(part.y, part.x, _pixels(part.values))
                    if part.last:
                        writer.keep(part.y + part.values.shape[1])
                    done += 1
                    show(done)
            levels = sum(grid.tiles[0] for grid in pyramid.grids(planes, shape[1:])[1:])
            show.begin("row of the smaller levels", levels)
            writer.finish((plane_distance, *lateral), lambda done, _: show(done))
    written = Path(output).stat().st_size
    return Refocused((*shape, 3), (plane_distance, *lateral), written)


def unit(scale: int, multiple: int = MULTIPLE) -> int:
    """Pixels of the result that the side of a block is a multiple of.

    So that blocks begin at tiles of the file, and at multiples of `multiple` in the image.
    """
    return math.lcm(pyramid.SIDE, multiple * scale)


def _careful(
    network: Callable[[Tensor], Tensor], device: str, precision: str
) -> Callable[[Tensor], Tensor]:
    def run(images: Tensor) -> Tensor:
        try:
            with precisions.arithmetic(precision), precisions.autocast(device, precision):
                return network(images)
        except torch.OutOfMemoryError:
            y, x = images.shape[2:]
            raise InputError(
                f"{device}: has no memory for {y} x {x} pixels at once; a smaller block is accepted"
            ) from None

    return run


def _pixels(values: Tensor) -> np.ndarray:
    """(3 planes, Y, X) in [-1, 1], which is written over, as (planes, Y, X, 3) uint8."""
    levels = values.add_(1).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
    return levels.unflatten(0, (-1, 3)).permute(0, 2, 3, 1).contiguous().cpu().numpy()
