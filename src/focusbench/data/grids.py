"""The voxel grid that a source is asked to fill: which are accepted."""

from __future__ import annotations

from numbers import Integral

from focusbench.errors import InputError

SIZES = (8, 1024)  # lateral voxels
MAX_VOXELS = 2**28  # 1 GiB of float32
DEPTHS = ("central", "resize")


def check(size: int, n_slices: int, refine: int = 1, depth: str = "central") -> None:
    """Check a grid before anything of it is allocated.

    Raises
    ------
    InputError
        A number is not whole or out of range, the grid is too large, or `depth` is unknown.
    """
    for name, value, least, most in (
        ("size", size, *SIZES),
        ("n_slices", n_slices, 1, SIZES[1]),
        ("refine", refine, 1, 16),
    ):
        if isinstance(value, bool) or not isinstance(value, Integral) or not least <= value <= most:
            raise InputError(
                f"{name}: {value!r} is not accepted; it is a whole number from {least} to {most}"
            )
    voxels = n_slices * size**2 * refine**3
    if voxels > MAX_VOXELS:
        raise InputError(
            f"size {size} with {n_slices} slices, refined {refine} times, makes {voxels} voxels; "
            f"at most {MAX_VOXELS} are accepted"
        )
    if depth not in DEPTHS:
        raise InputError(f"depth: {depth!r} is not accepted; it is one of {', '.join(DEPTHS)}")
