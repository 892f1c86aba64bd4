"""Noise of a camera: Gaussian, clipped at 0, then Poisson, at a signal-to-noise ratio asked for.

Definitions. With mu the noise-free image (0 or more) and y the noisy one:

- SNR = 10 log10( sum(mu^2) / sum((y - mu)^2) ), in dB: the average over the volume.
- Gaussian noise comes first, c = max(0, mu + sigma n) with n standard normal; then photons are
  counted, y = Poisson(c * photons) / photons. No sign survives the clip and no photon is negative.
- The power of the noise, E[(y - mu)^2] averaged over the volume, is the sum of what the Gaussian
  leaves after clipping, E[(c - mu)^2], and of the shot noise, E[c] / photons: no cross term. The
  first is `gaussian_fraction` of the whole.

With a = mu / sigma, Phi and phi the standard normal distribution and density (c is a rectified
normal variable):

    E[c]          = sigma (a Phi(a) + phi(a))
    E[(c - mu)^2] = sigma^2 (Phi(a) - a phi(a) + a^2 (1 - Phi(a)))

The second lies between sigma^2 / 2 (mu = 0) and sigma^2. So sigma is found by bracketing, and the
photons follow. float64 throughout.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from numbers import Real

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from focusbench.errors import InputError
from focusbench.optics.noise_floor import estimate_power
from focusbench.problem import Noise

__all__ = ["add", "draw", "estimate_power", "peak_snr", "snr", "solve"]

LOWEST, HIGHEST = -40.0, 120.0  # dB; float32 keeps about 150
BLOCK = 1 << 20  # voxels that are worked on at a time: bounds the memory
UNCLIPPED = 10.0  # sigmas above 0 from which clipping is below 1e-20
BINS = 8192  # of intensity / sigma up to there: averages over them are exact to about 1e-7


def solve(volume: np.ndarray, snr_db: float, gaussian_fraction: float) -> Noise:
    """Find the noise that gives an image the average SNR that is asked for.

    The expected SNR: a draw scatters around it, by 0.05 dB or less where at least some 10,000
    voxels share the noise.

    Parameters
    ----------
    volume
        Noise-free image, any number of axes and any unit, 0 or more.
    snr_db
        Average SNR (see the module), -40 to 120 dB.
    gaussian_fraction
        Share of the noise power that is Gaussian, after clipping: 0 (shot noise alone) to 1.

    Returns
    -------
    Noise
        `gaussian_sigma` before clipping, in the image's unit; `photons` per unit of intensity,
        infinite if `gaussian_fraction` is 1; `power`, the expected mean squared departure.

    Raises
    ------
    InputError
        An image that is empty, 0 everywhere (there are no photons to count), negative or not
        finite; an SNR or a share that is not accepted.
    """
    _check_level(snr_db, gaussian_fraction)
    volume = np.asarray(volume)
    mean, square, _ = _moments(volume)
    power = square * 10 ** (-snr_db / 10)
    of_gaussian = gaussian_fraction * power
    sigma, light = 0.0, mean
    if of_gaussian > 0:
        highest = math.sqrt(2 * of_gaussian)  # where every voxel is 0
        counts, values = _dim_voxels(volume, UNCLIPPED * highest)
        share = counts / volume.size

        def departure(sigma: float) -> float:
            return sigma**2 * (1 + float(share @ (_clipped_square(values / sigma) - 1)))

        lowest = highest / math.sqrt(2)
        sigma = highest
        if departure(highest) > of_gaussian:
            # in units of `highest`: brentq's tolerance is absolute
            sigma = highest * brentq(
                lambda s: departure(s * highest) / of_gaussian - 1,
                lowest / highest * (1 - 1e-9),
                1.0,
                rtol=1e-12,
            )
        light += float(share @ (sigma * _clipped_mean(values / sigma) - values))
    of_shot = (1 - gaussian_fraction) * power
    photons = light / of_shot if of_shot > 0 else math.inf
    return Noise(gaussian_sigma=sigma, photons=photons, power=power)


def draw(volume: np.ndarray, noise: Noise, rng: np.random.Generator) -> np.ndarray:
    """Draw one noisy image: Gaussian noise, clip at 0, photons counted.

    Parameters
    ----------
    volume
        Noise-free image, any number of axes, 0 or more.
    noise
        Its `gaussian_sigma` and `photons`; nothing is quantised.
    rng
        The same state gives the same image.

    Returns
    -------
    numpy.ndarray
        float32, 0 or more, in the unit of `volume`.

    Raises
    ------
    InputError
        As `solve` for the image; photons that are not above 0, or a sigma below 0.
    """
    if not (noise.photons > 0 and 0 <= noise.gaussian_sigma < math.inf):
        raise InputError(
            f"noise: gaussian_sigma {noise.gaussian_sigma} and photons {noise.photons} are not "
            "accepted; 0 or more, and above 0 (infinite: no shot noise)"
        )
    volume = np.asarray(volume)
    _moments(volume)
    noisy = np.empty(volume.shape, np.float32)
    target = noisy.reshape(-1)
    for start, values in _blocks(volume):
        if noise.gaussian_sigma > 0:
            values = values + noise.gaussian_sigma * rng.standard_normal(len(values))
            np.maximum(values, 0, out=values)
        if noise.photons < math.inf:
            values = rng.poisson(values * noise.photons) / noise.photons
        target[start : start + len(values)] = values
    return noisy


def add(
    volume: np.ndarray, snr_db: float, gaussian_fraction: float, rng: np.random.Generator
) -> np.ndarray:
    """Add noise at an average SNR: `draw` with the noise that `solve` finds.

    Parameters
    ----------
    volume
        Noise-free image, any number of axes and any unit, 0 or more.
    snr_db
        Average SNR (see the module), -40 to 120 dB.
    gaussian_fraction
        Share of the noise power that is Gaussian, 0 to 1.
    rng
        The same state gives the same image.

    Returns
    -------
    numpy.ndarray
        float32, 0 or more, in the unit of `volume`.

    Raises
    ------
    InputError
        As `solve`.
    """
    return draw(volume, solve(volume, snr_db, gaussian_fraction), rng)


def snr(clean: np.ndarray, noisy: np.ndarray) -> float:
    """Measure the average SNR, 10 log10( sum(clean^2) / sum((noisy - clean)^2) ), in dB.

    Returns
    -------
    float
        Infinite where both images are equal.

    Raises
    ------
    InputError
        Unequal or empty shapes, a clean image that is 0 everywhere, or a value that is not finite.
    """
    clean, noisy = np.asarray(clean), np.asarray(noisy)
    if clean.shape != noisy.shape or clean.size == 0:
        raise InputError(
            f"clean image of shape {clean.shape} and noisy one of shape {noisy.shape}; equal "
            "shapes with at least one value are accepted"
        )
    signal = departure = 0.0
    for (_, a), (_, b) in zip(_blocks(clean), _blocks(noisy), strict=True):
        signal += float(a @ a)
        b = b - a
        departure += float(b @ b)
    if not (math.isfinite(signal) and math.isfinite(departure)):
        raise InputError("clean or noisy image holds NaN or infinity; finite values are accepted")
    if signal == 0:
        raise InputError("clean image is 0 everywhere and has no SNR; one with light is accepted")
    return math.inf if departure == 0 else 10 * math.log10(signal / departure)


def peak_snr(volume: np.ndarray, noise: Noise) -> float:
    """SNR in the brightest voxel, in dB: its intensity squared over the power of its noise.

    Of shot noise alone it is 10 log10 of the photons that the brightest voxel receives.

    Lim et al. 2020 print both a "peak SNR" of 24.08 dB and an average SNR of 20 dB. 24.08 dB is
    10 log10(256): shot noise of 256 photons in the brightest voxel, as if its 8-bit value counted
    them. With n photons there, and the image m in units of it, shot noise alone leaves an average
    SNR of n mean(m^2) / mean(m). That fraction is the brightness of the voxel where a photon lands
    on average: 20 dB with 256 photons need 0.39, a volume that is bright nearly everywhere. Sparse
    filaments spread by a wide-field PSF have far less. On the calibrated microtubules (eight
    volumes of 128 x 256 x 512, 0.88 % filled) it is 0.17, so 256 photons alone leave 16.0 to
    16.7 dB, before any Gaussian noise. 20 dB with half of the power Gaussian take 1150 to 1340
    photons in the brightest voxel, whose SNR then is 30.4 to 31.1 dB. Of the two numbers, `solve`
    meets the average.

    Parameters
    ----------
    volume
        Noise-free image.
    noise
        Its `gaussian_sigma` and `photons`.

    Returns
    -------
    float
        Infinite where there is no noise.

    Raises
    ------
    InputError
        As `solve` for the image.
    """
    _, _, peak = _moments(np.asarray(volume))
    sigma, light, power = noise.gaussian_sigma, peak, 0.0
    if sigma > 0:
        brightness = np.array(peak / sigma)
        light = sigma * float(_clipped_mean(brightness))
        power = sigma**2 * float(_clipped_square(brightness))
    power += light / noise.photons
    return math.inf if power == 0 else 10 * math.log10(peak**2 / power)


def _clipped_mean(a: np.ndarray) -> np.ndarray:
    """E[max(0, a + n)] of a standard normal n."""
    return a * ndtr(a) + _density(a)


def _clipped_square(a: np.ndarray) -> np.ndarray:
    """E[(max(0, a + n) - a)^2] of a standard normal n."""
    return ndtr(a) - a * _density(a) + a**2 * ndtr(-a)


def _density(a: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * a**2) / math.sqrt(2 * math.pi)


def _dim_voxels(volume: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Voxels below `limit` in bins: how many, and their mean intensity. Brighter ones: none."""
    counts, sums = np.zeros(BINS), np.zeros(BINS)
    for _, values in _blocks(volume):
        dim = values[values < limit]
        place = np.minimum((dim * (BINS / limit)).astype(np.int64), BINS - 1)
        counts += np.bincount(place, minlength=BINS)
        sums += np.bincount(place, weights=dim, minlength=BINS)
    filled = counts > 0
    return counts[filled], sums[filled] / counts[filled]


