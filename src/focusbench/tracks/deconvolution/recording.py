"""A recording given on the command line: its options, and the problem behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focusbench.errors import InputError
from focusbench.tracks.recording import Option, Recording, flag

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
# as in the schemas of the configuration; lengths in um
LIMITS = {
    "pixel_size": (1e-3, 100.0),
    "z_step": (1e-3, 1000.0),
    "numerical_aperture": (1e-3, 2.0),
    "refractive_index": (1.0, 4.0),
    "wavelength": (0.1, 10.0),
    "subsamples": (1, 25),
    "offset": (-1e9, 1e9),
    "photons_per_count": (1e-9, 1e9),
    "read_noise": (0.0, 1e9),
}
PSF_SIDE = 31  # voxels of a computed PSF along each axis, or fewer where the recording has fewer


def recording(path: str, given: Mapping[str, Any]) -> Recording:
    """Read a fluorescence stack and state its problem; `given`: values by names of `OPTIONS`."""
    from focusbench.data import fluorescence
    from focusbench.tracks.deconvolution.problem import problem
    from focusbench.tracks.deconvolution.recorded import noise_of

    for key, (low, high) in LIMITS.items():
        if key in given and not low <= given[key] <= high:
            raise InputError(
                f"{flag(key)}: {given[key]:g} is not accepted; a number from {low:g} to {high:g}"
            )
    if "psf" in given and "subsamples" in given:
        raise InputError("--subsamples: is not accepted beside --psf; one of the two")
    entry = {"path": path, **given}
    fluorescence.check(entry, "", flag)
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
