"""Reading one 16-bit grey image, TIFF or PNG by its content, and refusing what no field can be."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from focusbench import images, tiff
from focusbench.errors import InputError
from focusbench.files import beginning
from focusbench.images import Volume

PNG = b"\x89PNG\r\n\x1a\n"
PNG_KINDS = {2: "RGB", 3: "a colour palette", 4: "grey with transparency", 6: "RGBA"}
WANTED = "a 16-bit grey image is wanted"
LEAST_SIDE = 84  # px: a patch of the defocus paper
LARGEST = 65535  # counts
SATURATED = 0.01  # part of the pixels that may share the largest value
CEILINGS = frozenset(  # largest values of cameras of 8 to 16 bits, in the file's low or high bits
    value for bits in range(8, 17) for value in (2**bits - 1, (2**bits - 1) << (16 - bits))
)


def read(path: str | Path, name: str | None = None, least_side: int = LEAST_SIDE) -> np.ndarray:
    """Read an image.

    Parameters
    ----------
    path
        TIFF (LZW too) or PNG, whatever its ending says.
    name
        What a message calls it; the path if absent.
    least_side
        Pixels that each side must have.

    Returns
    -------
    numpy.ndarray
        uint16 (Y, X), counts.

    Raises
    ------
    InputError
        No such file; truncated or damaged; 8-bit, RGB or of several pages; smaller than
        `least_side`; constant; saturated (over a hundredth of the pixels have the largest value,
        and a camera can give no larger one: `CEILINGS`).
    """
    path = Path(path)
    called = name or str(path)
    try:
        image = _read(path).array
    except InputError as error:
        raise InputError(str(error).replace(str(path), called)) from None
    _check(image, called, least_side)
    return image


def read_counts(path: str | Path, least_side: int = LEAST_SIDE) -> Volume:
    """Read an image as `read` does, or counts that FocusBench wrote: whole numbers as float32.

    Returns
    -------
    Volume
        float32 (Y, X), whole numbers from 0 to 65535; the pixel (y, x) in um, if the file tells.

    Raises
    ------
    InputError
        As `read`; floats that are no counts.
    """
    image, axes, size = _read(Path(path))
    if image.dtype.kind == "f":
        counts = np.clip(np.rint(image), 0, LARGEST)
        if not np.array_equal(counts, image):
            raise InputError(
                f"{path}: holds {image.dtype} values that are no counts (whole numbers from 0 to "
                f"{LARGEST}); {WANTED}"
            )
        image = counts.astype(np.uint16)
    _check(image, str(path), least_side)
    return Volume(image.astype(np.float32), axes, size)


def _read(path: Path) -> Volume:
    """Image (Y, X) in the file's own type; its pixel (y, x) in um, None if it does not tell."""
    try:
        start = beginning(path, len(PNG))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; {WANTED}") from None
    if start == PNG:
        return Volume(_read_png(path), "YX", None)
    return images.read_volume(path, "YX")


def _read_png(path: Path) -> np.ndarray:
    data = path.read_bytes()
    if images.PNG_END not in data or data[12:16] != b"IHDR":
        raise InputError(f"{path}: is truncated or damaged: the PNG's head or end is missing")
    width, height, bits, colour = struct.unpack(">IIBB", data[16:26])
    if colour != 0:
        raise InputError(f"{path}: is {PNG_KINDS.get(colour, 'coloured')}; {WANTED}")
    if bits != 16:
        raise InputError(f"{path}: has {bits} bits a pixel; {WANTED}")
    tiff.check_claim(path, width * height * 2, compressed=True)
    from skimage.io import imread

    try:
        image = np.asarray(imread(path))
    except Exception as error:  # decoders raise nearly anything on a damaged file
        raise InputError(f"{path}: {tiff.damage(error)}") from None
    if image.shape != (height, width):
        raise InputError(f"{path}: is damaged: an image of shape {image.shape} was decoded")
    return image


def _check(image: np.ndarray, name: str, least_side: int) -> None:
    if image.dtype != np.uint16:
        raise InputError(f"{name}: holds {image.dtype} values; {WANTED}")
    height, width = image.shape
    if min(height, width) < least_side:
        raise InputError(
            f"{name}: is {width} x {height} pixels; at least {least_side} x {least_side} are wanted"
        )
    largest = int(image.max())
    if image.min() == largest:
        raise InputError(f"{name}: is constant (grey value {largest}); nothing was recorded")
    share = float((image == largest).mean())
    if share > SATURATED and largest in CEILINGS:  # others are few grey values of a dim image
        raise InputError(
            f"{name}: is saturated: {100 * share:.1f} % of its pixels have the largest value "
            f"{largest}; at most {100 * SATURATED:g} % are accepted"
        )
