"""The simplest volume that a focal stack allows: absorption spread evenly over the depth."""

import numpy as np

DARKEST = 1 / 255  # light below it counts as this much: the first grey level of 8 bits


def even_absorption(observed: np.ndarray, z_step: float) -> np.ndarray:
    """Give every voxel the transmittance that explains the pixel in the image focused on it.

    A pixel of light I is explained by L slices of thickness `z_step` that all have the
    transmittance I^(1 / (L z_step)) per um: I^(1/L) at the published step of 1 um, where the
    published iterative method starts (Azevedo et al. 2024, authors' public code).

    Parameters
    ----------
    observed
        Focal stack (L, Y, X), light over that of empty field; clipped to [1/255, 1].
    z_step
        Thickness of a slice, um.

    Returns
    -------
    numpy.ndarray
        float32 (L, Y, X), transmittance per um; slice s comes from image s.
    """
    light = np.clip(np.asarray(observed, dtype=np.float64), DARKEST, 1)
    return (light ** (1 / (len(light) * z_step))).astype(np.float32)
