"""Variation of the structure tensor: gradient by finite differences, majorant, values by hand."""

import math

import pytest
import torch

from focusbench.solvers import tv
from focusbench.solvers.structure_variation import spread, structure_variation, weighed

SHAPES = [(4, 5, 3), (1, 6, 2), (2, 3, 4, 5)]


def numerical_gradient(value, volume, step=1e-6):
    result = torch.zeros_like(volume)
    for i in range(volume.numel()):
        shift = torch.zeros_like(volume)
        shift.view(-1)[i] = step
        result.view(-1)[i] = (value(volume + shift) - value(volume - shift)) / (2 * step)
    return result


@pytest.fixture
def draw():
    generator = torch.Generator().manual_seed(3)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("smoothing", [1e-2, 1.0])
@pytest.mark.parametrize("power", [1.0, 0.3])
@pytest.mark.parametrize("share", [0.0, 0.25])
def test_gradient_of_the_variation(draw, shape, smoothing, power, share):
    x = draw(*shape)
    settings = (smoothing, power, 0.3, share)
    found = structure_variation(x, *settings)
    expected = numerical_gradient(lambda v: structure_variation(v, *settings).value, x)
    torch.testing.assert_close(found.gradient, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("power", [1.0, 0.1])
def test_weighted_squares_touch_the_variation_from_above(draw, power):
    x = draw(3, 4, 5)
    settings = (0.1, power, 0.3, 0.25)
    found = structure_variation(x, *settings)

    def half_sum(v):
        d = tv.forward_differences(v)
        return (d * weighed(found.weights, d)).sum().item() / 2

    touching = tv.adjoint_differences(weighed(found.weights, tv.forward_differences(x)))
    torch.testing.assert_close(touching, found.gradient)
    for size in (1e-2, 0.3, 3.0):
        for seed in range(3):
            torch.manual_seed(seed)
            v = x + size * torch.randn_like(x)
            rise = structure_variation(v, *settings).value - found.value
            assert rise <= half_sum(v) - half_sum(x) + 1e-12


def test_weights_are_positive_matrices(draw):
    weights = structure_variation(draw(3, 4, 5), 1e-3, 0.1, 0.02).weights
    zz, yy, xx, zy, zx, yx = weights
    matrix = torch.stack([zz, zy, zx, zy, yy, yx, zx, yx, xx], -1).reshape(3, 4, 5, 3, 3)
    assert torch.linalg.eigvalsh(matrix).min() > 0


def test_without_neighbours_it_is_the_total_variation(draw):
    x = draw(3, 4, 5)
    found = structure_variation(x, 0.1, 1.0, 1.0, 0.0)
    expected = tv.smoothed_total_variation(x, 0.1)
    assert found.value == pytest.approx(expected[0], rel=1e-12)
    torch.testing.assert_close(found.gradient, expected[1])


def test_a_straight_edge_is_cheaper_than_specks_of_the_same_variation():
    edge, specks = (torch.zeros(7, 16, 16, dtype=torch.float64) for _ in range(2))
    edge[:, :, 8:] = 1
    specks[3, 2::4, 2::4] = 1

    def ratio(volume):
        alone = structure_variation(volume, 1e-6, 0.5, share=0.0).value
        return structure_variation(volume, 1e-6, 0.5, share=0.25).value / alone

    assert ratio(edge) < 0.6 * ratio(specks)


def test_a_power_below_one_charges_high_steps_less():
    def cost(height, power):
        volume = torch.zeros(2, 2, 2, dtype=torch.float64)
        volume[:, :, 1] = height
        return structure_variation(volume, 1e-9, power, 0.5, 0.0).value

    assert cost(0.7, 1.0) == pytest.approx(4 * 0.7, rel=1e-6)
    assert cost(0.7, 0.5) == pytest.approx(4 * 2 * math.sqrt(0.5 * 0.7), rel=1e-3)
    assert cost(2.0, 0.5) / cost(0.5, 0.5) == pytest.approx(2, rel=1e-3)


def test_spread_is_its_own_adjoint_and_keeps_the_sum_inside(draw):
    x, y = draw(4, 5, 6), draw(4, 5, 6)
    left, right = (spread(x, 0.3) * y).sum(), (x * spread(y, 0.3)).sum()
    torch.testing.assert_close(left, right)
    spot = torch.zeros(3, 3, 3, dtype=torch.float64)
    spot[1, 1, 1] = 1
    around = spread(spot, 0.3)
    assert around.sum() == pytest.approx(1)
    assert around[1, 1, 0] == pytest.approx(0.15 * 0.7**2)
