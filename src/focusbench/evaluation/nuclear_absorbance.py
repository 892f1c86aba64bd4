"""Nuclei of stained cells: where they are, and how dark an estimate shows them.

How much light a nucleus takes away is what a cytologist, and cytometry, judge it by. Absorbance is
A = -log10(max(I, 0.5) / I0) by colour, I0 the empty slide's grey value. Grey values are taken as
proportional to light, as those of `data.cytology` are; a scanner's gamma scales A. Absorbance
within a nucleus is that of all that lies there: cytoplasm below and above it is not taken off.

Nuclei are looked for on a plane in focus. Haematoxylin absorbs red and green alike; cytoplasm that
is cyan takes little green, pink and orange take little red: the smaller of the two absorbances
shows nuclei. Where cells overlap it is high as well, so a nucleus must also be darker than what
surrounds it on most sides.

Held against what `data.cytology` drew, on the middle planes of two fields of 384 x 384 pixels of
each of six slides on which no threshold was chosen (fields 11 and 12): of 82 nuclei that lay inside
and were no neutrophil's, half of the pixels or more were found of 93 % (of 69 within 3 um
of the focus, 91 %; of 13 farther off, all); of 119 found, 97 % were one, and 90 % of their pixels.
Of the lobes of neutrophils' nuclei, which are smaller than what counts unless they touch, 56 % were
found. Neighbours in tight groups, and nuclei in thick overlaps, are what is missed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from focusbench.errors import InputError

LEAST_GREY = 0.5  # of 255: what a pixel of grey value 0 counts as
SMOOTH, BACKGROUND = 2.0, 95.0  # px; percentile of the smoothed plane that is empty slide
FINE = 0.35  # um: Gaussian of the absorbance in which nuclei are looked for
WIDEST = 18.0  # um: what is wider than this is no nucleus
NEARBY, SHARE = 5.0, 0.5  # um; of the darkest place this near: a nucleus's rim
LEAST_STAIN, LEAST_PEAK = 0.06, 0.15  # absorbance over wider matter: anywhere, at the darkest place
SPECK = 0.7  # um: half of the side of what is too thin
APART, ROUND = 4.0, 0.6  # um: of two nuclei that touch; Gaussian of the distance from the rim
RING = (0.7, 2.2)  # um from the nucleus: what surrounds it
LEAST_FREE = 0.5  # share of the ring that is no other candidate
SIDES, LEAST_CONTRAST = 75.0, 0.06  # percentile of the ring; absorbance by which nuclei exceed it
AREA = (8.0, 120.0)  # um^2: from shrunken to dysplastic nuclei
FEWEST = 3  # px: fewer have no axes
LONGEST, SOLID = 2.6, 0.85  # ratio of axes; area over that of the ellipse of equal moments
LEAST_TRUTH = 0.02  # mean absorbance below which a nucleus's integral is not compared

SETTINGS = (
    f"nuclei of the true middle plane: the smaller of the absorbances of red and green, over that "
    f"of matter wider than {WIDEST:g} um, {100 * SHARE:g} % of the darkest place nearby or more; "
    f"{AREA[0]:g} to {AREA[1]:g} um^2, compact, darker than {SIDES:g} % of what surrounds them"
)


def background(plane: np.ndarray) -> np.ndarray:
    """Grey values (red, green, blue) of the empty slide.

    The 95th percentile by colour of the plane after a Gaussian of 2 pixels, so that neither noise
    nor bright edges count: right where a tenth or more of the field is empty. In 12 fields of
    `data.cytology` in focus it was within 0.5 of what they were drawn with.

    Parameters
    ----------
    plane
        uint8 (Y, X, 3).

    Returns
    -------
    numpy.ndarray
        float64 (3,), 0.5 or more.

    Raises
    ------
    InputError
        Another type or shape.
    """
    from scipy.ndimage import gaussian_filter

    _check(plane)
    smooth = gaussian_filter(plane.astype(np.float32), (SMOOTH, SMOOTH, 0.0))
    return np.maximum(np.percentile(smooth, BACKGROUND, axis=(0, 1)), LEAST_GREY)


def absorbance(grey: Any, empty: np.ndarray) -> np.ndarray:
    """Return -log10(max(I, 0.5) / I0).

    Parameters
    ----------
    grey
        I, grey values (..., 3).
    empty
        I0, (3,); see `background`.

    Returns
    -------
    numpy.ndarray
        float64 (..., 3); below 0 where it is brighter than the empty slide, 2.7 at the most.
    """
    return -np.log10(np.maximum(np.asarray(grey, np.float64), LEAST_GREY) / empty)


def nuclei(plane: np.ndarray, pixel_size: float) -> np.ndarray:
    """Find the nuclei on a plane.

    Parameters
    ----------
    plane
        uint8 (Y, X, 3).
    pixel_size
        um.

    Returns
    -------
    numpy.ndarray
        int32 (Y, X): 0 outside, 1, 2, .. in the nuclei. Those that the rim cuts count if what is
        left is large enough.

    Raises
    ------
    InputError
        Another type or shape, or a pixel size that is not positive.
    """
    from scipy import ndimage

    _check(plane)
    if not 0 < pixel_size < np.inf:
        raise InputError(f"nuclei: pixel_size is {pixel_size!r}; um, above 0, are accepted")
    values = absorbance(plane, background(plane))[..., :2]
    fine = ndimage.gaussian_filter(values, (FINE / pixel_size, FINE / pixel_size, 0.0))
    stain = fine.min(axis=-1)
    wide = _odd(WIDEST / pixel_size)
    opened = ndimage.maximum_filter(ndimage.minimum_filter(stain, wide), wide)
    over = stain - np.minimum(opened, stain)
    near = _odd(NEARBY / pixel_size)
    darkest = ndimage.gaussian_filter(ndimage.maximum_filter(over, near), near / 4)
    mask = over > np.maximum(SHARE * darkest, LEAST_STAIN)
    cross = ndimage.generate_binary_structure(2, 1)
    speck = max(round(SPECK / pixel_size), 1)
    mask = ndimage.binary_opening(mask, ndimage.iterate_structure(cross, speck))
    parts = _parted(ndimage.binary_fill_holes(mask), pixel_size)
    kept = np.zeros(parts.shape, np.int32)
    count = 0
    reach = int(np.ceil(RING[1] / pixel_size)) + 1
    for part, place in enumerate(ndimage.find_objects(parts), 1):
        wider = tuple(
            slice(max(side.start - reach, 0), min(side.stop + reach, length))
            for side, length in zip(place, parts.shape, strict=True)
        )
        inside = parts[wider] == part
        others = (parts[wider] > 0) & ~inside
        if _is_nucleus(inside, others, stain[wider], over[wider], pixel_size):
            count += 1
            kept[wider][inside] = count
    return kept


def errors(
    truth: np.ndarray, estimate: np.ndarray, found: np.ndarray
) -> tuple[float | None, float | None]:
    """Compare the absorbance of nuclei on one plane.

    Parameters
    ----------
    truth, estimate
        uint8 (Y, X, 3), the same plane. The background of the truth is that of both.
    found
        int (Y, X): the nuclei, as `nuclei` numbers them.

    Returns
    -------
    error : float or None
        Mean absolute error of the absorbance, over the pixels of nuclei and the three colours, 0 to
        2.7. None without nuclei.
    integrated : float or None
        Mean over the nuclei of |integrated absorbance of the estimate over that of the truth, less
        1|, the integral over pixels and colours, in percent, 0 or more. None without nuclei, or
        where none of them absorbs 0.02 or more in the mean on this plane of the truth.

    Raises
    ------
    InputError
        Another type, or shapes that differ.
    """
    _check(truth)
    _check(estimate)
    if truth.shape != estimate.shape or found.shape != truth.shape[:2]:
        raise InputError(
            f"nuclei: truth of shape {truth.shape}, estimate of {estimate.shape}, nuclei of "
            f"{found.shape}; equal sides are accepted"
        )
    inside = found > 0
    if not inside.any():
        return None, None
    empty = background(truth)
    exact, seen = (absorbance(plane[inside], empty) for plane in (truth, estimate))
    error = float(np.abs(seen - exact).mean())
    numbers = found[inside]
    pixels = np.bincount(numbers)
    sums = [np.bincount(numbers, values.mean(axis=-1)) for values in (exact, seen)]
    dark = (pixels > 0) & (sums[0] >= LEAST_TRUTH * pixels)
    if not dark.any():
        return error, None
    return error, 100 * float(np.abs(sums[1][dark] / sums[0][dark] - 1).mean())


def _parted(mask: np.ndarray, pixel_size: float) -> np.ndarray:
    """Number the parts of a mask, those that touch parted between the maxima of their depth."""
    from scipy import ndimage

    parts, _ = ndimage.label(mask)
    if not mask.any():
        return parts
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), ROUND / pixel_size)
    tops = mask & (depth == ndimage.maximum_filter(depth, _odd(APART / pixel_size)))
    middles, count = ndimage.label(tops, np.ones((3, 3)))
    if not count:
        return parts
    nearest = ndimage.distance_transform_edt(
        middles == 0, return_distances=False, return_indices=True
    )
    both = parts.astype(np.int64) * (count + 1) + middles[tuple(nearest)]
    numbers, inverse = np.unique(np.where(mask, both, 0), return_inverse=True)
    result = inverse.reshape(mask.shape)
    return result if numbers[0] == 0 else result + 1


def _is_nucleus(
    inside: np.ndarray,
    others: np.ndarray,
    stain: np.ndarray,
    over: np.ndarray,
    pixel_size: float,
) -> bool:
    from scipy import ndimage

    pixels = np.count_nonzero(inside)
    area = pixels * pixel_size**2
    if pixels < FEWEST or not AREA[0] <= area <= AREA[1] or over[inside].max() < LEAST_PEAK:
        return False
    spread = np.cov(np.stack(np.nonzero(inside))) * pixel_size**2
    minor, major = np.linalg.eigvalsh(spread)
    if minor <= 0 or major > LONGEST**2 * minor:
        return False
    if area < SOLID * 4 * np.pi * np.sqrt(minor * major):
        return False
    away = ndimage.distance_transform_edt(~inside) * pixel_size
    ring = (away > RING[0]) & (away <= RING[1])
    free = stain[ring & ~others]
    if free.size < LEAST_FREE * np.count_nonzero(ring):
        return False
    return bool(np.median(stain[inside]) - np.percentile(free, SIDES) >= LEAST_CONTRAST)


def _check(plane: Any) -> None:
    fits = isinstance(plane, np.ndarray) and plane.ndim == 3 and plane.size
    if not fits or plane.shape[-1] != 3 or plane.dtype != np.uint8:
        told = f"{plane.dtype} {plane.shape}" if isinstance(plane, np.ndarray) else type(plane)
        raise InputError(f"nuclei: {told}; a plane of uint8 of shape (y, x, 3) is accepted")


def _odd(length: float) -> int:
    return max(2 * round((length - 1) / 2) + 1, 1)
