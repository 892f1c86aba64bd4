"""An image given on the command line: its options, the levels that it is told, the problem."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from focusbench import methods
from focusbench.errors import InputError
from focusbench.tracks.recording import Option, Prepared, Recording, flag

if TYPE_CHECKING:
    from focusbench.images import Volume
    from focusbench.problem import Run, Weights
    from focusbench.training.level_map import LevelMap

OPTIONS = {
    "pixel_size": Option(float, "UM", "in the object; default: the file's own"),
    "numerical_aperture": Option(float, "NA", "of the objective; default: 0.5"),
    "refractive_index": Option(float, "N", "of the immersion; default: 1"),
    "wavelength": Option(float, "UM", "of the emission, in vacuum; default: 0.451"),
    "subsamples": Option(int, "S", "points per pixel and axis of a kernel; default: 5"),
    "step": Option(float, "UM", "defocus from level to level; default: 2"),
    "patch": Option(int, "PX", "side of the patches; default: 84"),
}
# as the preset `quick`; a test compares them
NOMINAL = {
    "numerical_aperture": 0.5,
    "refractive_index": 1.0,
    "wavelength": 0.451,
    "step": 2.0,
    "levels": 11,
    "side": 51,
    "subsamples": 5,
    "convention": "standard",
}
PATCH = 84
# as in the schemas of the configuration; lengths in um
LIMITS = {
    "pixel_size": (1e-3, 100.0),
    "numerical_aperture": (1e-3, 2.0),
    "refractive_index": (1.0, 4.0),
    "wavelength": (0.1, 10.0),
    "subsamples": (1, 25),
    "step": (1e-3, 1000.0),
    "patch": (16, 1024),
}
ORACLE = "oracle"


def recording(path: str, given: Mapping[str, Any]) -> Recording:
    """Read an image and state its problem; `given`: values by names of `OPTIONS`.

    What tells a method the levels is known later, see `Recording.prepare`.
    """
    from focusbench.tracks.defocus.problem import problem

    observed, settings = read(path, given)
    lens = {key: value for key, value in settings["optics"].items() if key != "pixel_size"}
    return Recording(
        observed,
        problem(observed, "recorded", {**settings, "predictor": None}, {}),
        _entry(path, given),
        {**lens, "patch": settings["patch"]},
        [path],
        partial(_prepared, observed, settings),
    )


def read(path: str, given: Mapping[str, Any]) -> tuple[Volume, dict[str, Any]]:
    """Read an image, counts (Y, X); with it, `optics` and `patch` as a track's section has them.

    Raises
    ------
    InputError
        A number out of range; what `data.defocused.check` refuses.
    """
    from focusbench.data import defocused

    _check_limits(given)
    optics = {**NOMINAL, **{key: value for key, value in given.items() if key in NOMINAL}}
    entry, patch = _entry(path, given), given.get("patch", PATCH)
    defocused.check(entry, "", optics, patch, flag)
    observed = defocused.read(entry, patch, flag)
    optics["pixel_size"] = float(observed.voxel_size[-1])
    return observed, {"optics": optics, "patch": patch}


def read_field(path: str, given: Mapping[str, Any]) -> tuple[Volume, dict[str, Any]]:
    """Read an image whose levels are told; with it, `patch`, and of `optics` the pixel, if known.

    Raises
    ------
    InputError
        A number out of range; what `data.camera_image.read_counts` refuses.
    """
    from focusbench.data import camera_image

    _check_limits(given)
    patch = given.get("patch", PATCH)
    observed = camera_image.read_counts(path, patch)
    if "pixel_size" in given:
        observed = observed._replace(voxel_size=(given["pixel_size"],) * 2)
    pixel = {} if observed.voxel_size is None else {"pixel_size": observed.voxel_size[-1]}
    return observed, {"patch": patch, "optics": pixel}


def predicted(
    observed: Volume, settings: Mapping[str, Any], weights: Weights, run: Run
) -> tuple[str, LevelMap]:
    """Id of the predictor that weights belong to, and the levels that it tells.

    Raises
    ------
    InputError
        Weights of something else, or of another lens; an image smaller than its patches.
    """
    from focusbench.tracks.defocus import levels
    from focusbench.tracks.defocus.learned_lens import check_learned_lens

    name, parameters = predictor_of(weights)
    check_learned_lens(weights, settings["optics"], f"{name} of --weights", flag)
    side = parameters["side"]
    if min(observed.array.shape) < side:
        height, width = observed.array.shape
        raise InputError(
            f"--weights: {name} looks at {side} x {side} pixels, the image has {width} x {height}"
        )
    return name, levels.predict(name, parameters, weights, observed, settings, run)


def predictor_of(weights: Weights) -> tuple[str, dict[str, Any]]:
    """Id of the predictor that weights belong to, and its parameters as far as they are told.

    Raises
    ------
    InputError
        They belong to no predictor of defocus levels.
    """
    told = weights.description
    name = told.get("method")
    if name not in methods.TABLE or not methods.TABLE[name].predicts:
        raise InputError(
            f"--weights: are of {name or 'no method that they name'}; accepted are those of a "
            f"predictor: {', '.join(one for one, entry in methods.TABLE.items() if entry.predicts)}"
        )
    try:
        described = {"n_levels": told["levels"], "bg": told["classes"] > told["levels"], **told}
    except (KeyError, TypeError):
        raise InputError(f"--weights: do not tell the levels that {name} knows") from None
    fields = dataclasses.fields(methods.load(methods.TABLE[name].target))
    return name, {one.name: described[one.name] for one in fields if one.name in described}


def summary(told: LevelMap) -> dict[str, int]:
    """Patches by what they were told, levels in order, then `bg`."""
    counts = Counter(told.levels.tolist())
    return {
        ("bg" if level < 0 else str(level)): counts[level] for level in sorted(counts, key=_last)
    }


def _check_limits(given: Mapping[str, Any]) -> None:
    for key, (low, high) in LIMITS.items():
        if key in given and not low <= given[key] <= high:
            raise InputError(
                f"{flag(key)}: {given[key]:g} is not accepted; a number from {low:g} to {high:g}"
            )


def _entry(path: str, given: Mapping[str, Any]) -> dict[str, Any]:
    return {"path": path, **({"pixel_size": given["pixel_size"]} if "pixel_size" in given else {})}


def _last(level: int) -> float:
    return float("inf") if level < 0 else level


def _prepared(
    observed: Volume,
    settings: Mapping[str, Any],
    method: Any,
    weights: Weights | None,
    run: Run,
) -> Prepared:
    """State the problem of a method: with the levels that it is told, where it is told any."""
    from focusbench.tracks.defocus.problem import problem

    def stated(predictor: str | None, told: LevelMap | None) -> Any:
        # a name of its own: the parameter says which training a workflow would ask
        mine = {**settings, "predictor": predictor}
        return problem(observed, "recorded", mine, {}, told)

    level, predictor = getattr(method, "level", None), getattr(method, "predictor", None)
    if predictor is None:
        return Prepared(stated(None, None), weights)
    if level is not None:
        if weights is not None:
            raise InputError("--weights: are not accepted beside --set level; one of the two")
        return Prepared(stated(None, None), None)
    if predictor == ORACLE:
        raise InputError(
            "--set: predictor=oracle is not accepted, for nobody knows the true level; "
            "--set level=K is, if you do"
        )
    if weights is None:
        other = "that of all by --set level=K"
        if not hasattr(method, "level"):  # it asks for background alone
            other = "with --set predictor=None takes none for background"
        raise InputError(
            "--weights: are missing; the method is told the levels of patches by the "
            f"model.safetensors of a predictor, or {other}"
        )
    name, told = predicted(observed, settings, weights, run)

    def write(stem: str) -> None:
        from focusbench.tracks.defocus import levels

        levels.write(f"{stem}.levels.csv", told)

    about = {"predictor": name, "levels": summary(told)}
    return Prepared(stated(name, told), None, about, write)
