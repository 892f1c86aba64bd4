"""A recording given on the command line: its options, and the problem behind it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from focusbench.errors import InputError
from focusbench.tracks.recording import Option, Recording

OPTIONS = {
    "pixel_size": Option(float, "UM", "lateral pixel; default: the file's own"),
    "z_step": Option(float, "UM", "distance of two planes; default: the file's own"),
    "numerical_aperture": Option(float, "NA", "of the objective; default here: 0.75"),
    "background": Option(float, "GREY", "grey value of empty field; default: 95th percentile"),
    "planes": Option(str, "FIRST-LAST", "images that are used, from 1; default: all"),
    "flat_field": Option(int, "DEGREE", "of an illumination to divide out; default: 0, none"),
    "noise_sigma": Option(float, "S", "noise over the background; default: unknown"),
    "aperture_grid": Option(int, "CELLS", "across the sampled aperture; default: 25"),
}


def recording(path: str, given: Mapping[str, Any]) -> Recording:
    """Read a focal stack and state its problem; `given`: values by the names of `OPTIONS`."""
    from focusbench.data import stack
    from focusbench.tracks.multifocus.problem import problem

    sigma = given.get("noise_sigma")
    if sigma is not None and not 0 < sigma <= 1:
        raise InputError(f"--noise-sigma: {sigma} is not accepted; in (0, 1]")
    keys = ("pixel_size", "z_step", "background", "planes", "flat_field")
    settings = {"path": path, **{key: given[key] for key in keys if key in given}}
    if "planes" in settings:
        settings["planes"] = _planes(settings["planes"])
    observed = stack.read(settings)
    optics = {
        "numerical_aperture": given.get("numerical_aperture", 0.75),
        "aperture_grid": given.get("aperture_grid", 25),
        "noise_sigma": sigma,
    }
    return Recording(
        observed,
        problem(observed, "recorded", optics),
        settings,
        optics,
        stack.source_files(settings),
    )


def _planes(text: str) -> list[int]:
    """Read `11-21`."""
    found = re.fullmatch(r"([0-9]+)-([0-9]+)", text)
    if not found:
        raise InputError(f"--planes: {text!r} is not accepted; two image numbers, such as 11-21")
    return [int(found[1]), int(found[2])]