def _moments(volume: np.ndarray) -> tuple[float, float, float]:
    """Mean, mean square and maximum of an image; whatever is no image is refused."""
    if volume.size == 0 or volume.dtype.kind not in "fiub":
        raise InputError(
            f"image of shape {volume.shape} and type {volume.dtype}: real numbers, at least one, "
            "are accepted"
        )
    mean = square = peak = 0.0
    lowest = math.inf
    for _, values in _blocks(volume):
        mean += float(values.sum())
        square += float(values @ values)
        peak, lowest = max(peak, float(values.max())), min(lowest, float(values.min()))
    if not math.isfinite(square):
        raise InputError("image holds NaN or infinity; finite intensities are accepted")
    if lowest < 0:
        raise InputError(
            f"image is negative somewhere (lowest value {lowest:g}); intensities from 0 are "
            "accepted: noise counts photons"
        )
    if square == 0:
        raise InputError("image is 0 everywhere: no photons; one with light is accepted")
    return mean / volume.size, square / volume.size, peak


def _blocks(volume: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Values in memory order of a C array, float64, some at a time; with the number of the first.

    An array that is not contiguous is copied.
    """
    flat = volume.reshape(-1)
    for start in range(0, flat.size, BLOCK):
        yield start, flat[start : start + BLOCK].astype(np.float64)


def _check_level(snr_db: float, gaussian_fraction: float) -> None:
    for name, value, low, high in (
        ("snr_db", snr_db, LOWEST, HIGHEST),
        ("gaussian_fraction", gaussian_fraction, 0.0, 1.0),
    ):
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not (number and low <= value <= high):
            raise InputError(f"{name} is {value!r}; accepted: a number from {low:g} to {high:g}")
