"""The objective that a user tells of a recording."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focusbench.errors import InputError

LENS = ("numerical_aperture", "refractive_index", "wavelength")  # keys; the wavelength in um


def check_lens(lens: Mapping[str, Any], place: str) -> None:
    """Refuse a numerical aperture that is not below the refractive index."""
    aperture, index = lens["numerical_aperture"], lens["refractive_index"]
    if not aperture < index:
        raise InputError(f"{place}: {aperture} is not accepted; below the refractive index {index}")
