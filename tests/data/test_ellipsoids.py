import numpy as np
import pytest

from focusbench.data import ellipsoids, phantoms
from focusbench.data.ellipsoids import EllipsoidPairs, Ellipsoids


def test_the_recipe_of_the_paper():
    """8-11 ellipsoids, semi-axes U(1, 8), centres U(-8, 8), increments U(0.05, 0.1)."""
    drawn = [ellipsoids.draw(np.random.default_rng(seed)) for seed in range(400)]
    assert {len(one.increments) for one in drawn} == {8, 9, 10, 11}
    for name, low, high in (("semi_axes", 1, 8), ("centres", -8, 8), ("increments", 0.05, 0.1)):
        values = np.concatenate([np.ravel(getattr(one, name)) for one in drawn])
        assert low <= values.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < values.max() <= high
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.03 * (high - low))


def test_absorbance_against_the_plain_definition():
    drawn = ellipsoids.draw(np.random.default_rng(3))
    result = ellipsoids.absorbance(drawn, 20, 7)
    expected = np.zeros((7, 20, 20))
    for k in range(7):
        for j in range(20):
            for i in range(20):
                place = np.array([(k + 0.5) / 7, (j + 0.5) / 20, (i + 0.5) / 20]) * 20 - 10
                inside = (((place - drawn.centres) / drawn.semi_axes) ** 2).sum(axis=1) <= 1
                expected[k, j, i] = min(1, drawn.increments[inside].sum())
    np.testing.assert_allclose(result, expected, atol=1e-6)
    assert result.max() > 0.1


def test_absorbance_is_clipped_to_one():
    many = Ellipsoids(np.zeros((15, 3)), np.full((15, 3), 5.0), np.full(15, 0.1))
    result = ellipsoids.absorbance(many, 8, 8)
    assert result.max() == 1
    assert result[0, 0, 0] == 0


def test_pairs_are_transmittance_with_and_without_noise():
    pairs = EllipsoidPairs(24, 11, count=5)
    assert len(pairs) == 5
    for noisy, clean in (pairs[i] for i in range(5)):
        assert noisy.shape == clean.shape == (11, 24, 24)
        assert noisy.dtype == clean.dtype == np.float32
        assert clean.max() == 1
        assert clean.min() < 0.9
        noise = clean - noisy  # X - Y
        assert noise.min() >= -1e-7
        assert noise.max() <= 0.1 + 1e-7
        assert noise.mean() == pytest.approx(0.05, abs=0.002)
        assert noise.std() == pytest.approx(0.1 / np.sqrt(12), rel=0.03)


def test_an_item_depends_on_seed_and_number_alone():
    pairs, again = EllipsoidPairs(8, 3, count=10, seed=4), EllipsoidPairs(8, 3, count=7, seed=4)
    last = pairs[6]
    np.testing.assert_array_equal(again[6], last)
    assert not np.array_equal(pairs[5][1], last[1])
    assert not np.array_equal(EllipsoidPairs(8, 3, seed=5)[6][1], last[1])


def test_the_set_ends():
    pairs = EllipsoidPairs(8, 3, count=2)
    assert len(list(pairs)) == 2
    with pytest.raises(IndexError):
        pairs[2]
    with pytest.raises(IndexError):
        pairs[-1]


@pytest.mark.parametrize("values", [(0, 3, 1, 0), (8, 0, 1, 0), (8, 3, 0, 0), (8, 3, 1, -1)])
def test_impossible_sets_are_refused(values):
    with pytest.raises(ValueError, match="at least"):
        EllipsoidPairs(*values)


def test_no_training_pair_is_the_phantom_of_the_same_recipe(monkeypatch):
    drawn = []
    draw = ellipsoids.draw

    def noted(rng):
        drawn.append(draw(rng))
        return drawn[-1]

    monkeypatch.setattr(ellipsoids, "draw", noted)
    own, _ = phantoms.PHANTOMS["ellipsoids"]
    phantoms.density("ellipsoids", 16, 11, settings={})
    (phantom,) = drawn
    for seed, index in ((own, 0), (0, own), (0, 0)):
        ellipsoids.EllipsoidPairs(16, 11, own + 1, seed)[index]
        assert not np.array_equal(drawn[-1].centres[:1], phantom.centres[:1])
