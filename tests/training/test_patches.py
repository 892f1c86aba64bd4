import dataclasses

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.training.level_map import BG
from focusbench.training.patches import Cutting, LevelFields, is_background
from focusbench.training.splits import Image, Split, split

CUTTING = Cutting(side=8, per_image=3)


def fields(count=4, levels=3, shape=(20, 24)):
    """Every value tells its field, level and place."""
    ramp = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    return {
        f"f{n}": np.stack([ramp + 1000 * (10 * n + level) for level in range(levels)])
        for n in range(count)
    }


def made(cutting=CUTTING, part="train", seed=0, **more):
    given = fields(**more)
    return LevelFields(given, split(list(given), range(3), 0), seed).patches(part, cutting)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (200, 229, True),  # below 230, range 29
        (201, 230, False),  # "smaller than 230"
        (199, 229, False),  # "smaller than 30"
        (200, 200, True),
        (229, 229, True),
        (230, 230, False),
        (0, 29, True),
        (0, 30, False),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_background_at_its_edges(low, high, expected, dtype):
    patch = np.full((1, 4, 5), low, dtype)
    patch[0, 2, 3] = high
    assert is_background(patch).tolist() == [expected]


def test_background_is_labelled_before_scaling_and_only_if_asked_for():
    dark = np.full((2, 10, 10), 120, np.uint16)
    dark[1, 5, 5] = 500  # in every patch of this level
    data = LevelFields({"a": dark}, Split((Image("a", 0), Image("a", 1)), (), ()), 0)
    cutting = Cutting(side=8, per_image=2)
    patches, levels = data.patches("train", cutting).batch([0, 1, 2, 3])
    assert levels.tolist() == [BG, BG, 1, 1]
    assert patches.max() == 500
    plain = data.patches("train", dataclasses.replace(cutting, bg=False))
    assert plain.batch([0, 1, 2, 3])[1].tolist() == [0, 0, 1, 1]
    assert plain.levels().tolist() == [0, 0, 1, 1]
    assert data.patches("train", cutting).levels(chunk=3).tolist() == [BG, BG, 1, 1]


def test_patches_are_where_they_are_said_to_be():
    patches = made()
    assert len(patches) == 3 * len(patches.images)
    numbers = [len(patches) - 1, 0, 4]
    counts, levels = patches.batch(numbers)
    for one, level, number in zip(counts, levels, numbers, strict=True):
        image = patches.images[number // 3]
        y, x = patches.places()[number]
        assert np.array_equal(one, patches.fields[image.field][image.level, y : y + 8, x : x + 8])
        assert level == image.level
    assert counts.dtype == np.float32


def test_scaled():
    patches, classes = made().tensors([0, 5], 0, 65535)
    assert patches.shape == (2, 1, 8, 8)
    assert np.allclose(patches[:, 0].numpy() * 65535, made().counts([0, 5]), rtol=1e-6)
    assert classes.tolist() == made().levels()[[0, 5]].tolist()


def test_bg_is_the_last_class():
    dark = np.full((3, 10, 10), 120, np.uint16)
    data = LevelFields({"a": dark}, Split((Image("a", 0),), (), ()), 0)
    assert data.patches("train", CUTTING).tensors([0], 0, 1)[1].tolist() == [3]


def test_places_reach_every_corner():
    given = {"a": np.zeros((1, 10, 9), np.uint16)}
    data = LevelFields(given, Split((Image("a", 0),), (), ()), 0)
    places = data.patches("train", Cutting(side=8, per_image=300)).places()
    seen, times = np.unique(places, axis=0, return_counts=True)
    assert seen.tolist() == [[y, x] for y in range(3) for x in range(2)]
    assert times.min() > 25  # 50 expected


def test_repeatable_without_state():
    one, again = made(), made()
    again.order(3), again.places(7), again.batch([1])  # what came before does not matter
    assert np.array_equal(one.order(2), again.order(2))
    assert np.array_equal(one.places(), again.places())
    assert sorted(one.order(2)) == list(range(len(one)))
    assert not np.array_equal(one.order(2), one.order(3))
    assert not np.array_equal(one.places(), made(seed=1).places())
    assert not np.array_equal(one.order(2), made(seed=1).order(2))


def test_an_image_has_the_same_patches_in_any_split():
    given = fields()
    parts = [
        LevelFields(given, Split((Image("f1", 2), *more), (), ()), 0).patches("train", CUTTING)
        for more in ((), (Image("f0", 0),))
    ]
    assert np.array_equal(parts[0].places(), parts[1].places()[:3])


def test_fresh_patches():
    fresh = made(dataclasses.replace(CUTTING, fresh=True))
    assert not np.array_equal(fresh.places(0), fresh.places(1))
    assert np.array_equal(fresh.places(1), fresh.places(1))
    assert np.array_equal(made().places(0), made().places(1))  # the paper's


def test_shot_noise():
    given = {"a": np.full((1, 100, 100), 100, np.uint16)}
    data = LevelFields(given, Split((Image("a", 0),), (), ()), 0)
    noisy = data.patches("train", Cutting(side=84, per_image=2, poisson=1.0))
    one, levels = noisy.batch([0, 1])
    assert np.array_equal(one, noisy.batch([0, 1])[0])
    assert not np.array_equal(one, noisy.batch([0, 1], epoch=1)[0])
    assert not np.array_equal(one[0], one[1])
    assert one.mean() == pytest.approx(100, abs=0.5)
    assert one.var() == pytest.approx(100, rel=0.05)
    assert levels.tolist() == [BG, BG]  # with noise the range is beyond 30


def test_shot_noise_on_a_share():
    given = {"a": np.full((1, 30, 30), 100, np.uint16)}
    data = LevelFields(given, Split((Image("a", 0),), (), ()), 0)
    counts, _ = data.patches("train", Cutting(8, 400, poisson=0.25)).batch(range(400))
    noisy = (counts.std(axis=(1, 2)) > 0).mean()
    assert noisy == pytest.approx(0.25, abs=0.07)  # 3 standard deviations


def test_fields_are_kept_as_they_are():
    stack = fields(1)["f0"]
    data = LevelFields({"a": stack}, Split((Image("a", 0),), (), ()), 0)
    assert data.fields["a"] is stack
    rounded = LevelFields({"a": stack + 0.4}, Split((Image("a", 0),), (), ()), 0)
    assert np.array_equal(rounded.fields["a"], stack)
    assert rounded.fields["a"].dtype == np.uint16


def test_fields_of_several_sizes():
    given = {"a": np.zeros((1, 10, 30), np.uint16), "b": np.zeros((1, 30, 10), np.uint16)}
    data = LevelFields(given, Split((Image("a", 0), Image("b", 0)), (), ()), 0)
    patches = data.patches("train", Cutting(side=8, per_image=50))
    assert patches.counts(range(100)).shape == (100, 8, 8)
    assert patches.places()[:50].max(axis=0).tolist() == [2, 22]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "there are no fields"),
        ({"a": np.zeros((10, 10))}, r"a has shape \(10, 10\); axes \(level, y, x\)"),
        ({"a": np.zeros((1, 9, 9)), "b": np.zeros((2, 9, 9))}, "b has 2 levels, a 1"),
        ({"a": np.full((1, 9, 9), -1.0)}, "a has values from -1 to -1; counts from 0 to 65535"),
        ({"a": np.full((1, 9, 9), np.nan)}, "values from nan"),
        ({"a": np.full((1, 9, 9), 70_000)}, "values from 70000"),
        ({"b": np.zeros((1, 9, 9))}, "no field 'a' at 0"),
    ],
)
def test_bad_fields(given, message):
    with pytest.raises(InputError, match=message):
        LevelFields(given, Split((Image("a", 0),), (), ()), 0)


