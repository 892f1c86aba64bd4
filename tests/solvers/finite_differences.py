"""Gradients to hold others against."""

import torch


def numerical_gradient(value, volume, step=1e-6):
    """Central differences of a function of a tensor, entry by entry."""
    result = torch.zeros_like(volume)
    for i in range(volume.numel()):
        shift = torch.zeros_like(volume)
        shift.view(-1)[i] = step
        result.view(-1)[i] = (value(volume + shift) - value(volume - shift)) / (2 * step)
    return result
