"""Checks of the images that a network is given."""

from __future__ import annotations

from torch import Tensor

from focusbench.errors import InputError


def check_images(images: Tensor, channels: int, network: str, least: int = 1) -> None:
    """Raise InputError unless `images` are (N, channels, Y, X) with sides from `least` pixels up.

    `network` is what the message calls the network.
    """
    shape = tuple(images.shape)
    if len(shape) != 4 or shape[1] != channels:
        raise InputError(f"images: shape {shape}; {network} accepts (N, {channels}, Y, X)")
    y, x = shape[2:]
    if min(y, x) < least:
        raise InputError(f"images have {y} x {x} pixels; {network} accepts sides from {least} up")
