"""A denoiser without learned weights: groups of alike blocks, thresholded together.

The first stage of BM4D (Maggioni et al. 2013) in short: for blocks on a coarse grid those nearby
that look most alike are gathered, each group is transformed (discrete cosine transform within the
blocks, Haar across them), small coefficients are set to 0, and all blocks are put back where they
came from, averaged with weights that are larger the fewer coefficients a group needed.

Matching and filtering are two functions: groups that are kept make the filter a fixed one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Groups:
    """Alike blocks of a volume.

    `corners` (G, K) holds the flat index of the first voxel of each block, K a power of 2; the
    first block of a group is the one that the others were compared with. `side` is the blocks'
    size (z, y, x).
    """

    corners: Tensor
    side: tuple[int, int, int]


def match(
    volume: Tensor,
    side: int = 4,
    stride: int = 2,
    size: int = 16,
    search: tuple[int, int, int] = (3, 4, 4),
) -> Groups:
    """Group the blocks of a volume (Z, Y, X) by their mean squared difference.

    Parameters
    ----------
    side
        Voxels across a block; fewer where the volume has fewer.
    stride
        From one reference block to the next; those at the far border are always among them, so
        that every voxel is covered.
    size
        Blocks a group, rounded down to a power of 2 that the search can fill.
    search
        How far (z, y, x) a block may be from its reference block. Places in the search that lie
        outside the volume are filled with the reference block itself.
    """
    volume = volume.detach()
    depth, height, width = volume.shape
    sides = tuple(min(side, n) for n in volume.shape)
    last = [n - b for n, b in zip(volume.shape, sides, strict=True)]
    starts = [
        torch.tensor([*range(0, end, stride), end], device=volume.device, dtype=torch.long)
        for end in last
    ]
    reach = [min(far, end) for far, end in zip(search, last, strict=True)]
    z, y, x = torch.meshgrid(*starts, indexing="ij")
    padding = [far for far in reversed(reach) for _ in range(2)]
    around = functional.pad(volume[None, None], padding, mode="replicate")[0, 0]
    distances, offsets = [], []
    for dz in range(-reach[0], reach[0] + 1):
        for dy in range(-reach[1], reach[1] + 1):
            for dx in range(-reach[2], reach[2] + 1):
                offsets.append((dz * height + dy) * width + dx)
                if dz == dy == dx == 0:
                    distances.append(torch.full_like(z, -1, dtype=volume.dtype).flatten())
                    continue
                moved = around[
                    reach[0] + dz : reach[0] + dz + depth,
                    reach[1] + dy : reach[1] + dy + height,
                    reach[2] + dx : reach[2] + dx + width,
                ]
                square = (moved - volume).square_()
                mean = functional.avg_pool3d(square[None, None], sides, stride=1)[0, 0]
                found = mean[starts[0]][:, starts[1]][:, :, starts[2]]
                for place, step, end in zip((z, y, x), (dz, dy, dx), last, strict=True):
                    found.masked_fill_((place + step < 0) | (place + step > end), math.inf)
                distances.append(found.flatten())
    size = 2 ** int(math.log2(min(size, len(offsets))))
    value, chosen = torch.stack(distances, 1).topk(size, dim=1, largest=False)
    shift = torch.tensor(offsets, device=volume.device)[chosen]
    shift.masked_fill_(value.isinf(), 0)
    reference = ((z * height + y) * width + x).flatten()
    return Groups(reference[:, None] + shift, sides)


def cosine_transform(n: int) -> Tensor:
    """Orthonormal discrete cosine transform of type II, a function a row: (n, n), float64."""
    row = torch.arange(n, dtype=torch.float64)[:, None]
    matrix = torch.cos(math.pi / n * row * (row.T + 0.5)) * math.sqrt(2 / n)
    matrix[0] /= math.sqrt(2)
    return matrix


def haar_transform(n: int) -> Tensor:
    """Orthonormal Haar transform, the mean first: (n, n), float64; n a power of 2."""
    matrix = torch.ones(1, 1, dtype=torch.float64)
    while len(matrix) < n:
        pair = torch.ones(1, 2, dtype=torch.float64)
        step = torch.tensor([[1.0, -1.0]], dtype=torch.float64)
        details = torch.kron(torch.eye(len(matrix), dtype=torch.float64), step)
        matrix = torch.cat([torch.kron(matrix, pair), details]) / math.sqrt(2)
    return matrix


def denoise(volume: Tensor, groups: Groups, sigma: float, threshold: float = 2.7) -> Tensor:
    """Set coefficients of the groups to 0 that white noise explains.

    Parameters
    ----------
    volume
        (Z, Y, X), of the shape that the groups were found in.
    groups
        Of this volume or one like it.
    sigma
        Standard deviation of the noise to remove, in the volume's unit; 0 changes nothing.
    threshold
        Coefficients of at most this many sigma become 0, larger ones stay; a group's mean is
        always kept.

    Returns
    -------
    Tensor
        As `volume`. On CUDA it is summed in no fixed order: two runs differ by rounding there.
    """
    _, height, width = volume.shape
    places = [torch.arange(n, device=volume.device) for n in groups.side]
    z, y, x = torch.meshgrid(*places, indexing="ij")
    index = groups.corners[:, :, None] + ((z * height + y) * width + x).flatten()
    within = torch.ones(1, 1, dtype=torch.float64)
    for n in groups.side:
        within = torch.kron(within, cosine_transform(n))
    within = within.to(volume)
    across = haar_transform(groups.corners.shape[1]).to(volume)

    found = across @ (volume.flatten()[index] @ within.T)
    small = found.abs() <= threshold * sigma
    small[:, 0, 0] = False
    found.masked_fill_(small, 0.0)
    weight = 1 / (~small).sum((1, 2), keepdim=True).to(volume.dtype)
    blocks = (across.T @ found) @ within
    index = index.flatten()
    total = volume.new_zeros(volume.numel())
    total.index_add_(0, index, (blocks * weight).flatten())
    weights = volume.new_zeros(volume.numel())
    weights.index_add_(0, index, weight.expand_as(blocks).flatten())
    return (total / weights).reshape(volume.shape)
