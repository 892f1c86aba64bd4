"""Are filaments where they should be? The skeleton of a volume against known centre lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from focusbench.errors import InputError

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

STEP = 0.5  # between points of a resampled line, in sides of the smallest voxel
TOLERANCE = 2.0  # likewise; at 0.1 um voxels 0.2 um, about the lateral limit of a lens of NA 1.4
FRAME = 4  # voxels: more changes nothing for filaments up to that radius


class FilamentScore(NamedTuple):
    """How well a skeleton and the centre lines agree; shares in [0, 1]."""

    precision: float | None  # of the skeleton's voxels, near a line; None: there is no skeleton
    recall: float | None  # of the lines' length in the volume, near the skeleton; None: no length
    f1: float | None  # harmonic mean, 0 without a skeleton; None without a length


def filament_score(
    estimate: np.ndarray,
    lines: Sequence[np.ndarray],
    voxel_size: tuple[float, float, float],
    tolerance: float | None = None,
) -> FilamentScore:
    """Trace the filaments of a volume and set the trace against the true centre lines.

    What is brighter than `half_level` is thinned to curves (`skeleton`). A voxel of the curves is
    right within `tolerance` of a line; a point of a line is found within `tolerance` of a voxel of
    the curves, with points evenly spaced, half a side of the smallest voxel or less. Distances are
    in um. Curves everywhere find everything: recall says nothing without precision.

    It is length that counts, not filaments. Two that run closer together than the volume resolves
    have one curve; where that is within the tolerance of both, both are found and nothing is wrong,
    else neither is found. Where filaments cross, their curves join, and the short piece between
    them is right as far as the tolerance reaches. A spur or a gap, with what thinning takes from
    the ends beside it, is not seen if it is shorter than the tolerance, a gap than twice that. A
    curve counts by its voxels, so a diagonal one less for its length than one along an axis.

    Parameters
    ----------
    estimate
        Intensities (Z, Y, X), bright filaments on a dark ground; any scale and offset.
    lines
        (n, 3) arrays of points z, y, x in um in the order in which a line runs; the centre of the
        first voxel is the origin. What lies outside the volume need not be found.
    voxel_size
        (z, y, x), um.
    tolerance
        um; None: two sides of the smallest voxel, or one of the largest if that is more, which a
        skeleton needs to be right between voxels.

    Raises
    ------
    InputError
        A volume that is not (Z, Y, X) or not finite, or lines or lengths of the wrong kind.
    """
    from scipy.spatial import cKDTree

    size = _checked(estimate, lines, voxel_size)
    if tolerance is None:
        tolerance = max(TOLERANCE * size.min(), size.max())
    elif not 0 < tolerance < math.inf:
        raise InputError(f"tolerance {tolerance!r}; a positive length in um is accepted")
    points = [resampled(line, STEP * float(size.min())) for line in lines]
    line_points = np.concatenate([np.empty((0, 3)), *points])
    voxels = np.rint(line_points / size).astype(np.int64)
    inside = ((voxels >= 0) & (voxels < estimate.shape)).all(axis=1)
    if not inside.any():
        return FilamentScore(None, None, None)
    crossed = np.ravel_multi_index(tuple(voxels[inside].T), estimate.shape)
    level = half_level(estimate, len(np.unique(crossed)))
    trace = np.argwhere(skeleton(estimate > level)) * size
    if not len(trace):
        return FilamentScore(None, 0.0, 0.0)
    precision = _near(trace, cKDTree(line_points), tolerance)
    recall = _near(line_points[inside], cKDTree(trace), tolerance)
    both = precision + recall
    return FilamentScore(precision, recall, 2 * precision * recall / both if both > 0 else 0.0)


def skeleton(mask: np.ndarray) -> np.ndarray:
    """Thin a mask to curves of one voxel, with scikit-image (Lee et al. 1994).

    What touches a face is taken to go on beyond it; else thinning would take its end there back by
    about its radius, which costs thick filaments more of their length than thin ones. Now and then
    thinning takes back more of a free end that runs obliquely: of 60 straight filaments in random
    directions the mean recall is 0.99 or more at radii of 1 to 5 voxels, and the least 0.88.

    Parameters
    ----------
    mask
        Booleans (Z, Y, X).

    References
    ----------
    T.-C. Lee, R. L. Kashyap, C.-N. Chu: Building skeleton models via 3-D medial surface/axis
    thinning algorithms. CVGIP: Graph. Models Image Process. 56, 462-478 (1994).
    """
    from skimage.morphology import skeletonize

    inner = (slice(FRAME, -FRAME),) * mask.ndim
    return skeletonize(np.pad(mask, FRAME, mode="edge"))[inner]


def half_level(volume: np.ndarray, count: int) -> float:
    """Level halfway between the ground and the brightness of filaments.

    Half of the maximum is where the width of anything blurred is measured. Here the ground is the
    median, as filaments fill a small part of a volume, and the maximum that of the `count`-th
    brightest voxel, which a few hot voxels do not change. With as many voxels as the centre lines
    cross, that is the brightness of the filaments' middles, however many there are; nothing else
    is known of the truth. No gain (above 0) and no offset of the volume changes what is above.

    Otsu's threshold is drawn down into the haze where nearly all of a volume is ground, and a fixed
    half of full intensity leaves nothing of an observation. F1, mean of microtubules_train1 to
    train5 of the preset quick at 20 dB:

                            input   wiener   richardson_lucy
        this level          0.81    0.92     0.99
        Otsu                0.26    0.81     0.98
        0.5                 0.00    0.96     0.99
        the best for F1     0.91    0.98     1.00   (only the truth can tell which it is)

    Parameters
    ----------
    volume
        Any shape and unit.
    count
        From 1 to the number of voxels.
    """
    values = np.ravel(volume)
    bright = np.partition(values, values.size - count)[values.size - count]
    return (float(np.median(values)) + float(bright)) / 2


def resampled(line: np.ndarray, step: float) -> np.ndarray:
    """Points at equal distances along a line, at most `step` apart, with both of its ends.

    Parameters
    ----------
    line
        (n, 3), n from 1.
    step
        In the unit of `line`.
    """
    line = np.asarray(line, dtype=np.float64)
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    places = np.linspace(0, along[-1], math.ceil(along[-1] / step) + 1)
    return np.stack([np.interp(places, along, axis) for axis in line.T], axis=1)


def _near(points: np.ndarray, tree: cKDTree, tolerance: float) -> float:
    """Share of points with one of the tree's within the tolerance."""
    # the bound is strict; a distance that is the tolerance but for rounding is within it
    distances, _ = tree.query(points, distance_upper_bound=tolerance * (1 + 1e-9))
    return float(np.isfinite(distances).mean())


def _checked(
    estimate: np.ndarray, lines: Sequence[np.ndarray], voxel_size: tuple[float, float, float]
) -> np.ndarray:
    if estimate.ndim != 3 or estimate.size == 0:
        raise InputError(f"estimate of shape {estimate.shape}; (Z, Y, X) is accepted")
    if not np.isfinite(estimate).all():
        raise InputError("estimate holds NaN or infinity; finite values are accepted")
    if len(voxel_size) != 3 or not all(0 < size < math.inf for size in voxel_size):
        raise InputError(f"voxel size {voxel_size!r}; three positive lengths in um are accepted")
    for line in lines:
        shape = np.shape(line)
        if len(shape) != 2 or shape[0] < 1 or shape[1] != 3 or not np.isfinite(line).all():
            raise InputError(
                f"centre line of shape {shape}; (n, 3) finite points z, y, x in um are accepted"
            )
    return np.array(voxel_size, dtype=np.float64)
