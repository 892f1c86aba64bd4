"""Variation of a power: gradient by finite differences, its majorant, values by hand."""

import math

import pytest
import torch
from finite_differences import numerical_gradient

from focusbench.solvers import tv
from focusbench.solvers.edge_variation import smoothed_variation, variation_weights

SHAPES = [(4, 5, 3), (1, 6, 2), (2, 3, 4, 5)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("smoothing", [1e-2, 1.0])
@pytest.mark.parametrize("power", [1.0, 0.6])
def test_gradient_of_the_smoothed_variation(draw, shape, smoothing, power):
    x = draw(*shape)
    _, gradient = smoothed_variation(x, smoothing, power, 0.3)
    expected = numerical_gradient(lambda v: smoothed_variation(v, smoothing, power, 0.3)[0], x)
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("power", [1.0, 0.5])
def test_weighted_squares_touch_the_variation_from_above(draw, power):
    x = draw(3, 4, 5)
    settings = (0.1, power, 0.3)
    weights = variation_weights(x, *settings)

    def rise(v):
        squares = tv.forward_differences(v).square() - tv.forward_differences(x).square()
        return (weights * squares).sum().item() / 2

    value, gradient = smoothed_variation(x, *settings)
    touching = tv.adjoint_differences(weights * tv.forward_differences(x))
    torch.testing.assert_close(touching, gradient)
    for size in (1e-2, 0.3, 3.0):
        v = x + size * draw(3, 4, 5)
        assert smoothed_variation(v, *settings)[0] - value <= rise(v) + 1e-12


def test_a_power_below_one_charges_high_steps_less():
    def cost(height, power):
        volume = torch.zeros(2, 2, 2, dtype=torch.float64)
        volume[:, :, 1] = height
        return smoothed_variation(volume, 1e-9, power, 0.5)[0]

    assert cost(0.7, 1.0) == pytest.approx(4 * 0.7, rel=1e-6)
    assert cost(0.7, 0.5) == pytest.approx(4 * 2 * math.sqrt(0.5 * 0.7), rel=1e-3)
    assert cost(2.0, 0.5) / cost(0.5, 0.5) == pytest.approx(2, rel=1e-3)


def test_power_one_is_the_total_variation(draw):
    x = draw(3, 4, 5)
    value, gradient = smoothed_variation(x, 0.1)
    expected = tv.smoothed_total_variation(x, 0.1)
    assert value == pytest.approx(expected[0], rel=1e-12)
    torch.testing.assert_close(gradient, expected[1])
