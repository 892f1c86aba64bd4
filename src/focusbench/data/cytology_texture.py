"""Random textures of stained matter: clouds, grain, creases, chromatin.

A bank holds one periodic image of each, of which every body takes a piece at a place of its own.
Sizes are in um, so that another pixel size samples the same texture.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

SIDE = 640  # px; the pieces are smaller
Shape = tuple[int, int]


class Textures:
    """Periodic images (SIDE, SIDE), drawn when they are first asked for."""

    def __init__(self, seed: int, pixel_size: float) -> None:
        self._seed, self._pixel = seed, pixel_size
        self._images: dict[str, np.ndarray] = {}

    def piece(self, rng: np.random.Generator, kind: str, shape: Shape) -> np.ndarray:
        """float32 `shape`, of mean 0 and variance 1 over the whole image, from a random place."""
        if kind not in self._images:
            own = np.random.default_rng([self._seed, list(KINDS).index(kind)])
            image = KINDS[kind](own, self._pixel)
            self._images[kind] = ((image - image.mean()) / image.std()).astype(np.float32)
        image = self._images[kind]
        y, x = rng.integers(SIDE, size=2)
        rows = np.arange(y, y + shape[0]) % SIDE
        columns = np.arange(x, x + shape[1]) % SIDE
        turn = rng.integers(4)
        if turn & 1:
            image = image.T
        if turn & 2:
            rows = rows[::-1]
        return image[rows[:, None], columns[None, :]]


def _filtered(rng: np.random.Generator, response: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """White noise of variance 1 through a response to frequency (cycles a pixel)."""
    from scipy import fft

    y, x = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None, :]
    noise = fft.rfft2(rng.standard_normal((SIDE, SIDE), dtype=np.float32), workers=1)
    image = fft.irfft2(noise * response(np.hypot(y, x)).astype(np.float32), workers=1)
    return image / image.std()


def _smooth(rng: np.random.Generator, sigma: float) -> np.ndarray:
    return _filtered(rng, lambda f: np.exp(-2 * (np.pi * f * sigma) ** 2))


def _band(rng: np.random.Generator, fine: float, wide: float) -> np.ndarray:
    """Between two Gaussians, px."""

    def response(f: np.ndarray) -> np.ndarray:
        return np.exp(-2 * (np.pi * f * fine) ** 2) - np.exp(-2 * (np.pi * f * wide) ** 2)

    return _filtered(rng, response)


def _cloud(rng: np.random.Generator, pixel: float) -> np.ndarray:
    """Of all sizes, up to 15 um."""
    lowest = pixel / 15.0
    return _filtered(rng, lambda f: 1 / (f**2 + lowest**2) ** 0.7)


def _grain(rng: np.random.Generator, pixel: float) -> np.ndarray:
    return _band(rng, 0.22 / pixel, 0.8 / pixel)


def _warp(rng: np.random.Generator, pixel: float) -> np.ndarray:
    return _smooth(rng, 3.2 / pixel)


def _jag(rng: np.random.Generator, pixel: float) -> np.ndarray:
    return _band(rng, 0.5 / pixel, 2.5 / pixel)


def _crease(rng: np.random.Generator, pixel: float) -> np.ndarray:
    """Thin broken lines: where a smooth field crosses zero."""
    smooth, broken = _smooth(rng, 3.0 / pixel), _smooth(rng, 4.5 / pixel)
    steep = np.hypot(*np.gradient(smooth))
    # a distance, so that lines are as thin where the field is flat
    distance = np.abs(smooth) / np.maximum(steep, 0.25 * steep.mean()) * pixel
    return np.exp(-((distance / 0.35) ** 2)) * np.clip(broken - 0.3, 0, 2)


def _granules(rng: np.random.Generator, pixel: float) -> np.ndarray:
    """Sparse round dots of 0.6 um."""
    return np.clip(_smooth(rng, 0.28 / pixel) - 2.1, 0, 1.2)


def _chromatin(rng: np.random.Generator, pixel: float) -> np.ndarray:
    """Fine strands and clumps, and a few chromocentres."""
    fine, clumps = _band(rng, 0.15 / pixel, 0.6 / pixel), _band(rng, 0.4 / pixel, 1.6 / pixel)
    centres = np.clip(_smooth(rng, 0.30 / pixel) - 1.6, 0, 1.5)
    return 0.4 * fine + 0.65 * clumps + 1.3 * centres


KINDS: dict[str, Callable[[np.random.Generator, float], np.ndarray]] = {
    "cloud": _cloud,
    "grain": _grain,
    "warp": _warp,
    "jag": _jag,
    "crease": _crease,
    "granules": _granules,
    "chromatin": _chromatin,
}
