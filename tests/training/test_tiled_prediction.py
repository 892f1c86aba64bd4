import itertools

import numpy as np
import pytest
import torch
from torch import nn

from focusbench.errors import InputError
from focusbench.networks.unet_3d import Unet3d
from focusbench.optics import psf
from focusbench.optics.convolution import Convolution
from focusbench.training import crops
from focusbench.training.tiles import border_excess, predict, tiles


def convolutions(count, seed=0):
    """A network that looks `count` voxels around itself."""
    torch.manual_seed(seed)
    layers = [nn.Conv3d(1, 3, 3, padding=1)]
    layers += [nn.Conv3d(3, 3, 3, padding=1) for _ in range(count - 2)]
    layers = [each for layer in layers for each in (layer, nn.LeakyReLU(0.1))]
    return nn.Sequential(*layers, nn.Conv3d(3, 1, 3, padding=1)).requires_grad_(False)


def untiled(network, volume):
    with torch.no_grad():
        return network(volume[None, None])[0, 0]


def test_convolutions_give_what_they_give_untiled():
    """At the paper's tiles and overlap, and at the default margin, in a volume of odd sides."""
    volume = torch.rand(70, 20, 131)
    network = convolutions(4)
    whole = untiled(network, volume)
    spread = whole.std()
    torch.testing.assert_close(predict(network, volume), whole, rtol=0, atol=1e-5 * float(spread))
    beyond = convolutions(6)  # and not if they look further: the margin is what does it
    whole = untiled(beyond, volume[:16, :16])
    difference = (predict(beyond, volume[:16, :16]) - whole).abs().max()
    assert difference > 1e-3 * whole.std()


@pytest.mark.parametrize(("overlap", "reach", "blend"), [(16, 8, "none"), (9, 4, "linear")])
def test_as_far_as_half_the_overlap(overlap, reach, blend):
    volume = torch.rand(33, 50, 67)
    network = convolutions(reach)
    tiled = predict(network, volume, (32, 40, 24), overlap, reach, blend)
    whole = untiled(network, volume)
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-5 * float(whole.std()))


def test_halving_happens_at_the_same_places():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv3d(1, 2, 3, padding=1), nn.MaxPool3d(2), nn.Upsample(scale_factor=2)
    ).requires_grad_(False)
    one = nn.Sequential(network, nn.Conv3d(2, 1, 3, padding=1)).requires_grad_(False)
    volume = torch.rand(16, 16, 58)
    whole = untiled(one, volume)
    tiled = predict(one, volume, (16, 16, 24), 8, 4, multiple=2)
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-6)
    odd = predict(one, volume, (16, 16, 24), 8, 4, multiple=1)
    assert [piece.start for piece in tiles(58, 24, 8, 4, multiple=1)] == [0, 12, 23, 34]
    assert (odd - whole).abs().max() > 1e-2


@pytest.mark.parametrize("blend", ["linear", "none"])
@pytest.mark.parametrize(("tile", "overlap", "multiple"), [(64, 16, 8), (24, 10, 8), (7, 3, 1)])
def test_weights(tile, overlap, multiple, blend):
    for length in range(1, 200):
        for margin in (0, overlap // 2):
            pieces = tiles(length, tile, overlap, margin, blend, multiple)
            total = torch.zeros(length)
            for piece in pieces:
                assert len(piece.weights) == piece.stop - piece.start <= tile
                assert (piece.weights >= 0).all()
                total[piece.place] += piece.weights
            torch.testing.assert_close(total, torch.ones(length), rtol=0, atol=1e-6)
            assert pieces[0].start == 0
            assert pieces[-1].stop == length
            for before, after in itertools.pairwise(pieces):
                assert after.start > before.start
                assert after.start % multiple == 0
                assert before.stop - after.start >= min(overlap, before.stop)
                assert before.weights[len(before.weights) - margin :].sum() == 0
                assert after.weights[:margin].sum() == 0


def test_passage():
    first, second = tiles(24, 16, 8, 2, "linear", 8)
    assert (second.start, second.stop) == (8, 24)
    rise = torch.tensor([0, 0, 1 / 8, 3 / 8, 5 / 8, 7 / 8, 1, 1])
    torch.testing.assert_close(second.weights[:8], rise)
    torch.testing.assert_close(first.weights[8:], 1 - rise)
    _, second = tiles(24, 16, 8, 2, "none", 8)
    assert second.weights[:8].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_as_few_as_the_overlap_allows():
    """Lim et al. 2020: 128 x 256 x 512 voxels; spread evenly, so that none nearly repeats."""
    counts = [len(tiles(length)) for length in (128, 256, 512, 64, 30)]
    assert counts == [3, 5, 11, 1, 1]
    assert [piece.start for piece in tiles(128)] == [0, 32, 64]
    assert [piece.start for piece in tiles(100)] == [0, 40]
    assert tiles(100)[1].stop == 100


def test_constant_stays_constant():
    volume = np.full((20, 40, 77), 0.3, dtype=np.float32)
    calls = []

    def network(tile):
        calls.append(tile.shape[2:])
        return tile

    result = predict(network, volume, (16, 16, 32), 8, 2)
    assert result.dtype == torch.float32
    np.testing.assert_allclose(result, volume, rtol=1e-6)
    assert len(calls) == 2 * 4 * 3
    assert max(max(shape) for shape in calls) == 32


def test_same_bytes_again():
    torch.manual_seed(0)
    network = Unet3d(width=2)
    volume = torch.rand(16, 40, 40)
    once = predict(network, volume, (16, 24, 24), 8, 2)
    assert torch.equal(once, predict(network, volume, (16, 24, 24), 8, 2))
    assert not once.requires_grad


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"overlap": 60}, "overlap is 60; at most 56"),
        ({"overlap": 16, "margin": 9}, "margin is 9; at most half the overlap, 16"),
        ({"tile": (64, 4, 64)}, "tile is 4; a whole number from 8"),
        ({"blend": "cubic"}, "blend is 'cubic'; accepted: linear, none"),
        ({"multiple": 0}, "multiple is 0"),
    ],
)
def test_bad_settings(wrong, message):
    with pytest.raises(InputError, match=message):
        predict(nn.Identity(), torch.zeros(70, 70, 70), **wrong)


