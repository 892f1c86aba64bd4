"""Fourier shell correlation of two volumes: up to which frequency do they agree?"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from focusbench.errors import InputError

DIRECTIONS = ("all", "lateral", "axial")
CONE = 30.0  # degrees: half-angle of the cones about the kx-ky plane and about kz
TAPER = 0.125  # share of an axis over which either of its ends is faded out
LEAST = 4  # coefficients that a shell must hold to be judged: with one, half-bit asks for 1


class Threshold(NamedTuple):
    """A curve of correlation below which a frequency counts as not resolved."""

    label: str
    source: str


# "half_bit" depends on the number of coefficients in a shell; see `threshold_curve`
THRESHOLDS = {
    "one_seventh": Threshold(
        "1/7",
        "P. B. Rosenthal, R. Henderson: Optimal determination of particle orientation, absolute "
        "hand, and contrast loss in single-particle electron cryomicroscopy. J. Mol. Biol. 333, "
        "721-745 (2003)",
    ),
    "half_bit": Threshold(
        "half-bit",
        "M. van Heel, M. Schatz: Fourier shell correlation threshold criteria. J. Struct. Biol. "
        "151, 250-262 (2005)",
    ),
}


class ShellCorrelation(NamedTuple):
    """Correlation of two volumes in shells of frequency; arrays of one length."""

    frequency: np.ndarray  # centre of the shell, cycles per um
    correlation: np.ndarray  # in [-1, 1]
    coefficients: np.ndarray  # complex Fourier coefficients in the shell, conjugates not counted


def fourier_shell_correlation(
    first: np.ndarray,
    second: np.ndarray,
    voxel_size: tuple[float, float, float],
    *,
    direction: str = "all",
    cone: float = CONE,
) -> ShellCorrelation:
    """Correlate the Fourier coefficients of two volumes, shell by shell.

    In each shell: Re sum(F1 conj F2) / sqrt(sum |F1|^2 sum |F2|^2) (Harauz and van Heel 1986). Two
    volumes that share a signal and have independent noise of equal power give SNR / (1 + SNR), with
    SNR the ratio of their powers in one volume; a volume against a truth without noise gives the
    square root of that, so that 1/7 of two halves is the same as 1/2 with a truth. A correlation
    takes no notice of scale: it tells where structure is right, not whether its contrast is.

    The mean is taken off, and an eighth of each axis is faded out at either end by half a period of
    a cosine: a transform takes volumes as periodic, and a step from one face to the opposite one,
    which both volumes have, would count as agreement. White noise correlates with a standard error
    of 1 / sqrt(2 coefficients); what the fading makes dependent is so far apart in frequency that
    little of it falls into one shell (within 5 % of the error, measured).

    Parameters
    ----------
    first, second
        (Z, Y, X), of the same shape, any unit and scale.
    voxel_size
        (z, y, x) in um; frequencies are physical, so that shells are round whatever it is.
    direction
        "all": whole shells, one lateral frequency step (1 / longest lateral side) wide, up to the
        lateral Nyquist frequency. Beyond the axial Nyquist frequency a shell lacks its caps.
        "lateral": the same within `cone` degrees of the kx-ky plane.
        "axial": within `cone` degrees of the kz axis, one axial frequency step wide, up to the
        axial Nyquist frequency.
    cone
        Half-angle in degrees, between 0 and 90; "all" takes no notice of it.

    Returns
    -------
    ShellCorrelation
        Without shells that hold no coefficient. 0 where one of the volumes has no power: they
        share nothing there.

    Raises
    ------
    InputError
        Shapes that differ or are not (Z, Y, X), values that are not finite, a voxel size that is
        not three positive lengths, or an option that is not accepted.

    References
    ----------
    G. Harauz, M. van Heel: Exact filters for general geometry three dimensional reconstruction.
    Optik 73, 146-156 (1986).
    """
    one, two = _checked(first, second, voxel_size)
    if direction not in DIRECTIONS:
        raise InputError(f"direction {direction!r}; accepted: {', '.join(DIRECTIONS)}")
    if not 0 < cone < 90:
        raise InputError(f"cone {cone!r}; degrees between 0 and 90 are accepted")
    window = _window(one.shape)
    spectra = [np.fft.rfftn(_without_mean(volume, window) * window) for volume in (one, two)]
    shell, width, last = _shells(one.shape, voxel_size, direction, cone)
    # a real transform leaves out the conjugates of its inner columns
    weight = np.full(spectra[0].shape, 2.0)
    weight[..., 0] = 1
    if one.shape[2] % 2 == 0:
        weight[..., -1] = 1
    kept = (shell >= 1) & (shell <= last)
    index, weight = shell[kept], weight[kept]
    f1, f2 = (spectrum[kept] for spectrum in spectra)

    def summed(values: np.ndarray) -> np.ndarray:
        return np.bincount(index, weight * values, minlength=last + 1)[1:]

    count = summed(np.ones(len(index)))
    norm = np.sqrt(summed(np.abs(f1) ** 2)) * np.sqrt(summed(np.abs(f2) ** 2))
    product = summed((f1 * f2.conj()).real)
    correlation = np.divide(product, norm, out=np.zeros(last), where=norm > 0)
    filled = count > 0
    return ShellCorrelation(
        (width * np.arange(1, last + 1))[filled],
        np.clip(correlation[filled], -1, 1),
        count[filled] / 2,  # the others are conjugates
    )


def threshold_curve(shells: ShellCorrelation, threshold: str | float) -> np.ndarray:
    """Return the correlation that counts as resolved, for each shell.

    Parameters
    ----------
    threshold
        "one_seventh": 1/7 everywhere, where two halves put together would correlate by 1/2 with
        the truth (Rosenthal and Henderson 2003). "half_bit": half a bit of information a
        coefficient in both halves together, SNR = sqrt(2) - 1 = 2 s, with what noise adds to the
        correlation of n coefficients by chance (van Heel and Schatz 2005):
        (s + (1 + 2 sqrt(s)) / sqrt(n)) / (1 + s + 2 sqrt(s) / sqrt(n)). As there, n leaves out
        conjugates. Or a number: 0.5 against a truth without noise.

    Raises
    ------
    InputError
        Another name, or a number outside (0, 1).
    """
    if threshold == "half_bit":
        s, root = (math.sqrt(2) - 1) / 2, np.sqrt(shells.coefficients)
        chance = 2 * math.sqrt(s) / root
        return np.minimum((s + chance + 1 / root) / (1 + s + chance), 1)
    value = 1 / 7 if threshold == "one_seventh" else threshold
    if isinstance(value, str) or not 0 < value < 1:
        raise InputError(
            f"threshold {threshold!r}; accepted: {', '.join(THRESHOLDS)}, a number between 0 and 1"
        )
    return np.full(len(shells.frequency), float(value))


def resolution(shells: ShellCorrelation, threshold: str | float = "one_seventh") -> float | None:
    """Return the period (um) at which the correlation first falls below a threshold.

    Between shells both curves are taken as straight. Shells with fewer than four coefficients are
    passed over: chance alone decides on which side of a threshold they lie.

    Parameters
    ----------
    threshold
        As for `threshold_curve`.

    Returns
    -------
    float or None
        None where the curve never falls below: what is shared goes on up to the last shell, and the
        resolution is at least 1 / its frequency. Infinite where already the first shell that counts
        lies below: nothing is resolved. NaN where no shell counts.
    """
    judged = shells.coefficients >= LEAST
    if not judged.any():
        return math.nan
    shells = ShellCorrelation(*(values[judged] for values in shells))
    above = shells.correlation - threshold_curve(shells, threshold)
    below = np.flatnonzero(above < -1e-9)  # rounding: equal volumes correlate by 1, less 1e-16
    if not len(below):
        return None
    i = int(below[0])
    if i == 0:
        return math.inf
    share = above[i - 1] / (above[i - 1] - above[i])
    frequency = shells.frequency[i - 1] + share * (shells.frequency[i] - shells.frequency[i - 1])
    return 1 / float(frequency)


def _checked(
    first: np.ndarray, second: np.ndarray, voxel_size: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray]:
    one, two = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != two.shape or one.ndim != 3 or one.size == 0:
        raise InputError(
            f"volumes of shapes {one.shape} and {two.shape}; equal shapes (Z, Y, X) are accepted"
        )
    if not (np.isfinite(one).all() and np.isfinite(two).all()):
        raise InputError("a volume holds NaN or infinity; finite values are accepted")
    if len(voxel_size) != 3 or not all(0 < size < math.inf for size in voxel_size):
        raise InputError(f"voxel size {voxel_size!r}; three positive lengths in um are accepted")
    return one, two


def _without_mean(volume: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Volume minus its mean under the window; 0 where nothing but rounding is left."""
    rest = volume - np.average(volume, weights=window)
    return rest if np.abs(rest).max() > 1e-12 * np.abs(volume).max() else np.zeros_like(rest)


