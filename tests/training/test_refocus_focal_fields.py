"""Crops of focal stacks and of their inputs, and what a set of stacks refuses."""

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.optics import refocus_degradation
from focusbench.training.focal_fields import FocalFields


def ramp(y=40, x=56, planes=3, field=0):
    """Red tells the row, green the column, blue field and plane."""
    stack = np.zeros((planes, y, x, 3), np.uint8)
    stack[..., 0] = np.arange(y)[:, None]
    stack[..., 1] = np.arange(x)
    stack[..., 2] = 50 * field + np.arange(planes)[:, None, None]
    return stack


def ramps(scale=2, **more):
    return FocalFields({"a": ramp(), "b": ramp(48, 44, field=1)}, scale=scale, **more)


@pytest.mark.parametrize("scale", [1, 2])
def test_crops_of_input_and_planes_show_the_same_place(scale):
    data = ramps(scale)
    crops = data.batch(3, 0, range(40), 16)
    assert crops.inputs.shape == (40, 16 // scale, 16 // scale, 3)
    assert crops.planes.shape == (40, 3, 16, 16, 3)
    starts = set()
    for given, planes in zip(crops.inputs.numpy(), crops.planes.numpy(), strict=True):
        y, x, blue = (int(value) for value in planes[0, 0, 0])
        assert y % scale == x % scale == 0
        assert np.array_equal(planes, data.stacks[blue // 50][:, y : y + 16, x : x + 16])
        low = slice(y // scale, (y + 16) // scale), slice(x // scale, (x + 16) // scale)
        assert np.array_equal(given, data.inputs[blue // 50][low])
        starts.add((blue // 50, y, x))
    assert len(starts) > 30
    assert max(y for _, y, _ in starts) + 16 > 40  # places reach the last rows and columns
    assert max(x for _, _, x in starts) + 16 > 50


def test_turned_and_mirrored_crops_still_show_the_same_place():
    """The input's pixel is the mean of four of the planes', but for what its blur rounds."""
    crops = ramps().batch(3, 0, range(60), 16, augment=True)
    fours = crops.planes[:, 1, :, :, :2].double().unflatten(2, (8, 2)).unflatten(1, (8, 2))
    inner = slice(2, -2)  # the blur mirrors what lies at the field's edge
    gaps = (fours.mean(dim=(2, 4)) - crops.inputs[..., :2].double())[:, inner, inner]
    assert gaps.abs().max() <= 1
    first, along, down = (crops.planes[:, 0, y, x, :2].int() for y, x in ((0, 0), (0, 1), (1, 0)))
    turns = {(*a.tolist(), *b.tolist()) for a, b in zip(along - first, down - first, strict=True)}
    assert len(turns) == 8


def test_inputs_are_made_of_the_whole_middle_plane():
    data = ramps()
    assert np.array_equal(data.inputs[1], refocus_degradation.degrade(data.stacks[1][1]))
    assert np.array_equal(ramps(1).inputs[1], data.stacks[1][1])


def test_a_crop_depends_on_seed_step_and_item_alone():
    def blue_and_place(seed, step, items):
        return ramps().batch(seed, step, items, 16, augment=True).planes[:, 0, 0, 0].tolist()

    whole = blue_and_place(1, 5, range(6))
    assert blue_and_place(1, 5, [2, 3]) + blue_and_place(1, 5, [4, 5]) == whole[2:]
    assert blue_and_place(1, 6, range(6)) != whole
    assert blue_and_place(2, 5, range(6)) != whole


def test_planes_are_cut_as_asked():
    data = ramps()
    crops = data.batch(0, 0, [0, 1, 2], 16, planes=[(2,), (0,), (1,)])
    assert crops.planes.shape == (3, 1, 16, 16, 3)
    assert (crops.planes[:, 0, 0, 0, 2] % 50).tolist() == [2, 0, 1]
    whole = data.batch(0, 0, [0, 1, 2], 16)
    assert np.array_equal(crops.planes[0, 0], whole.planes[0, 2])


def test_every_slide_is_as_likely_as_the_others():
    stacks = {name: ramp(16, 16, field=i) for i, name in enumerate("abcde")}
    data = FocalFields(stacks, slides={"a": "s1", **dict.fromkeys("bcde", "s2")})
    assert data.slides == ("s1", "s2", "s2", "s2", "s2")
    blue = data.batch(0, 0, range(300), 8).planes[:, 0, 0, 0, 2] // 50
    counts = np.bincount(blue, minlength=5)
    assert 120 <= counts[0] <= 180  # 150, standard deviation 9
    assert counts[1:].min() > 15


def test_crops_with_cells_are_chosen():
    stack = np.full((3, 128, 128, 3), 230, np.uint8)
    stack[1, 20:44, 70:94] = 90  # seen on the middle plane
    data = FocalFields({"a": stack})

    def share(with_cells):
        """Of crops with 4 dark pixels in the middle 17 x 17: 2000 in 412 x 412 of 768 x 768."""
        crops = data.batch(0, 0, range(40), 32, with_cells=with_cells)
        inner = crops.planes[:, 1, 7:24, 7:24, 0] < 150
        return (inner.sum(dim=(1, 2)) >= 4).double().mean()

    assert share(False) < 0.5
    assert share(True) == 1
    empty = FocalFields({"a": np.full((3, 64, 64, 3), 230, np.uint8)})
    assert len(empty.batch(0, 0, range(2), 32, with_cells=True).inputs) == 2


def test_the_score_is_the_mean_of_the_planes_psnr():
    stack = ramp()
    data = ramps(validation=stack)
    estimate = stack.copy()
    estimate[0] += 1
    estimate[1:] += 2
    known = [10 * np.log10(255**2 / square) for square in (1, 4, 4)]
    assert data.score(estimate) == pytest.approx(np.mean(known))
    assert data.score(estimate[1:2]) == pytest.approx(known[1])  # of the middle plane alone
    with pytest.raises(InputError, match=r"estimate: shape \(2, 40, 56, 3\); \(3, 40, 56, 3\)"):
        data.score(estimate[:2])
    assert np.array_equal(data.validation.input, refocus_degradation.degrade(stack[1]))
    assert ramps().score is None


@pytest.mark.parametrize(
    ("stacks", "more", "message"),
    [
        ({}, {}, "training: there are no fields; at least one is needed"),
        ({"a": ramp(), "b": ramp(planes=5)}, {}, "training: b has 5 planes, a 3; equal numbers"),
        ({"a": ramp(planes=4)}, {}, r"training: a: focal stack: shape \(4, 40, 56, 3\); an odd"),
        ({"a": ramp(41)}, {}, "training: a: image: 56 x 41 pixels; even sides are wanted"),
        ({"a": ramp()[..., 0]}, {}, "training: a: image: .* is wanted"),
        ({"a": ramp().astype(np.float32)}, {}, "training: a: image: float32 .* is wanted"),
        ({"a": ramp()}, {"validation": ramp(planes=5)}, "the validation field has 5 planes, a 3"),
        ({"a": ramp()}, {"scale": 3}, "scale is 3; 1 or 2 is accepted"),
    ],
)
def test_refusals_are_one_line(stacks, more, message):
    with pytest.raises(InputError, match=message) as caught:
        FocalFields(stacks, **more)
    assert "\n" not in str(caught.value)


def test_patches_that_do_not_fit_are_refused():
    data = ramps()
    data.check_patch(40)
    with pytest.raises(InputError, match=r"training: b has 48 x 44 pixels .* patches 46 x 46"):
        FocalFields({"a": ramp(50), "b": ramp(48, 44)}).batch(0, 0, [0], 46)
    with pytest.raises(InputError, match="patch is 15; a multiple of 2 is accepted"):
        data.batch(0, 0, [0], 15)
