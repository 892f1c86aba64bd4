"""How many nuclei are seen in a field: the same plain segmentation whatever made the field.

Counts are of use beside each other: those of a restored field beside those of the blurred one and
of the one in focus. On the nine test fields of `data.nuclei` (21 to 130 nuclei), in focus, 97 % of
the nuclei were found within 10 px of their centre, and 95 % of what was found was one; the counts
were off by 2.5 % in the mean. Clumps of dead cells count where they are large enough, and so do
nuclei at the rim whose centre lies outside. Blurred to level 4, with shot noise, 98 % and 92 %;
from level 0 to 10 across the field 94 % and 91 %; at level 10, where neighbours merge, 77 % and
85 %. In the nine real fields 9 to 164 were found; a fixed threshold (`benchmarks/nuclei.py`), which
depends on the brightness, says 11 to 136.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from focusbench.errors import InputError

PIXEL = 0.65  # um, for which the lengths below, in px, were chosen: others are scaled to it
SMOOTH = 1.0  # px: Gaussian before the threshold
AROUND = 41  # px: the window in which the brightest place is looked for
SPREAD = 10.0  # px: Gaussian that evens out what these windows say
SHARE = 0.5  # of the brightest place nearby, above the background
NOISE, LEAST_LIGHT = 6.0, 20.0  # standard deviations of the background; counts: less is nothing
LEAST_AREA = 100.0  # px; an ordinary nucleus has 600
ROUND, APART = 2.0, 8.0  # px: Gaussian of the distance from the rim; between two of its maxima

SETTINGS = (
    f"Gaussian of {SMOOTH:g} px; above {100 * SHARE:g} % of the brightest place within "
    f"{AROUND // 2} px, over the background; holes filled; {LEAST_AREA:g} px or more; touching "
    f"ones parted by the maxima of the distance from the rim, {APART:g} px apart or more; px of "
    f"{PIXEL:g} um"
)


def count(image: Any, pixel_size: float = PIXEL) -> int:
    """Count the nuclei of a field; see `centres`."""
    return len(centres(image, pixel_size))


def centres(image: Any, pixel_size: float = PIXEL) -> np.ndarray:
    """Find the nuclei of a field.

    Background is the most frequent value. A nucleus is what stands out of it by half as much as the
    brightest place nearby does, so that neither an uneven lamp nor a blur that dims all changes
    what counts.

    Parameters
    ----------
    image
        (Y, X), counts.
    pixel_size
        um.

    Returns
    -------
    numpy.ndarray
        int64 (n, 2): y and x of each nucleus's middle, px.

    Raises
    ------
    InputError
        An image that is not finite or not of two axes.
    """
    from scipy import ndimage
    from skimage.feature import peak_local_max

    values = np.asarray(image, dtype=np.float64)
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise InputError(f"nuclei: shape {values.shape}; finite values of two axes are accepted")
    scale = PIXEL / pixel_size
    smooth = ndimage.gaussian_filter(values, SMOOTH * scale)
    level, spread = _background(smooth)
    light = smooth - level
    bright = ndimage.gaussian_filter(light, SMOOTH * scale)  # one noisy pixel is no bright place
    bright = ndimage.maximum_filter(bright, size=_odd(AROUND * scale))
    bright = ndimage.gaussian_filter(bright, SPREAD * scale)
    mask = light > np.maximum(SHARE * bright, max(NOISE * spread, LEAST_LIGHT))
    mask = ndimage.binary_fill_holes(ndimage.binary_opening(mask, np.ones((3, 3))))
    parts, _ = ndimage.label(mask)
    small = np.bincount(parts.ravel()) < LEAST_AREA * scale**2
    mask &= ~small[parts]
    parts, found = ndimage.label(mask)
    if not found:
        return np.zeros((0, 2), np.int64)
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), ROUND * scale)
    return peak_local_max(
        depth, min_distance=max(round(APART * scale), 1), labels=parts, exclude_border=False
    ).astype(np.int64)


def _background(smooth: np.ndarray) -> tuple[float, float]:
    """Most frequent value, and the standard deviation of the background."""
    from scipy import ndimage

    low, high = np.percentile(smooth, (1, 90))
    if high <= low:
        return float(low), 0.0
    counts, edges = np.histogram(smooth, bins=512, range=(low, high))
    even = ndimage.gaussian_filter1d(counts.astype(np.float64), 3)
    level = float(edges[np.argmax(even)])
    below = smooth[smooth <= level]  # above it lie the nuclei too
    return level, 1.4826 * float(np.median(level - below)) if below.size else 0.0


def _odd(length: float) -> int:
    return 2 * round((length - 1) / 2) + 1
