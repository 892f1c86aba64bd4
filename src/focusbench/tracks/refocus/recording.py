"""An image given on the command line: its options, and the stack that is wanted of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from focusbench import methods
from focusbench.errors import InputError
from focusbench.tracks.recording import Option, Prepared, Recording, flag

if TYPE_CHECKING:
    from focusbench.images import Volume
    from focusbench.problem import Run, Weights

OPTIONS = {
    "pixel_size": Option(float, "UM", "of the image; default: the file's own"),
    "z_step": Option(float, "UM", "distance of two planes; default: that of the weights"),
    "focal_planes": Option(
        int, "N", "focal planes to make, odd; default: those of the weights, or 11"
    ),
    "scale": Option(
        int, "S", "pixels of the result along one of the image, 1 or 2; default: as the weights"
    ),
}
# as in the schemas of the configuration; lengths in um
LIMITS = {
    "pixel_size": (1e-3, 100.0),
    "z_step": (1e-3, 1000.0),
    "focal_planes": (1, 99),
    "scale": (1, 2),
}
USUAL = {"planes": 11, "scale": 2}  # as a record of an observation names them
GIVEN = {"planes": "focal_planes", "scale": "scale"}  # and as the options do


def recording(path: str, given: Mapping[str, Any]) -> Recording:
    """Read an RGB image and state its problem; `given`: values by names of `OPTIONS`.

    How many planes are wanted, and how fine, is what the weights of a method say.

    Raises
    ------
    InputError
        A number out of range; what `rgb_rows.opened` refuses.
    """
    from focusbench import rgb_rows
    from focusbench.images import Volume

    for key, (low, high) in LIMITS.items():
        if key in given and not low <= given[key] <= high:
            raise InputError(
                f"{flag(key)}: {given[key]:g} is not accepted; a number from {low:g} to {high:g}"
            )
    if given.get("focal_planes", 1) % 2 == 0:
        raise InputError(f"--focal-planes: {given['focal_planes']} is not accepted; an odd number")
    with rgb_rows.opened(path) as rows:
        image = rows.read(0, rows.shape[0])[None]
        pixel = rows.pixel_size
    if "pixel_size" in given:
        pixel = (given["pixel_size"],) * 2
    step = given.get("z_step")
    # a single plane has no step: any stands in until the weights tell one
    observed = Volume(image, "ZYXC", None if pixel is None else (step or 1.0, *pixel))
    return Recording(
        observed,
        _stated(observed, given, {}),
        {"path": path, **({} if pixel is None else {"pixel_size": list(pixel)})},
        {},
        [path],
        partial(_prepared, observed, given),
    )


def described(method: str, path: str) -> dict[str, Any]:
    """Parameters of a method as the weights in a file have them: widths, numbers of blocks.

    Empty for weights of another method: whoever loads them says what is wrong.

    Raises
    ------
    InputError
        No weights of this package.
    """
    from focusbench.training.weights import read_description

    return parameters_of(method, read_description(path))


def parameters_of(method: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a method's parameters that a description of its weights tells."""
    if told.get("method") != method or method not in methods.TABLE:
        return {}
    fields = dataclasses.fields(methods.load(methods.TABLE[method].target))
    return {one.name: told[one.name] for one in fields if one.name in told}


def _prepared(
    observed: Volume, given: Mapping[str, Any], method: Any, weights: Weights | None, run: Run
) -> Prepared:
    told = {} if weights is None else weights.description
    for key, name in GIVEN.items():
        if name in given and given[name] != told.get(key, given[name]):
            raise InputError(
                f"{flag(name)}: {given[name]} is not accepted; the weights say {told[key]}"
            )
    return Prepared(_stated(observed, given, told), weights, {"stack_made": _grid(given, told)})


def _grid(given: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, int]:
    return {key: given.get(GIVEN[key], told.get(key, usual)) for key, usual in USUAL.items()}


def _stated(observed: Volume, given: Mapping[str, Any], told: Mapping[str, Any]) -> Any:
    from focusbench.tracks.refocus.problem import problem

    step = given.get("z_step") or told.get("z_step")
    size = observed.voxel_size
    if size is not None:
        size = None if step is None else (float(step), *size[1:])
    return problem(observed._replace(voxel_size=size), "lowres", {}, _grid(given, told))
