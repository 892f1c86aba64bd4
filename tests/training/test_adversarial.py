import pytest
import torch

from focusbench.training.adversarial import (
    ONE_ZERO,
    PLUS_MINUS,
    discriminator_loss,
    generator_loss,
    held,
)


def maps(seed):
    """Scores at three sizes, as of 64^3, 32^3 and 16^3 voxels."""
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(2, 1, n, n, n, generator=random) for n in (7, 3, 1)]


def test_targets_of_equation_22():
    assert PLUS_MINUS == (1, -1)
    assert ONE_ZERO == (1, 0)


def test_is_equation_21_at_eta_one_half():
    """Least squares with 1 and -1 complete the squares of the penalised Wasserstein loss."""
    for real, made in zip(maps(0), maps(1), strict=True):
        penalty = 0.5 * (real.square().mean() + made.square().mean())
        wasserstein = real.mean() - made.mean() - penalty
        torch.testing.assert_close(discriminator_loss([real], [made]), 1 - wasserstein)


@pytest.mark.parametrize("targets", [PLUS_MINUS, ONE_ZERO])
def test_zero_at_the_targets(targets):
    right = [torch.full((2, 1, n, n, n), targets[0]) for n in (7, 3, 1)]
    wrong = [torch.full((2, 1, n, n, n), targets[1]) for n in (7, 3, 1)]
    assert discriminator_loss(right, wrong, targets) == 0
    assert generator_loss(right, targets) == 0
    apart = targets[0] - targets[1]
    assert discriminator_loss(wrong, right, targets) == apart**2
    assert generator_loss(wrong, targets) == apart**2 / 2


def test_discriminators_count_alike_whatever_their_maps():
    real, made = maps(0), maps(1)
    each = [discriminator_loss([one], [two]) for one, two in zip(real, made, strict=True)]
    torch.testing.assert_close(discriminator_loss(real, made), torch.stack(each).mean())
    each = [generator_loss([one]) for one in made]
    torch.testing.assert_close(generator_loss(made), torch.stack(each).mean())
    with pytest.raises(ValueError, match="shorter"):
        discriminator_loss(real, made[:2])


def test_the_two_pull_against_each_other():
    scores = torch.zeros(1, 1, 3, 3, 3, requires_grad=True)
    (down,) = torch.autograd.grad(discriminator_loss([torch.ones(1)], [scores]), scores)
    (up,) = torch.autograd.grad(generator_loss([scores]), scores)
    assert (down > 0).all()
    assert (up < 0).all()


def test_float32_from_less():
    low = [m.bfloat16() for m in maps(0)]
    assert discriminator_loss(low, low).dtype == torch.float32


def test_held_networks_pass_gradients_on():
    torch.manual_seed(0)
    judge, maker = torch.nn.Linear(3, 1), torch.nn.Linear(2, 3)
    judge.bias.requires_grad_(False)
    with held(judge):
        generator_loss([judge(maker(torch.rand(4, 2)))]).backward()
    assert judge.weight.grad is None
    assert maker.weight.grad.abs().sum() > 0
    assert judge.weight.requires_grad
    assert not judge.bias.requires_grad  # as it was before
    with pytest.raises(KeyError), held(judge):
        raise KeyError
    assert judge.weight.requires_grad
