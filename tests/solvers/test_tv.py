"""Total variation: values by hand, gradients by finite differences, adjointness."""

import math

import pytest
import torch
from finite_differences import numerical_gradient

from focusbench.solvers import tv

SHAPES = [(4, 5, 3), (1, 6, 2), (2, 3, 4, 5)]


@pytest.mark.parametrize("shape", SHAPES)
def test_differences_and_their_adjoint_agree(draw, shape):
    x, y = draw(*shape), draw(3, *shape)
    left = (tv.forward_differences(x) * y).sum()
    assert left.item() == pytest.approx((x * tv.adjoint_differences(y)).sum().item(), rel=1e-13)


def test_differences_go_to_the_next_voxel_in_the_order_z_y_x():
    z, y, x = torch.meshgrid(*(torch.arange(4.0) for _ in range(3)), indexing="ij")
    found = tv.forward_differences(100 * z + 10 * y + x)
    for axis, step in enumerate((100, 10, 1)):
        assert (found[axis].narrow(axis, 0, 3) == step).all()
        assert (found[axis].narrow(axis, 3, 1) == 0).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("smoothing", [1e-2, 1.0])
def test_gradient_of_the_smoothed_variation(draw, shape, smoothing):
    x = draw(*shape)
    _, gradient = tv.smoothed_total_variation(x, smoothing)
    expected = numerical_gradient(lambda v: tv.smoothed_total_variation(v, smoothing)[0], x)
    torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_of_squared_differences(draw, shape):
    x = draw(*shape)
    _, gradient = tv.squared_differences(x)
    expected = numerical_gradient(lambda v: tv.squared_differences(v)[0], x)
    torch.testing.assert_close(gradient, expected, rtol=1e-6, atol=1e-7)


def test_one_voxel_by_hand():
    volume = torch.zeros(3, 3, 3, dtype=torch.float64)
    volume[1, 1, 1] = 2.0
    # three neighbours before it see one difference of 2 each, the voxel itself sees three of -2
    assert tv.squared_differences(volume)[0] == 6 * 2.0**2
    s = 0.5
    expected = 3 * (math.hypot(2, s) - s) + (math.sqrt(12 + s**2) - s)
    assert tv.smoothed_total_variation(volume, s)[0] == pytest.approx(expected, rel=1e-14)


def test_a_step_costs_its_area_times_its_height():
    volume = torch.zeros(6, 7, 8)
    volume[:, :, 4:] = 0.25
    value, _ = tv.smoothed_total_variation(volume, 1e-6)
    assert value == pytest.approx(6 * 7 * 0.25, rel=1e-4)


@pytest.mark.parametrize(
    "term", [lambda v: tv.smoothed_total_variation(v, 1e-3), tv.squared_differences]
)
def test_flat_costs_nothing_and_batches_add_up(draw, term):
    value, gradient = term(torch.full((3, 4, 5), 0.7))
    assert value == 0
    assert not gradient.any()
    pair = draw(2, 3, 4, 5)
    value, gradient = term(pair)
    apart = [term(volume) for volume in pair]
    assert value == pytest.approx(sum(v for v, _ in apart), rel=1e-13)
    assert torch.equal(gradient, torch.stack([g for _, g in apart]))
