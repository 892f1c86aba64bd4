"""Synthetic fields of U2OS nuclei stained with Hoechst, as BBBC006 holds them in focus.

A field is built from what nuclei are: DNA of one (G1), two (G2) or between (S) units spread over an
outline of its own, with chromatin and nucleoli; daughters and dividing pairs, giants, dead clumps
and debris among them; cells crowd and leave gaps, neighbours lie alike, few overlap. The light goes
through a fixed kernel (thickness and lens), a veil that rises with the number of nuclei, an uneven
lamp and a camera.

Calibrated on nine real in-focus fields of BBBC006 (wells a01 to a09, site 1) and, for the camera,
on seven planes of it 32 um out of focus. `benchmarks/nuclei.py` prints the comparison; on 45
synthetic fields, quantiles in %:

                                     real                            synthetic
                             5    25    50    75    95        5    25    50    75    95
    nuclei in a field       12    45    75   105   155       23    50    74   130   164
    covered, %             2.4   8.6  12.4  21.2  28.7      4.0  10.6  14.2  24.1  29.7
    background, counts     121   127   130   133   141      122   124   127   132   139
    standard deviation     101   162   185   216   250      101   162   191   234   256
    area, px               336   581   688   860  1140      208   577   682   893  1165
    axes, long over short 1.12  1.28  1.47  1.76  2.23     1.13  1.30  1.48  1.72  2.18
    solidity              .920  .958  .968  .973  .978     .942  .964  .970  .974  .979
    brightness, counts     362   486   576   687  1035      385   496   590   711   974
    light, 1000 counts     163   257   302   461   603      139   258   298   501   636
    contrast inside       .082  .103  .123  .148  .237     .086  .105  .121  .139  .183
    of it finer than 3 px .053  .064  .073  .084  .129     .053  .063  .072  .084  .118

    log10 power at 0.005 .. 0.4 cycles a pixel (medians)
    real        7.06 6.91 7.16 7.15 6.75 6.16 5.42 4.78 4.02 3.18 2.38 1.74
    synthetic   7.40 7.31 7.25 7.15 6.85 6.21 5.44 4.76 3.96 3.15 2.23 1.64
    counts over the background 1 to 8 px outside a nucleus
    real        88 41 25 14 9
    synthetic   79 34 21 12 8

Of the patches of 84 x 84 pixels side by side, He et al. 2020 (2.1) would call 18 % background in
the real fields and 17 % in the synthetic ones. The camera: the variance of neighbouring pixels is
0.32 (counts - 92), which is 0.32 counts an electron and, if the offset is 100 (it cannot be told
from the reading noise), a reading noise of 1.6 counts; the noise is white, and its 12 bits end at
4095. What was seen once in the nine fields (asters of fibres) is not drawn; the brightest and the
least regular nuclei are rarer than there.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from focusbench.data import nuclear_layout
from focusbench.errors import InputError

RECIPE: Mapping[str, Any] = {  # what matches the real fields; the keys are explained at `field`
    "shape": (520, 696),
    "nuclei": (8, 160),
    "brightness": 310e3,
    "offset": 100.0,
    "background": 20.0,
    "illumination": 0.07,
    "gain": 0.32,
    "read_noise": 1.6,
    "camera_noise": True,
}
FULL_SCALE = 4095  # counts: the camera has 12 bits, its files 16
LEAST_SIDE = 32  # px
# Light in focus, and spread by the thickness of a nucleus and by the lens: share, sigma in px; the
# rest is scattered over VEIL px, so that the background rises with the number of nuclei.
KERNEL = ((0.66, 0.75), (0.22, 2.6), (0.04, 8.0))
VEIL, BLOCK = 110.0, 8  # px; of the blocks in which the veil is computed
TILT = 0.05  # standard deviation of the lamp's slope, from the middle to an edge
BACKGROUND_SPREAD = 1.5  # counts, from field to field


class Scene(NamedTuple):
    """A field and what it was made of."""

    image: np.ndarray  # uint16 (Y, X), counts
    clean: np.ndarray  # float32 (Y, X), counts before camera noise, rounding and saturation
    centres: np.ndarray  # float64 (n, 2): y, x of the nuclei in px, the first pixel's centre at 0


def field(sample: str, settings: Mapping[str, Any]) -> np.ndarray:
    """Draw a field.

    Parameters
    ----------
    sample
        Id: every id has a field of its own, whatever else is drawn.
    settings
        What is missing is as in `RECIPE`.

        `shape`
            Pixels (y, x), each at least 32.
        `nuclei`
            Least and most in 520 x 696 pixels, of which any number is as likely; a field of another
            size has as many for its area. Crowded fields get fewer than wanted.
        `brightness`
            Light of a nucleus in G1, counts summed over its pixels.
        `offset`
            Counts without light.
        `background`
            Counts above the offset of an empty field.
        `illumination`
            What the lamp loses from the middle to an edge, part of 1.
        `gain`
            Counts an electron.
        `read_noise`
            Standard deviation, counts.
        `camera_noise`
            False: neither photon nor read noise; counts are still whole numbers.

    Returns
    -------
    numpy.ndarray
        uint16 (Y, X), counts up to 4095.

    Raises
    ------
    InputError
        A setting that is not of the accepted kind.
    """
    return draw(sample, settings).image


def draw(sample: str, settings: Mapping[str, Any]) -> Scene:
    """Draw a field, as `field`; with it, the field without noise and where the nuclei lie."""
    chosen = {**RECIPE, **settings}
    check(chosen)
    rng = np.random.default_rng(zlib.crc32(sample.encode()))
    shape = tuple(chosen["shape"])
    light = nuclear_layout.draw(rng, shape, tuple(chosen["nuclei"]), chosen["brightness"])
    seen = _through_the_lens(light.counts, shape) + chosen["background"]
    seen += rng.normal(0, BACKGROUND_SPREAD)
    seen = np.maximum(seen, 0) * _lamp(rng, shape, chosen["illumination"])
    return Scene(
        _recorded(rng, seen, chosen), (chosen["offset"] + seen).astype(np.float32), light.centres
    )


def check(settings: Mapping[str, Any]) -> None:
    """Refuse settings that are not of the accepted kind (InputError); see `field`."""
    shape, nuclei = settings.get("shape", RECIPE["shape"]), settings.get("nuclei", (1, 1))
    accepted = {
        "shape": (
            _pair(shape) and all(_whole(side) and side >= LEAST_SIDE for side in shape),
            f"two whole numbers from {LEAST_SIDE}, (y, x)",
        ),
        "nuclei": (
            _pair(nuclei) and all(map(_number, nuclei)) and 0 <= nuclei[0] <= nuclei[1] <= 1000,
            "least and most, from 0 to 1000",
        ),
        "brightness": (_within(settings, "brightness", 0, 1e8), "counts from 0 to 1e8"),
        "offset": (_within(settings, "offset", 0, FULL_SCALE), f"counts from 0 to {FULL_SCALE}"),
        "background": (
            _within(settings, "background", 0, FULL_SCALE),
            f"counts from 0 to {FULL_SCALE}",
        ),
        "illumination": (_within(settings, "illumination", 0, 0.4), "0 to 0.4"),
        "gain": (_within(settings, "gain", 1e-3, 1e3), "counts an electron, 0.001 to 1000"),
        "read_noise": (_within(settings, "read_noise", 0, FULL_SCALE), "counts, 0 or more"),
        "camera_noise": (
            isinstance(settings.get("camera_noise", True), bool | np.bool_),
            "true or false",
        ),
    }
    for key, (right, wanted) in accepted.items():
        if not right:
            raise InputError(f"nuclei: {key} is {settings[key]!r}; accepted: {wanted}")


def _through_the_lens(light: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Light in focus, its halo and its veil; the border is cut off."""
    from scipy.ndimage import gaussian_filter

    seen = np.zeros_like(light)
    for share, sigma in KERNEL:
        seen += share * gaussian_filter(light, sigma, mode="constant", truncate=3.5)
    rows, columns = (side // BLOCK for side in light.shape)
    small = light[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    veil = gaussian_filter(small.mean(axis=(1, 3)), VEIL / BLOCK, mode="reflect")
    scattered = 1 - sum(share for share, _ in KERNEL)
    seen += scattered * nuclear_layout.enlarged(veil, BLOCK, light.shape)
    border = nuclear_layout.BORDER
    return seen[border : border + shape[0], border : border + shape[1]]


def _lamp(rng: np.random.Generator, shape: tuple[int, ...], loss: float) -> np.ndarray:
    """Illumination (Y, X), mean 1."""
    slope_y, slope_x = np.clip(rng.normal(0, TILT, 2), -3 * TILT, 3 * TILT)
    y = np.linspace(-1, 1, shape[0])[:, None]
    x = np.linspace(-1, 1, shape[1])[None, :]
    return 1 + slope_y * y + slope_x * x - loss * (y**2 + x**2 - 2 / 3)


def _recorded(
    rng: np.random.Generator, seen: np.ndarray, settings: Mapping[str, Any]
) -> np.ndarray:
    """Counts of the camera: electrons are Poisson, the reading is Gaussian, the scale ends."""
    counts = seen
    if settings["camera_noise"]:
        counts = settings["gain"] * rng.poisson(seen / settings["gain"])
        counts = counts + rng.normal(0, settings["read_noise"], seen.shape)
    return np.clip(np.rint(settings["offset"] + counts), 0, FULL_SCALE).astype(np.uint16)


def _pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2


def _number(value: Any) -> bool:
    real = isinstance(value, int | float | np.integer | np.floating)
    return real and not isinstance(value, bool) and bool(np.isfinite(value))


def _whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _within(settings: Mapping[str, Any], key: str, low: float, high: float) -> bool:
    value = settings.get(key, RECIPE[key])
    return _number(value) and low <= value <= high
