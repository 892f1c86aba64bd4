"""The least-squares adversarial loss, and networks held still while others learn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Targets = tuple[float, float]

PLUS_MINUS: Targets = (1.0, -1.0)
"""Scores for what is real and what is made, in Lim et al. 2020, Eq. 22."""

ONE_ZERO: Targets = (1.0, 0.0)
"""Those of CycleGAN and of most code."""


def discriminator_loss(
    real: Sequence[Tensor], made: Sequence[Tensor], targets: Targets = PLUS_MINUS
) -> Tensor:
    """Mean over discriminators of ((D(real) - a)^2 + (D(made) - b)^2) / 2, with targets a and b.

    For a = 1, b = -1 this is 1 less the Wasserstein loss with the penalty of Lim et al. 2020,
    Eq. 21, at eta = 1/2, which the discriminator maximises; their Eq. 22 prints the second square
    with the opposite sign.

    Parameters
    ----------
    real, made
        One score map of any shape for each discriminator. For its own training, what was made must
        be detached from the generator.
    targets
        Wanted scores of what is real and of what is made.
    """
    losses = [
        _distance(one, targets[0]) + _distance(two, targets[1])
        for one, two in zip(real, made, strict=True)
    ]
    return torch.stack(losses).mean()


def generator_loss(made: Sequence[Tensor], targets: Targets = PLUS_MINUS) -> Tensor:
    """Mean over discriminators of (D(made) - a)^2 / 2: what is made is to pass for real.

    As usual for this loss. To minimise what the discriminator maximises, which Eq. 13 of Lim et al.
    2020 says, would push the scores of what is made away from -1, to either side, without end.
    """
    return torch.stack([_distance(one, targets[0]) for one in made]).mean()


@contextmanager
def held(*networks: nn.Module) -> Iterator[None]:
    """Let no gradient reach the parameters of `networks` within the body; through them it passes.

    For the generator's step: spares the discriminators' weight gradients.
    """
    parameters = [p for network in networks for p in network.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


def _distance(scores: Tensor, target: float) -> Tensor:
    return 0.5 * (scores.float() - target).square().mean()
