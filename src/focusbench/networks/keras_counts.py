"""Sizes of networks counted as Keras prints them."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


class Counts(NamedTuple):
    """Numbers of a network: those that learning moves, and those that Keras prints as the total."""

    trainable: int
    total: int


def counted(network: nn.Module) -> Counts:
    """Count the parameters of `network`, on whatever device, "meta" included.

    The total holds the running means and variances of batch normalisation, which Keras counts as
    parameters that are not trained, but no counters of batches, which Keras does not have.
    """
    parameters = list(network.parameters())
    statistics = [
        values
        for layer in network.modules()
        if isinstance(layer, _BatchNorm)
        for values in (layer.running_mean, layer.running_var)
        if values is not None
    ]
    trainable = sum(values.numel() for values in parameters if values.requires_grad)
    return Counts(trainable, sum(values.numel() for values in parameters + statistics))