def test_other_bad_requests():
    given = fields()
    with pytest.raises(InputError, match="no image to learn from"):
        LevelFields(given, Split((), (), (Image("f0", 0),)), 0)
    with pytest.raises(InputError, match="part 'all' is unknown"):
        made(part="all")
    with pytest.raises(InputError, match=r"field f0 has shape \(20, 24\).*at least 21 pixels"):
        made(Cutting(side=21))
    with pytest.raises(InputError, match="per_image is 0"):
        Cutting(per_image=0)
    with pytest.raises(InputError, match="bg is 1; true or false"):
        Cutting(bg=1)
    with pytest.raises(InputError, match=r"poisson is 1.5; a share from 0 to 1"):
        Cutting(poisson=1.5)
    with pytest.raises(InputError, match=r"brightness is 0.5; 1 or a number above"):
        Cutting(brightness=0.5)
    with pytest.raises(InputError, match=r"offset is -1; 0 or a number above"):
        Cutting(offset=-1)


def test_other_brightness_and_offset():
    """What exceeds the darkest pixel is multiplied, then all pixels are shifted; drawn anew."""
    cutting = Cutting(side=84, per_image=40, bg=False, brightness=2.0, offset=50.0)
    field = np.random.default_rng(0).integers(200, 4200, (1, 90, 100)).astype(np.uint16)
    data = LevelFields({"a": field}, Split((Image("a", 0),), (), ()), 3)
    patches = data.patches("train", cutting)
    clean = data.patches("train", cutting.unchanged).batch(range(40))[0]
    changed, _ = patches.batch(range(40))
    assert np.array_equal(changed, np.rint(changed))
    lowest = clean.min(axis=(1, 2), keepdims=True)
    factors, shifts = [], []
    for patch, before, low in zip(changed, clean, lowest, strict=True):
        slope, start = np.polyfit((before - low).ravel(), patch.ravel(), 1)
        assert np.abs(slope * (before - low) + start - patch).max() < 0.6  # whole counts
        factors.append(slope)
        shifts.append(start - low.item())
    assert 0.5 <= min(factors) < 0.65 < 1.5 < max(factors) <= 2.0
    assert np.mean(np.array(factors) < 1) == pytest.approx(0.5, abs=0.2)  # of the logarithm
    assert -50.5 <= min(shifts) < -30 < 30 < max(shifts) <= 50.5
    again = patches.batch([5, 0])[0]
    assert np.array_equal(again, changed[[5, 0]])
    assert not np.array_equal(patches.batch([5], epoch=1)[0], changed[[5]])
    assert np.array_equal(clean, patches.counts(range(40)))


def test_a_patch_is_bg_by_what_is_seen_of_it():
    dim = np.full((1, 10, 10), 120, np.uint16)
    dim[0, 5, 5] = 160  # no background: 40 counts apart, until they are halved
    data = LevelFields({"a": dim}, Split((Image("a", 0),), (), ()), 0)
    cutting = Cutting(side=8, per_image=200, brightness=4.0)
    counts, levels = data.patches("train", cutting).batch(range(200))
    assert np.array_equal(levels == BG, is_background(counts))
    assert 0.2 < np.mean(levels == BG) < 0.6
    assert set(data.patches("train", cutting.unchanged).batch(range(200))[1]) == {0}


def test_counts_stay_within_the_camera():
    full = np.full((1, 8, 8), 65000, np.uint16)
    full[0, 0, 0] = 20
    data = LevelFields({"a": full}, Split((Image("a", 0),), (), ()), 0)
    made, _ = data.patches("train", Cutting(8, 30, brightness=3.0, offset=90.0)).batch(range(30))
    assert (made.min(), made.max()) == (0, 65535)