def test_volumes_have_three_axes():
    with pytest.raises(InputError, match=r"shape \(1, 9, 9, 9\); 3 axes"):
        predict(nn.Identity(), torch.zeros(1, 9, 9, 9))


def test_excess_is_what_was_put_in():
    random = torch.Generator().manual_seed(0)
    volume = torch.rand(64, 64, 64, generator=random).cumsum(2).cumsum(1).cumsum(0) / 64
    volume += torch.rand(64, 64, 64, generator=random)
    axes = [tiles(64, 40, 16, 8, "none") for _ in range(3)]
    assert [len(pieces) for pieces in axes] == [2, 2, 2]
    same = border_excess(4 * volume, volume, axes)
    assert same.mean == pytest.approx(0, abs=1e-12)  # content and contrast do not count
    middle = (axes[2][1].start + axes[2][0].stop) // 2
    torn = volume.clone()
    torn[:, :, middle:] += 50  # far above every other change
    step = 50 + volume.diff(dim=2)[:, :, middle - 1].mean()
    changes = [volume.diff(dim=axis).abs().movedim(axis, 0)[middle - 1].mean() for axis in range(3)]
    expected = (changes[0] + changes[1] + step) / sum(changes) - 1
    assert border_excess(torn, volume, axes).mean == pytest.approx(expected.item(), rel=1e-5)
    aside = volume.clone()
    aside[:, :, middle + 4 :] += 50  # beside the border, not on it
    assert border_excess(aside, volume, axes).mean < 0


def test_excess_needs_borders():
    volume = torch.rand(20, 20, 20)
    with pytest.raises(InputError, match="no axis has borders"):
        border_excess(volume, volume, [tiles(20)] * 3)
    with pytest.raises(InputError, match="equal ones"):
        border_excess(volume, volume[1:], [tiles(20)] * 3)


@pytest.fixture(scope="module")
def deblurring():
    """A U-Net that learned a little to deblur lines, and a volume that it did not see."""
    torch.set_num_threads(1)
    kernel = psf.born_wolf((15, 15, 15), (0.1,) * 3, 0.5, 1.4, 1.5)
    pairs = []
    for seed in range(3):
        random = np.random.default_rng(seed)
        sharp = np.zeros((56, 88, 88), dtype=np.float32)
        for _ in range(30):
            a, b = random.random((2, 3)) * sharp.shape
            line = a + np.linspace(0, 1, 400)[:, None] * (b - a)
            for shift in itertools.product((0, 1), repeat=3):
                sharp[tuple(np.minimum(line.astype(int) + shift, [55, 87, 87]).T)] = 1
        blurred = Convolution(kernel, sharp.shape).apply(torch.from_numpy(sharp))
        noise = torch.Generator().manual_seed(seed)
        pairs.append((sharp, blurred + 0.01 * torch.randn(sharp.shape, generator=noise)))
    torch.manual_seed(0)
    network = Unet3d(width=4)
    nn.init.constant_(network.head.bias, -3.0)  # most of a volume is dark
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for step in range(60):
        crop = crops.draw([pairs[0][0].shape] * 2, (32, 32, 32), 0, step)
        target, given = (crops.batch([pair[i] for pair in pairs], [crop]) for i in (0, 1))
        optimizer.zero_grad()
        (network(given) - target).square().mean().backward()
        optimizer.step()
    return network, torch.from_numpy(pairs[2][0]), pairs[2][1]


def test_tiles_of_a_unet_are_not_seen(deblurring):
    network, sharp, blurred = deblurring
    whole = untiled(network, blurred)

    def psnr(one, two):
        return -10 * (one - two).square().mean().log10().item()

    excess = {}
    for blend in ("none", "linear"):
        settings = {"overlap": 16, "margin": 4, "blend": blend}
        tiled = predict(network, blurred, (32, 32, 32), **settings)
        axes = [tiles(length, 32, **settings) for length in whole.shape]
        excess[blend] = border_excess(tiled, whole, axes)
        print(
            f"{blend}: {100 * excess[blend].mean:.1f} % more change across borders, "
            f"{psnr(tiled, sharp):.2f} dB tiled, {psnr(whole, sharp):.2f} dB untiled, "
            f"{psnr(blurred, sharp):.2f} dB blurred, {psnr(tiled, whole):.2f} dB between the two"
        )
        assert psnr(tiled, whole) > psnr(tiled, sharp) + 3
    assert psnr(whole, sharp) > psnr(blurred, sharp) + 0.5  # it does something
    assert excess["none"].mean > 0.1
    assert abs(excess["linear"].mean) < 0.02
