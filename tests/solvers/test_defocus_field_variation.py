"""The step towards less variation: a closed form, optimality, its adjoint."""

import numpy as np
import pytest
import torch

from focusbench.solvers.field_variation import adjoint_differences, differences, smooth_step

pytestmark = pytest.mark.usefixtures("one_thread")


def random(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).random(shape))


def test_adjoint():
    field, dual = random(7, 9), random(2, 7, 9, seed=1)
    left = (differences(field) * dual).sum()
    assert left.item() == pytest.approx((field * adjoint_differences(dual)).sum().item())
    assert not differences(field)[0, -1].any()
    assert not differences(field)[1, :, -1].any()


def test_two_pixels_come_nearer_by_their_trust():
    values = torch.tensor([[10.0, 50.0]])
    trust, weight = torch.tensor([[2.0, 6.0]]), torch.tensor([[1.5, 9.0]])  # the last is not used
    z, _ = smooth_step(values, trust, weight, torch.zeros(2, 1, 2), 60)
    np.testing.assert_allclose(z, [[10 + 2 * 1.5, 50 - 6 * 1.5]], rtol=1e-5)
    z, _ = smooth_step(values, trust, 20 * weight, torch.zeros(2, 1, 2), 300)
    mean = (10 / 2 + 50 / 6) / (1 / 2 + 1 / 6)
    np.testing.assert_allclose(z, [[mean, mean]], rtol=1e-3)


def test_it_ends_at_the_least_sum():
    values, trust, weight = 50 * random(8, 9) - 10, 1 + 5 * random(8, 9, seed=1), 1 + random(8, 9)
    z, dual = smooth_step(values, trust, weight, torch.zeros(2, 8, 9, dtype=torch.float64), 3000)
    assert z.min() == 0
    assert (dual.square().sum(0).sqrt() <= weight * (1 + 1e-9)).all()

    def total(z):
        variation = (weight * differences(z).square().sum(0).sqrt()).sum()
        return ((z - values).square() / (2 * trust)).sum() + variation

    def dual_total(dual):
        v = values - trust * adjoint_differences(dual)
        inside = torch.where(v > 0, values.square() - v.square(), (values).square()) / (2 * trust)
        return inside.sum()

    gap = total(z) - dual_total(dual)
    assert -1e-9 < gap < 1e-3 * total(z)
    less, handed_on = smooth_step(values, trust, weight, torch.zeros_like(dual), 4)
    again, _ = smooth_step(values, trust, weight, handed_on, 4)
    assert total(again) < total(less) < total(values.clamp(min=0))
