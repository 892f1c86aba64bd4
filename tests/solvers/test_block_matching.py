"""Groups of alike blocks, and what is taken from them."""

import itertools

import pytest
import torch

from focusbench.solvers import block_matching
from focusbench.solvers.block_matching import Groups, cosine_transform, denoise, haar_transform


@pytest.fixture
def noise():
    generator = torch.Generator().manual_seed(8)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("n", [1, 2, 4, 8])
def test_transforms_are_orthonormal_and_begin_with_the_mean(n):
    for matrix in (cosine_transform(n), haar_transform(n)):
        torch.testing.assert_close(matrix @ matrix.T, torch.eye(n, dtype=torch.float64))
        torch.testing.assert_close(matrix[0], torch.full((n,), n**-0.5, dtype=torch.float64))


def blocks_of(volume, groups):
    """(G, K, z, y, x), gathered with plain slices."""
    _, height, width = volume.shape
    found = []
    for corner in groups.corners.flatten().tolist():
        z, rest = divmod(corner, height * width)
        y, x = divmod(rest, width)
        a, b, c = groups.side
        block = volume[z : z + a, y : y + b, x : x + c]
        assert block.shape == groups.side  # inside
        found.append(block)
    return torch.stack(found).reshape(*groups.corners.shape, *groups.side)


def test_matches_are_the_nearest_by_brute_force(noise):
    volume = noise(6, 9, 8)
    reach = (1, 2, 2)
    groups = block_matching.match(volume, side=3, stride=4, size=4, search=reach)
    blocks = blocks_of(volume, groups)
    starts = [[0, 3], [0, 4, 6], [0, 4, 5]]
    assert len(groups.corners) == 18
    for group, start in zip(blocks, itertools.product(*starts), strict=True):
        own = volume[tuple(slice(s, s + 3) for s in start)]
        assert torch.equal(group[0], own)
        distances = []
        for shift in itertools.product(*(range(-r, r + 1) for r in reach)):
            z, y, x = (s + d for s, d in zip(start, shift, strict=True))
            if min(z, y, x) >= 0 and z <= 3 and y <= 6 and x <= 5:
                other = volume[z : z + 3, y : y + 3, x : x + 3]
                distances.append((other - own).square().mean().item())
        found = (group - own).square().mean((1, 2, 3)).tolist()
        assert found == pytest.approx(sorted(distances)[:4])


@pytest.mark.parametrize("shape", [(11, 13, 10), (1, 1, 1), (2, 3, 9), (4, 4, 4), (5, 1, 6)])
def test_any_size_is_covered(noise, shape):
    volume = noise(*shape)
    groups = block_matching.match(volume)
    assert groups.corners.shape[1] in (1, 2, 4, 8, 16)
    blocks_of(volume, groups)
    same = denoise(volume, groups, 0.0)  # a voxel that no block covers would be NaN
    torch.testing.assert_close(same, volume, rtol=0, atol=1e-12)


def test_places_outside_are_filled_with_the_block_itself(noise):
    volume = noise(4, 4, 5)  # two places in x: one neighbour, sixteen wanted
    groups = block_matching.match(volume, search=(0, 0, 4))
    first, second = groups.corners.tolist()
    assert sorted(first) == [0, 1]
    assert sorted(second) == [0, 1]


def test_one_group_by_hand(noise):
    volume = noise(1, 2, 4)
    groups = Groups(torch.tensor([[0, 2]]), (1, 2, 2))
    left, right = volume[0, :, :2], volume[0, :, 2:]
    basis = torch.kron(cosine_transform(2), cosine_transform(2))
    pair = torch.stack([left.flatten() @ basis.T, right.flatten() @ basis.T])
    coefficients = torch.stack([pair[0] + pair[1], pair[0] - pair[1]]) / 2**0.5
    kept = coefficients.abs() > 0.8
    kept[0, 0] = True
    assert 0 < kept.sum() < 8
    coefficients = coefficients * kept
    back = torch.stack([coefficients[0] + coefficients[1], coefficients[0] - coefficients[1]])
    back = (back / 2**0.5 @ basis).reshape(2, 2, 2)
    expected = torch.cat([back[0], back[1]], dim=1)[None]
    torch.testing.assert_close(denoise(volume, groups, 0.4, 2.0), expected)


def test_blocks_that_need_less_count_more():
    flat, busy = torch.zeros(1, 2, 2), torch.tensor([[[4.0, -4.0], [4.0, 4.0]]])
    volume = torch.cat([flat, busy], dim=2)
    volume[0, :, 1] = torch.tensor([1.0, 1.0])
    groups = Groups(torch.tensor([[0], [1]]), (1, 2, 3))  # overlap in two columns
    basis = torch.kron(cosine_transform(2), cosine_transform(3)).float()
    expected, weights = torch.zeros(1, 2, 4), torch.zeros(1, 2, 4)
    needed = []
    for start in (0, 1):
        found = basis @ volume[0, :, start : start + 3].flatten()
        kept = found.abs() > 1.5
        kept[0] = True
        needed.append(kept.sum().item())
        block = (basis.T @ (found * kept)).reshape(2, 3)
        expected[0, :, start : start + 3] += block / needed[-1]
        weights[0, :, start : start + 3] += 1 / needed[-1]
    assert needed[0] != needed[1]
    torch.testing.assert_close(denoise(volume, groups, 1.5, 1.0), expected / weights)


def test_removes_noise_and_keeps_edges(noise):
    clean = torch.zeros(11, 20, 20, dtype=torch.float64)
    clean[3:7, 5:15, 6:12] = 1
    noisy = clean + 0.1 * noise(*clean.shape)
    found = denoise(noisy, block_matching.match(noisy), 0.1)
    assert (found - clean).square().mean().sqrt().item() < 0.03  # of 0.1
    assert found[5, 10, 9].item() == pytest.approx(1, abs=0.05)


def test_same_bytes_and_a_flat_volume_stays(noise):
    volume = noise(7, 12, 12).float()
    one, two = (denoise(volume, block_matching.match(volume), 0.5) for _ in range(2))
    assert torch.equal(one, two)
    flat = torch.full((6, 9, 9), -0.2)
    torch.testing.assert_close(denoise(flat, block_matching.match(flat), 1.0), flat)
