import numpy as np
import pytest
import torch

from focusbench.errors import InputError
from focusbench.training.volumes import PairedVolumes, UnpairedVolumes

SIZE = (8, 8, 8)


def numbered(count, shape=(10, 12, 14)):
    """Volumes that bear their number, from 1: which one a crop is of can be seen in it."""
    return {f"v{i}": np.full(shape, i, np.float32) for i in range(1, count + 1)}


def seen(crops):
    """Numbers of the volumes that crops are of."""
    assert crops.shape[1:] == (1, *SIZE)
    return {int(value) for crop in crops for value in crop.unique()}


@pytest.mark.parametrize("count", [2, 3, 18])
def test_no_pair_is_seen_in_a_step(count):
    """And over many steps every volume is seen as either, about equally often."""
    data = UnpairedVolumes(numbered(count), numbered(count), seed=4)
    steps = 300
    often = {"blurred": [], "sharp": []}
    for step in range(steps):
        blurred, sharp = seen(data.blurred(step, 2, SIZE)), seen(data.sharp(step, 2, SIZE))
        assert blurred
        assert sharp
        assert not blurred & sharp
        often["blurred"].append(min(blurred))
        often["sharp"].append(min(sharp))
    for kind in often.values():
        assert set(kind) >= set(range(1, min(count, 12) + 1))
    if count == 2:
        assert abs(often["blurred"].count(1) / steps - 0.5) < 4 * (0.25 / steps) ** 0.5


def test_surroundings_are_of_the_same_volume():
    """And so no pair is seen in them either; beyond the volume there is nothing."""
    data = UnpairedVolumes(numbered(4), numbered(4), seed=0)
    beyond = 0
    for step in range(40):
        numbers = []
        for give in (data.blurred, data.sharp):
            crop = give(step, 1, SIZE)
            wide = give(step, 1, SIZE, (1, 2, 3))
            assert wide.shape == (1, 1, 10, 12, 14)
            assert torch.equal(wide[:, :, 1:-1, 2:-2, 3:-3], crop)
            numbers.append(set(wide.unique().tolist()) - {0})
            assert numbers[-1] == seen(crop)
            beyond += float(wide.min()) == 0
        assert not numbers[0] & numbers[1]
    assert 0 < beyond <= 80


def test_what_is_of_one_kind_alone_is_always_allowed():
    whole = numbered(5)
    blurred = {name: whole[name] for name in ("v1", "v2", "v3")}
    sharp = {name: whole[name] for name in ("v3", "v4")}
    data = UnpairedVolumes(blurred, sharp, seed=0)
    pairs = set()
    for step in range(200):
        one, two = seen(data.blurred(step, 1, SIZE)), seen(data.sharp(step, 1, SIZE))
        assert not one & two
        pairs |= {(a, b) for a in one for b in two}
    assert pairs == {(1, 3), (1, 4), (2, 3), (2, 4), (3, 4)}
    # one volume that is there as both, and one more of either kind alone
    for more in ({"v2"}, {"v1", "v2"}):
        other = UnpairedVolumes({"v1": whole["v1"]}, {n: whole[n] for n in ("v1", "v2")}, seed=0)
        turned = UnpairedVolumes({n: whole[n] for n in ("v1", "v2")}, {"v1": whole["v1"]}, seed=0)
        for step in range(20):
            assert seen(other.blurred(step, 1, SIZE)) == {1}
            assert seen(other.sharp(step, 1, SIZE)) == {2}
            assert seen(turned.sharp(step, 1, SIZE)) == {1}
            assert seen(turned.blurred(step, 1, SIZE)) <= more | {2}


def test_nothing_but_the_two_calls_gives_crops_or_volumes():
    """No attribute, method or item hands out both, so a learner cannot ask for a pair."""
    data = UnpairedVolumes(numbered(3), numbered(3), seed=0)
    public = {name for name in dir(data) if not name.startswith("_")}
    told = {"seed", "kernel", "validation", "score", "blurred_unit", "sharp_unit", "names"}
    told |= {"blurred_mean", "sharp_mean"}
    assert public == told | {"blurred", "sharp"}
    assert not hasattr(data, "__getitem__")
    assert not hasattr(data, "pairs")


def test_pairs_show_the_same_place_in_the_same_orientation():
    rng = np.random.default_rng(0)
    sharp = {name: rng.random((10, 12, 14), np.float32) for name in "abc"}
    blurred = {name: -2 * volume + 3 for name, volume in sharp.items()}
    data = PairedVolumes(blurred, sharp, seed=1)
    drawn = set()
    for step in range(40):
        one, two = data.pairs(step, 2, SIZE)
        assert one.shape == two.shape == (2, 1, *SIZE)
        torch.testing.assert_close(one, -2 * two + 3)
        drawn |= {float(crop.mean()) for crop in two}
    assert len(drawn) > 70


@pytest.mark.parametrize("kind", [PairedVolumes, UnpairedVolumes])
def test_crops_follow_from_seed_and_step_alone(kind):
    rng = np.random.default_rng(0)
    one, two = ({n: rng.random((10, 12, 14), np.float32) for n in "abc"} for _ in range(2))

    def given(seed, step):
        data = kind(one, two, seed)
        if kind is PairedVolumes:
            return torch.stack(data.pairs(step, 2, SIZE))
        data.sharp(7, 1, SIZE)  # whatever was asked for before
        return torch.stack([data.blurred(step, 2, SIZE), data.sharp(step, 2, SIZE)])

    assert torch.equal(given(0, 3), given(0, 3))
    assert not torch.equal(given(0, 3), given(0, 4))
    assert not torch.equal(given(0, 3), given(1, 3))


def test_crops_are_clamped_to_the_smallest_volume_of_either_kind():
    blurred, sharp = numbered(2, (20, 20, 20)), numbered(2, (20, 20, 20))
    sharp["v3"] = np.ones((6, 9, 20), np.float32)
    data = UnpairedVolumes(blurred, sharp, seed=0)
    for step in range(5):
        assert data.blurred(step, 1, (16, 16, 16)).shape == (1, 1, 6, 9, 9)
        assert data.sharp(step, 1, (16, 16, 16)).shape == (1, 1, 6, 9, 9)


def test_units_are_the_largest_values():
    data = UnpairedVolumes(numbered(4), {"x": np.eye(3, dtype=np.float32)[None]}, seed=0)
    assert (data.blurred_unit, data.sharp_unit) == (4, 1)
    assert (data.blurred_mean, data.sharp_mean) == pytest.approx((2.5, 1 / 3))


def test_bad_volumes():
    with pytest.raises(InputError, match="there are no observations; at least one"):
        UnpairedVolumes({}, numbered(2), seed=0)
    with pytest.raises(InputError, match="v1 alone, blurred and sharp, would be a pair"):
        UnpairedVolumes(numbered(1), numbered(1), seed=0)
    with pytest.raises(InputError, match="no value above 0; light is needed"):
        PairedVolumes({"a": np.zeros(SIZE)}, {"a": np.ones(SIZE)}, seed=0)
    with pytest.raises(InputError, match=r"a: shape \(2, 2\); 3 axes are needed"):
        PairedVolumes({"a": np.ones((2, 2))}, {"a": np.ones((2, 2))}, seed=0)
    with pytest.raises(InputError, match=r"v2: observation of shape \(10, 12, 14\) and .* None"):
        PairedVolumes(numbered(2), numbered(1), seed=0)
