import dataclasses
import math

import numpy as np
import pytest
import torch

from focusbench.errors import InputError
from focusbench.training.crops import Crop, batch, crop_shape, draw

PAPER = (64, 64, 64)
GOLDEN = Crop(
    volume=4, start=(13, 43, 40), shape=(64, 64, 64), turned=True, mirrored=(False, True, False)
)


def numbered(shape):
    """Every voxel has a value of its own."""
    return np.arange(math.prod(shape), dtype=np.float32).reshape(shape)


def chi_square(counts, draws, kinds):
    assert sum(counts) == draws
    return sum((count - draws / kinds) ** 2 for count in counts) / (draws / kinds)


def test_from_seed_and_step_alone():
    shapes = [(70, 80, 90), (64, 100, 66)]
    first = [draw(shapes, PAPER, 0, step) for step in range(50)]
    again = [draw(shapes, PAPER, 0, step) for step in reversed(range(50))]
    assert first == again[::-1]
    assert len({repr(crop) for crop in first}) == 50
    for other in ({"seed": 1}, {"step": 1}, {"item": 1}, {"purpose": "blurred"}):
        settings = {"seed": 0, "step": 0} | other
        assert draw(shapes, PAPER, **settings) != first[0]


def test_golden():
    """Another release must not draw other crops: what was trained could not be trained again."""
    assert draw([(128, 256, 512)] * 18, PAPER, 0, 0) == GOLDEN


def test_orientations_are_sixteen_and_equally_likely():
    volume = numbered((2, 3, 3))
    draws = 4800
    seen: dict[bytes, int] = {}
    for step in range(draws):
        part = draw([(2, 3, 3)], (2, 3, 3), 0, step).of(volume)
        seen[part.tobytes()] = seen.get(part.tobytes(), 0) + 1
    orientations = {
        np.rot90(flipped, turn, axes=(1, 2)).tobytes()  # rotations and flips, built otherwise
        for turn in range(4)
        for depth in (volume, volume[::-1])
        for flipped in (depth, depth[:, ::-1])
    }
    assert len(orientations) == 16
    assert set(seen) == orientations
    assert chi_square(seen.values(), draws, 16) < 37.7  # 15 degrees of freedom: 1 seed in 1000


def test_depth_stays_depth():
    """The blur is longer along z: no axis changes places with it."""
    volume = np.broadcast_to(np.arange(5.0)[:, None, None], (5, 5, 5))
    for step in range(50):
        part = draw([(5, 5, 5)], (5, 5, 5), 0, step).of(volume)
        assert (part == part[:, :1, :1]).all()


def test_volumes_and_places_are_equally_likely():
    draws = 3000
    crops = [draw([(5, 4, 4), (4, 4, 6)], (4, 4, 4), 3, step) for step in range(draws)]
    assert chi_square([sum(c.volume == i for c in crops) for i in (0, 1)], draws, 2) < 10.8
    inside = [c for c in crops if c.volume == 1]
    columns = [sum(c.start == (0, 0, x) for c in inside) for x in range(3)]
    assert chi_square(columns, len(inside), 3) < 13.8
    planes = [sum(c.start[0] == z for c in crops if c.volume == 0) for z in (0, 1)]
    assert chi_square(planes, draws - len(inside), 2) < 10.8


@pytest.mark.parametrize("kind", ["array", "tensor"])
def test_pairs_are_turned_alike(kind):
    sharp = numbered((20, 24, 28))
    blurred = 3 * sharp + 1
    if kind == "tensor":
        sharp, blurred = torch.from_numpy(sharp), torch.from_numpy(blurred)
    for step in range(40):
        crop = draw([(20, 24, 28)], (8, 12, 10), 0, step)
        one, two = crop.of(sharp), crop.of(blurred)
        assert one.shape == (8, 12, 10)
        assert (two == 3 * one + 1).all()


def test_arrays_and_tensors_agree_and_are_copies():
    volume = numbered((9, 10, 11))
    tensor = torch.from_numpy(volume.copy())
    for step in range(40):
        crop = draw([volume.shape], (9, 7, 6), 1, step)
        one, two = crop.of(volume), crop.of(tensor)
        assert np.array_equal(one, two.numpy())
        assert one.flags.c_contiguous
        assert two.is_contiguous()
        one[:], two[:] = -1, -1
    assert volume.min() == 0
    assert tensor.min() == 0


def test_what_it_says_is_what_it_does():
    volume = numbered((4, 5, 6))
    crop = Crop(0, (1, 2, 3), (2, 3, 2), turned=True, mirrored=(True, False, True))
    expected = volume[1:3, 2:5, 3:5].transpose(0, 2, 1)[::-1, :, ::-1]
    assert np.array_equal(crop.of(volume), expected)
    channels = np.stack([volume, volume + 500])
    assert np.array_equal(crop.of(channels)[1], expected + 500)


@pytest.mark.parametrize("kind", ["array", "tensor"])
def test_margins_are_what_surrounds_a_crop(kind):
    """The crop of a volume that goes on in zeros; turned, mirrored and with channels too."""
    volume = 1 + numbered((2, 6, 7, 8))
    margins = (2, 5, 9)
    longer = np.pad(volume, [(0, 0)] + [(9, 9)] * 3)
    for step in range(60):
        crop = draw([(6, 7, 8)], (3, 4, 5), 2, step)
        z, y, x = margins
        before = (z, x, y) if crop.turned else margins
        wide = dataclasses.replace(
            crop,
            start=tuple(a + 9 - m for a, m in zip(crop.start, before, strict=True)),
            shape=tuple(n + 2 * m for n, m in zip(crop.shape, before, strict=True)),
        )
        expected = wide.of(longer)
        given = torch.from_numpy(volume) if kind == "tensor" else volume
        made = np.asarray(crop.of(given, margins))
        assert made.shape == (2, 3 + 2 * z, 4 + 2 * y, 5 + 2 * x)
        assert np.array_equal(made, expected)
        assert np.array_equal(made[:, z:-z, y:-y, x:-x], crop.of(volume))
    assert np.array_equal(batch([volume[0]], [crop], margins)[0, 0].numpy(), expected[0])


def test_small_volumes_clamp_to_one_shape():
    assert crop_shape([(128, 256, 512)], PAPER) == PAPER
    assert crop_shape([(50, 512, 512), (51, 48, 512)], PAPER) == (50, 48, 48)
    shapes = [(16, 24, 32), (20, 40, 30)]
    parts = [draw(shapes, PAPER, 0, step) for step in range(40)]
    volumes = [numbered(shape) for shape in shapes]
    assert {crop.of(volumes[crop.volume]).shape for crop in parts} == {(16, 24, 24)}
    assert batch(volumes, parts[:5]).shape == (5, 1, 16, 24, 24)
    assert batch([torch.from_numpy(v) for v in volumes], parts[:5]).dtype == torch.float32


def test_bad_settings():
    with pytest.raises(InputError, match="no volumes"):
        draw([], PAPER, 0, 0)
    with pytest.raises(InputError, match=r"crop \(y\) is 0; a whole number from 1"):
        draw([(9, 9, 9)], (4, 0, 4), 0, 0)
    with pytest.raises(InputError, match=r"\(1, 9, 9, 9\); three sides"):
        draw([(1, 9, 9, 9)], PAPER, 0, 0)
