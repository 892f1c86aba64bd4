"""`focusbench refocus`: the focal planes of an image of any size, as a pyramidal OME-TIFF."""

from __future__ import annotations

import argparse
import logging
import math
from pathlib import Path
from typing import Any

from focusbench import methods
from focusbench.errors import InputError
from focusbench.tracks.refocus.recording import parameters_of

TRACK = "refocus"
ALIKE = 0.05  # relative difference of pixels that is let pass
_log = logging.getLogger(__name__)
CODE = ("focusbench.refocusing", "focusbench.training.planes_learning")


def add(verbs: Any, checked: Any) -> None:
    """Add the verb to a parser's; `checked(options)` looks at output, image and threads."""
    verb = verbs.add_parser(
        "refocus",
        help="make the focal planes of an image of any size",
        description="Write the focal planes that a trained method sees in one RGB image of 8 bits "
        "a colour, TIFF, PNG or JPEG of any size, as a pyramidal OME-TIFF. The image is worked "
        "through in blocks, so that memory does not grow with its height. A run that was killed "
        "goes on where it was when the same command is given again.",
    )
    verb.add_argument("stack", metavar="image", help="TIFF, PNG or JPEG, RGB of 8 bits a colour")
    verb.add_argument("-o", "--output", required=True, help="the stack to write (.ome.tif)")
    verb.add_argument("--weights", required=True, help="of a training (.safetensors)")
    verb.add_argument(
        "--pixel-size", type=float, metavar="UM", help="of the image; default: the file's own"
    )
    verb.add_argument(
        "--z-step", type=float, metavar="UM", help="of the planes; default: that of the weights"
    )
    verb.add_argument(
        "--block",
        type=int,
        metavar="PX",
        help="side of what is computed at once, pixels of the result; smaller: less memory",
    )
    verb.add_argument(
        "--compression",
        default="deflate",
        choices=["deflate", "zstd"],
        help="both without loss; default: deflate",
    )
    verb.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    verb.add_argument(
        "--precision", choices=["float32", "tf32", "bfloat16"], help="default: tf32 on a GPU"
    )
    verb.add_argument("--threads", type=int, default=1)
    verb.add_argument("--quiet", action="store_true", help="show no progress")
    verb.set_defaults(run=lambda options: _refocus(options, checked))


def _refocus(options: argparse.Namespace, checked: Any) -> None:
    checked(options)
    from focusbench import refocusing
    from focusbench.dependencies import code_hash
    from focusbench.files import sha256
    from focusbench.training import device as devices
    from focusbench.training.run import apply_threads
    from focusbench.training.weights import load_weights

    apply_threads(options.threads)
    weights = load_weights(options.weights)
    method = _method_of(weights.description, options.weights)
    network = method.loaded(weights)
    planes = weights.description["planes"]
    device = devices.resolve(options.device)
    code = code_hash(methods.TABLE[weights.description["method"]].target, *CODE)
    sizes = {} if options.block is None else {"block": options.block}
    made = refocusing.refocus(
        method.maker(network.to(device), planes),
        options.stack,
        options.output,
        fingerprint=f"{sha256(options.weights)} {code}",
        planes=method.planes_made(planes),
        scale=method.scale,
        pixel_size=options.pixel_size,
        plane_distance=options.z_step or weights.description.get("z_step"),
        compression=options.compression,
        halo=method.halo,
        multiple=getattr(network, "multiple", refocusing.MULTIPLE),
        device=device,
        precision=options.precision or ("tf32" if device == "cuda" else "float32"),
        threads=options.threads,
        quiet=options.quiet,
        **sizes,
    )
    _warn_of_pixels(made.voxel_size[-1], weights.description.get("pixel_size"))
    z, y, x, _ = made.shape
    shown = "plane" if z == 1 else "planes"
    print(f"{Path(options.output).name}: {z} {shown} of {x} x {y} pixels, {made.bytes} bytes")


def _warn_of_pixels(made: float | None, learned: float | None) -> None:
    """A network knows the pixels that it learned with, and no other."""
    if made is not None and learned is not None and not math.isclose(made, learned, rel_tol=ALIKE):
        _log.warning(
            "the result has pixels of %.4g um, the weights learned with %.4g um: it may mean "
            "nothing",
            made,
            learned,
        )


def _method_of(told: Any, path: str) -> Any:
    """Build the method that weights belong to, as they describe it."""
    name = told.get("method")
    known = [
        one
        for one in methods.names(TRACK)
        if methods.TABLE[one].stochastic and methods.TABLE[one].trains_on
    ]
    if name not in known:
        raise InputError(
            f"--weights: {path} belongs to {name!r}; accepted: weights of {', '.join(known)}"
        )
    return methods.build(name, parameters_of(name, told))
