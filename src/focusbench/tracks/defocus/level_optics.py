"""Kernels of a lens at any defocus level, computed when they are asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from focusbench.errors import InputError
from focusbench.optics import defocus_psf, psf
from focusbench.optics import psf_checks as checks

LIGHT = 0.99
"""Part of a point's light that a kernel must hold whose side is not the settings': 51 x 51 pixels
hold 99.3 % of the paper's level 10."""
GROWTH, LARGEST = 10, 301  # px by which a kernel's side grows, and where that ends


class LevelOptics:
    """A lens, told by the track's section `optics`.

    Parameters
    ----------
    optics
        `levels` (how many there are in a series), and what `defocus_psf.level_psfs` takes:
        `numerical_aperture`, `refractive_index`, `wavelength`, `pixel_size`, `side`, `subsamples`,
        `convention`, `step`.
    grows
        Whether `side` is but the least one: kernels get as large as the last level's light needs.
        For lenses other than that for which the settings' side was chosen.

    Raises
    ------
    InputError
        When a kernel is first asked for: what `level_psfs` refuses, such as an NA above the index.
    """

    def __init__(self, optics: Mapping[str, Any], grows: bool = False) -> None:
        self._lens = {key: value for key, value in optics.items() if key not in ("levels", "side")}
        self._least, self._last, self._grows = optics["side"], optics["levels"] - 1, grows

    @cached_property
    def psfs(self) -> np.ndarray:
        """Kernels of the levels 0 to L - 1, float64 (L, y, x), each of sum 1.

        Level 0 is a single pixel: such fields are left as they are.
        """
        levels = range(self._last + 1)
        return defocus_psf.level_psfs(levels, side=self._side, in_focus="untouched", **self._lens)

    @cached_property
    def in_focus(self) -> np.ndarray:
        """Spot of the lens in focus, (y, x), with which "depth-invariant" deconvolves."""
        return defocus_psf.level_psfs([0], side=self._side, **self._lens)[0]

    def at(self, level: float) -> np.ndarray:
        """Kernel of any level from 0 up, float64 (y, x) of sum 1.

        It is computed for that level, not mixed from the two next to it. 0 is a single pixel. As
        large as those of the series; beyond its last level, large enough for 99 % of the light.
        """
        level = checks.number("level", level, "a number from 0 up", 0, strict=False)
        side = self._side if level <= self._last else self._enough(level)
        kernels = defocus_psf.level_psfs([level], side=side, in_focus="untouched", **self._lens)
        return kernels[0]

    def vectorial(self, level: float) -> np.ndarray:
        """The same by the model of Richards and Wolf; 0 is the spot in focus."""
        level = checks.number("level", level, "a number from 0 up", 0, strict=False)
        side = self._side if level <= self._last else self._enough(level)
        pixel, distance = self._lens["pixel_size"], level * self._lens["step"]
        keys = ("wavelength", "numerical_aperture", "refractive_index", "subsamples")
        lens = {key: self._lens[key] for key in keys}
        if not distance:
            return psf.richards_wolf((side, side), (pixel, pixel), **lens)
        # two planes, as far before the focus as behind it
        planes = psf.richards_wolf((2, side, side), (2 * distance, pixel, pixel), **lens)
        return planes[0] / planes[0].sum()

    @cached_property
    def _side(self) -> int:
        return self._enough(self._last) if self._grows else self._least

    def _enough(self, level: float) -> int:
        """Pixels along a kernel that holds a level's light; those of the settings at least."""
        lens = {key: value for key, value in self._lens.items() if key != "subsamples"}
        checks.lens(lens["wavelength"], lens["numerical_aperture"], lens["refractive_index"])
        checks.length("pixel_size", lens["pixel_size"])
        # of a cone of light, which diffraction makes wider: nothing less can be enough
        slope = lens["numerical_aperture"] / lens["refractive_index"]
        radius = slope * level * lens["step"] / lens["pixel_size"]
        side = self._least + GROWTH * max(math.ceil((2 * radius - self._least) / GROWTH), 0)
        while side <= LARGEST:
            if defocus_psf.kept([level], side=side, **lens)[0] >= LIGHT:
                return side
            side += GROWTH
        raise InputError(
            f"PSF: of level {level:g} less than {100 * LIGHT:g} % of the light falls into "
            f"{LARGEST} x {LARGEST} pixels of {lens['pixel_size']:g} um; a lower level is accepted"
        )
