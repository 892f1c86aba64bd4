"""A grid of 2 pixels in an estimate: what steps that double the size leave behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from focusbench.optics.enlargement import enlarged
from focusbench.optics.refocus_degradation import degrade
from focusbench.tracks.refocus import shown
from focusbench.tracks.refocus.error_maps import grey
from focusbench.tracks.refocus.shown_fields import Shown

NETWORKS = (shown.SRGAN, shown.DEEP_Z, shown.MFPINET, shown.HR_INPUT, shown.NAF)
RADIUS = 0.04  # cycles/px about the grid's frequencies
LEAST = 1.5  # times the power of the truth and of plain interpolation


def power(image: np.ndarray) -> float:
    """Mean power of a grey image (Y, X) about half a cycle a pixel along x, y or both.

    Ends are faded out by a Hann window; the mean over the image is left out.
    """
    rows, columns = image.shape
    faded = (image - image.mean()) * np.outer(np.hanning(rows), np.hanning(columns))
    found = np.square(np.abs(np.fft.fft2(faded)))
    y = np.abs(np.fft.fftfreq(rows))[:, None]
    x = np.abs(np.fft.fftfreq(columns))
    near = [np.hypot(y - a, x - b) <= RADIUS for a, b in ((0.5, 0.0), (0.0, 0.5), (0.5, 0.5))]
    return float(found[np.logical_or.reduce(near)].mean())


def with_grid(field: Shown) -> list[str]:
    """Networks whose plane at 0 um has clearly more such power than can be explained otherwise.

    Noise of a truth has some too, and edges that bicubic interpolation made from half the size.
    """
    truth = field.truth[field.middle]
    usual = max(power(grey(truth)), power(grey(enlarged(degrade(truth)))))
    return [
        method
        for method, made in field.estimates.items()
        if shown.base(method) in NETWORKS and power(grey(made[field.middle])) > LEAST * usual
    ]


def told(fields: Sequence[Shown], settings: Mapping[str, Any]) -> str:
    """Say in a caption who has a grid in one of the fields, where networks were trained briefly."""
    found = list(dict.fromkeys(method for one in fields for method in with_grid(one)))
    if not found or settings["preset"] == "paper":
        return ""
    return (
        f" A grid of 2 pixels may be seen in {shown.listed(found)}, from steps that double the "
        "size, which a short training has not smoothed: near its frequency the power at 0 µm is "
        f"over {LEAST:g} times that of the truth and of bicubic interpolation."
    )
