"""A recording given on the command line: its options, and the problem behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from focusbench.errors import InputError
from focusbench.tracks.recording import Option, Recording

MODELS, BOUNDARIES = ("born_wolf", "richards_wolf"), ("linear", "circular")
OPTIONS = {
    "pixel_size": Option(float, "UM", "lateral pixel; default: the file's own"),
    "z_step": Option(float, "UM", "distance of two planes; default: the file's own"),
    "psf": Option(str, "FILE", "TIFF with the PSF; or give the lens:"),
    "numerical_aperture": Option(float, "NA", "of the objective"),
    "refractive_index": Option(float, "N", "of the immersion"),
    "wavelength": Option(float, "UM", "of the emission, in vacuum"),
    "psf_model": Option(str, "MODEL", f"{' or '.join(MODELS)}; default: the first", MODELS),
    "subsamples": Option(int, "S", "points per pixel and axis of a computed PSF; default: 1"),
    "boundary": Option(
        str, "KIND", f"{' or '.join(BOUNDARIES)}: nothing outside, or the other side", BOUNDARIES
    ),
    "offset": Option(float, "GREY", "grey value without light; default: 0"),
    "photons_per_count": Option(float, "P", "default: the noise is estimated"),
    "read_noise": Option(float, "GREY", "standard deviation, with --photons-per-count"),
}
PSF_SIDE = 31  # voxels of a computed PSF along each axis, or fewer where the recording has fewer


def recording(path: str, given: Mapping[str, Any]) -> Recording:
    """Read a fluorescence stack and state its problem; `given`: values by names of `OPTIONS`."""
    from focusbench.data import fluorescence
    from focusbench.tracks.deconvolution.problem import problem
    from focusbench.tracks.deconvolution.recorded import noise_of

    for key in ("pixel_size", "z_step", "wavelength", "photons_per_count", "refractive_index"):
        _check(key, given, lambda value: 0 < value < math.inf, "above 0")
    _check("numerical_aperture", given, lambda value: 0 < value < math.inf, "above 0")
    _check("subsamples", given, lambda value: 1 <= value <= 25, "1 to 25")
    _check("read_noise", given, lambda value: 0 <= value < math.inf, "0 or more")
    _check("offset", given, math.isfinite, "finite")
    entry = {"path": path, **given}
    fluorescence.check(entry, "the PSF")
    observed = fluorescence.read(entry)
    nominal = {
        "convention": "standard",
        "subsamples": given.get("subsamples", 1),
        "shape": [PSF_SIDE] * 3,
    }
    settings = {
        "optics": nominal,
        "boundary": "linear",
        **given,
        "data": {"psf": given["psf"]} if "psf" in given else {},
    }
    about = {"noise": noise_of(observed, entry)}
    reading = {
        key: entry[key] for key in ("path", "pixel_size", "z_step", "offset") if key in entry
    }
    optics = {key: value for key, value in settings.items() if key not in (*reading, "data")}
    return Recording(
        observed,
        problem(observed, "recorded", settings, about),
        reading,
        {**optics, "noise": about["noise"]},
        fluorescence.source_files(entry),
    )


def _check(key: str, given: Mapping[str, Any], accepted: Any, words: str) -> None:
    if key in given and not accepted(given[key]):
        raise InputError(
            f"--{key.replace('_', '-')}: {given[key]} is not accepted; a number {words}"
        )
