"""Reading and writing volumes, focal stacks and images.

They are written as OME-TIFF with axes and voxel size; equal content gives equal bytes. What is
read is checked before anything is allocated or believed: a file that is cut off, has holes, or
claims more than it can hold is refused with one line, never filled up with zeros.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np

from focusbench import tiff
from focusbench.errors import InputError
from focusbench.files import replacing

ENDINGS = (".png", ".tif", ".tiff")
PNG_END = b"IEND\xaeB`\x82"


class Volume(NamedTuple):
    """A volume, a focal stack, or a single image."""

    array: np.ndarray
    axes: str  # one letter an axis of `array`, such as "ZYX"
    voxel_size: tuple[float, ...] | None  # um, (z, y, x), or (y, x) of an image; None: not known


def write_volume(
    path: str | Path,
    array: np.ndarray,
    axes: str = "ZYX",
    voxel_size: tuple[float, ...] | None = None,
) -> None:
    """Write a volume or an image as OME-TIFF, whole or not at all; equal content, equal bytes.

    Parameters
    ----------
    path
        File to write or replace.
    array
        float32 or uint8, finite: (Z, Y, X), (Z, Y, X, 3) for colour, (Y, X) for a single image.
    axes
        "ZYX", "ZYXC" for colour (red, green, blue), or "YX".
    voxel_size
        (z, y, x) in um; (y, x) of a single image.

    Raises
    ------
    InputError
        Another type or shape, NaN or infinite values, or a voxel size that is not positive.
    """
    import tifffile

    array = np.ascontiguousarray(array)
    if array.dtype not in (np.float32, np.uint8):
        raise InputError(f"{path}: {array.dtype} is not written; accepted are float32 and uint8")
    if (
        axes not in ("ZYX", "ZYXC", "YX")
        or array.ndim != len(axes)
        or array.size == 0
        or (axes == "ZYXC" and array.shape[-1] != 3)
    ):
        raise InputError(
            f"{path}: an array of shape {array.shape} with axes {axes!r} is not written; accepted "
            "are ZYX, ZYXC with 3 colours, and YX"
        )
    tiff.check_finite(path, array)
    if voxel_size is not None:
        voxel_size, sides = tuple(map(float, voxel_size)), axes.removesuffix("C")
        if len(voxel_size) != len(sides) or not all(0 < size < np.inf for size in voxel_size):
            raise InputError(
                f"{path}: voxel size {voxel_size} is not {len(sides)} positive lengths in um"
            )
    metadata = tiff.own_metadata(axes, voxel_size)
    # The format wants an identifier; the default is random.
    metadata["UUID"] = tiff.identifier(array, metadata)
    with replacing(path) as temporary:
        tifffile.imwrite(
            temporary,
            array,
            ome=True,
            byteorder="<",
            photometric="rgb" if axes == "ZYXC" else "minisblack",
            metadata=metadata,
            software="focusbench",
        )


def read_volume(path: str | Path, axes: str = "ZYX") -> Volume:
    """Read a volume from a TIFF file; one plane is a volume of one slice.

    Parameters
    ----------
    path
        OME-TIFF, ImageJ or plain TIFF with one or more pages of equal size.
    axes
        What is wanted: "ZYX" (grey), "ZYXC" (colour), or "YX" (a single grey image).

    Returns
    -------
    Volume
        In the file's own type, (Z, Y, X), (Z, Y, X, 3) or (Y, X), with the voxel size that the file
        tells.

    Raises
    ------
    InputError
        No such file, not a TIFF, empty, truncated or damaged (of files that `write_volume` wrote,
        in any bit that counts); not `axes`; NaN or infinite values.
    """
    array, voxel_size = tiff.read(_existing(path), axes)
    return Volume(array, axes, voxel_size)


def read_stack(path: str | Path, kind: str = "focal stack") -> Volume:
    """Read a stack: grey images of equal size and type, one a focus.

    Parameters
    ----------
    path
        A folder of PNG or TIFF images, in natural order of their names (2 before 10); or a
        multi-page TIFF or OME-TIFF.
    kind
        What a message calls it.

    Returns
    -------
    Volume
        (Z, Y, X) in the images' own type; voxel size from the file's metadata, None for a folder.

    Raises
    ------
    InputError
        As `read_volume`, and: fewer than two images, an empty folder, unequal images.
    """
    path = Path(path)
    if path.is_dir():
        return Volume(_read_folder(path, kind), "ZYX", None)
    volume = read_volume(path)
    if len(volume.array) < 2:
        raise InputError(f"{path}: holds one image; a {kind} of at least two is wanted")
    return volume


def stack_files(path: str | Path) -> list[Path]:
    """Files that `read_stack` reads, in the order of the stack.

    Raises
    ------
    InputError
        There is no such file or folder, or no image in the folder.
    """
    path = Path(path)
    if not path.is_dir():
        return [_existing(path)]
    found = [
        file
        for file in path.iterdir()
        if file.suffix.lower() in ENDINGS and not file.name.startswith(".") and file.is_file()
    ]
    if not found:
        raise InputError(f"{path}: no image in this folder; wanted are {', '.join(ENDINGS)} files")
    return sorted(found, key=lambda file: natural(file.name))


def read_png(path: Path) -> np.ndarray:
    """Read a grey PNG image in its own type, (Y, X); bilevel as uint8.

    Raises
    ------
    InputError
        No such file, empty, no PNG, truncated or damaged; in colour or with transparency.
    """
    data = _existing(path).read_bytes()
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or data[12:16] != b"IHDR":
        raise InputError(f"{path}: is not a PNG image")
    if PNG_END not in data:
        raise InputError(f"{path}: is truncated: the PNG's end is missing")
    width, height, bits, colour = struct.unpack(">IIBB", data[16:26])
    if colour != 0:
        kind = {2: "RGB", 3: "a colour palette", 4: "grey with transparency", 6: "RGBA"}
        raise InputError(f"{path}: is {kind.get(colour, 'coloured')}; a grey image is wanted")
    tiff.check_claim(path, width * height * bits // 8, compressed=True)
    from skimage.io import imread

    try:
        plane = np.asarray(imread(path))
    except Exception as error:  # decoders raise nearly anything on a damaged file
        raise InputError(f"{path}: {tiff.damage(error)}") from None
    if plane.shape != (height, width):
        raise InputError(f"{path}: is damaged: an image of shape {plane.shape} was decoded")
    return plane.astype(np.uint8) if plane.dtype == bool else plane


def natural(name: str) -> tuple[list[tuple[bool, int, str]], str]:
    """Sort numbers within names by value; the name itself decides between 1 and 01."""
    parts = re.split(r"([0-9]+)", name.lower())
    return [(p.isdecimal(), int(p) if p.isdecimal() else 0, p) for p in parts if p], name


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if not path.is_file():
        what = "is a folder; a TIFF file is wanted" if path.is_dir() else "there is no such file"
        raise InputError(f"{path}: {what}")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: is empty (0 bytes); an image is wanted")
    return path


# --- folders --------------------------------------------------------------------------------------


def _read_folder(path: Path, kind: str) -> np.ndarray:
    files = stack_files(path)
    if len(files) < 2:
        raise InputError(f"{path}: holds one image; a {kind} of at least two is wanted")
    planes: list[np.ndarray] = []
    for file in files:
        plane = read_png(file) if file.suffix.lower() == ".png" else _read_page(file)
        planes.append(plane)
        if plane.shape != planes[0].shape or plane.dtype != planes[0].dtype:
            raise InputError(
                f"{file}: is {_kind(plane)}, but {files[0].name} is {_kind(planes[0])}; images of "
                "one stack have equal size and type"
            )
    return np.stack(planes)


def _kind(plane: np.ndarray) -> str:
    return f"{plane.shape[1]} x {plane.shape[0]} {plane.dtype}"


def _read_page(path: Path) -> np.ndarray:
    array = read_volume(path).array
    if len(array) != 1:
        raise InputError(f"{path}: holds {len(array)} images; in a folder, each file holds one")
    return array[0]