def _window(shape: tuple[int, ...]) -> np.ndarray:
    window = np.ones(())
    for n in shape:
        place = (np.arange(n) + 0.5) / n  # of the voxels' centres, 0 to 1
        edge = np.minimum(place, 1 - place)
        window = window[..., None] * np.sin(np.pi / 2 * np.clip(edge / TAPER, 0, 1)) ** 2
    return window


def _shells(
    shape: tuple[int, ...], voxel_size: tuple[float, float, float], direction: str, cone: float
) -> tuple[np.ndarray, float, int]:
    """Shell of every coefficient (0: none), width of a shell in cycles per um, and the last one."""
    size_z, size_y, size_x = voxel_size
    kz = np.fft.fftfreq(shape[0], size_z)[:, None, None]
    ky = np.fft.fftfreq(shape[1], size_y)[:, None]
    lateral = np.hypot(ky, np.fft.rfftfreq(shape[2], size_x))
    frequency = np.hypot(kz, lateral)
    if direction == "axial":
        width, nyquist = 1 / (shape[0] * size_z), 0.5 / size_z
        seen = lateral <= np.tan(np.radians(cone)) * np.abs(kz)
    else:
        width = 1 / max(shape[1] * size_y, shape[2] * size_x)
        nyquist = 0.5 / max(size_y, size_x)
        seen = np.abs(kz) <= np.tan(np.radians(cone)) * lateral
    shell = np.floor(frequency / width + 0.5 + 1e-9).astype(np.int64)
    if direction != "all":
        shell[~seen] = 0
    return shell, width, math.floor(nyquist / width + 1e-9)
