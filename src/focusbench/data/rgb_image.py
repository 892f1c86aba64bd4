"""Reading 8-bit RGB images, whole or a window of a large one, and refusing what is none."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from focusbench import images, tiff
from focusbench.errors import InputError
from focusbench.files import beginning

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
PNG_KINDS = {0: "grey", 3: "a colour palette", 4: "grey with transparency", 6: "RGBA"}
SAMPLES = {1: "grey", 2: "grey with transparency", 4: "RGBA or CMYK"}
WANTED = "an RGB image of 8 bits a colour is wanted"
BASELINE = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))


class Window(NamedTuple):
    """Part of an image, px."""

    top: int
    left: int
    height: int
    width: int


def pages(path: str | Path) -> int:
    """Count the images in a file: of a TIFF its pages, else 1.

    Raises
    ------
    InputError
        No such file, or a TIFF whose pages cannot be listed.
    """
    path = Path(path)
    if _start(path).startswith((PNG, JPEG)):
        return 1
    with _opened(path) as file:
        return len(file.pages)


def size(path: str | Path, page: int = 0) -> tuple[int, int]:
    """Pixels (y, x) of an image, of which only the head is read; errors as `read`."""
    path = Path(path)
    start = _start(path)
    if start.startswith(PNG):
        return _png_size(path)
    if start.startswith(JPEG):
        return _jpeg_size(path)
    with _opened(path) as file:
        found = _page(path, file, page)
        return found.imagelength, found.imagewidth


def sizes(path: str | Path) -> list[tuple[int, int]]:
    """Pixels (y, x) of each image of a file, of which only heads are read; errors as `read`."""
    path = Path(path)
    if _start(path).startswith((PNG, JPEG)):
        return [size(path)]
    with _opened(path) as file:
        found = [_page(path, file, page) for page in range(len(file.pages))]
        return [(page.imagelength, page.imagewidth) for page in found]


def read(path: str | Path, page: int = 0, window: Window | None = None) -> np.ndarray:
    """Read an image, or a window of it.

    Parameters
    ----------
    path
        PNG, JPEG or TIFF, whatever its ending says. Of a TIFF only those tiles or strips are
        decoded that the window meets.
    page
        Which image of a TIFF, from 0.
    window
        All of it if absent.

    Returns
    -------
    numpy.ndarray
        uint8 (Y, X, 3).

    Raises
    ------
    InputError
        No such file; truncated or damaged; grey, with transparency, a palette, or 16 bits; no such
        page; a window that is not inside.
    """
    path = Path(path)
    start = _start(path)
    if not start.startswith((PNG, JPEG)):
        with _opened(path) as file:
            return _tiff_window(path, file, page, window)
    whole = _png(path) if start.startswith(PNG) else _jpeg(path)
    if page:
        raise InputError(f"{path}: holds one image; page {page} is not there")
    top, left, height, width = _inside(path, whole.shape[:2], window)
    return np.ascontiguousarray(whole[top : top + height, left : left + width])


def _start(path: Path) -> bytes:
    try:
        return beginning(path, 8)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; {WANTED}") from None


def _inside(path: Path, shape: tuple[int, ...], window: Window | None) -> Window:
    height, width = shape[:2]
    if window is None:
        return Window(0, 0, height, width)
    top, left, wanted_y, wanted_x = window
    if min(top, left) < 0 or min(wanted_y, wanted_x) < 1:
        raise InputError(f"{path}: a window {tuple(window)} is none (top, left, height, width)")
    if top + wanted_y > height or left + wanted_x > width:
        raise InputError(
            f"{path}: is {width} x {height} pixels; a window of {wanted_x} x {wanted_y} from row "
            f"{top}, column {left} is not inside"
        )
    return Window(*window)


# --- PNG and JPEG ---------------------------------------------------------------------------------


def _png_size(path: Path) -> tuple[int, int]:
    with open(path, "rb") as file:
        head = file.read(26)
    if len(head) < 26 or head[12:16] != b"IHDR":
        raise InputError(f"{path}: is truncated or damaged: the PNG's head is missing")
    width, height, bits, colour = struct.unpack(">IIBB", head[16:26])
    if colour != 2:
        raise InputError(f"{path}: is {PNG_KINDS.get(colour, 'of no known colours')}; {WANTED}")
    if bits != 8:
        raise InputError(f"{path}: has {bits} bits a colour; {WANTED}")
    return height, width


def _png(path: Path) -> np.ndarray:
    height, width = _png_size(path)
    data = path.read_bytes()
    if images.PNG_END not in data[-4096:]:
        raise InputError(f"{path}: is truncated: the PNG's end is missing")
    tiff.check_claim(path, 3 * height * width, compressed=True)
    import imagecodecs

    return _decoded(path, imagecodecs.png_decode, data, (height, width))


def _jpeg_size(path: Path) -> tuple[int, int]:
    """Walk the markers to the frame's head, which tells the size."""
    with open(path, "rb") as file:
        file.seek(2)
        while len(mark := file.read(4)) == 4 and mark[0] == 0xFF:
            (length,) = struct.unpack(">H", mark[2:])
            if mark[1] in BASELINE:
                head = file.read(6)
                if len(head) < 6:
                    break
                bits, height, width, samples = struct.unpack(">BHHB", head)
                if samples != 3 or bits != 8:
                    kind = SAMPLES.get(samples, f"of {bits} bits")
                    raise InputError(f"{path}: is {kind}; {WANTED}")
                return height, width
            file.seek(length - 2, 1)
    raise InputError(f"{path}: is truncated or damaged: the JPEG's head is missing")


def _jpeg(path: Path) -> np.ndarray:
    shape = _jpeg_size(path)
    data = path.read_bytes()
    if b"\xff\xd9" not in data[-4096:]:  # a decoder would fill what is missing with grey
        raise InputError(f"{path}: is truncated: the JPEG's end is missing")
    import imagecodecs

    return _decoded(path, imagecodecs.jpeg8_decode, data, shape)


def _decoded(
    path: Path, decode: Callable[[bytes], np.ndarray], data: bytes, shape: tuple[int, int]
) -> np.ndarray:
    try:
        image = np.asarray(decode(data))
    except Exception as error:  # decoders raise nearly anything on a damaged file
        raise InputError(f"{path}: {tiff.damage(error)}") from None
    if image.shape != (*shape, 3) or image.dtype != np.uint8:
        raise InputError(f"{path}: is damaged: {image.dtype} {image.shape} was decoded; {WANTED}")
    return image


# --- TIFF -----------------------------------------------------------------------------------------


@contextmanager
def _opened(path: Path) -> Iterator:
    """Open a TIFF; what goes wrong inside is one line."""
    import tifffile

    try:
        with tiff.silent("tifffile"), tifffile.TiffFile(path, _multifile=False) as file:
            yield file
    except InputError:
        raise
    except Exception as error:  # the reader raises nearly anything on a damaged file
        raise InputError(f"{path}: {tiff.damage(error)}; {WANTED}") from None


def _page(path: Path, file: TiffFile, index: int) -> TiffPage:
    if not 0 <= index < len(file.pages):
        raise InputError(f"{path}: holds {len(file.pages)} images; page {index} is not there")
    page = file.pages[index].aspage()
    if page.samplesperpixel != 3 or int(page.photometric) not in (2, 6):
        kind = SAMPLES.get(page.samplesperpixel, "not RGB")
        raise InputError(f"{path}: is {kind}; {WANTED}")
    if page.dtype != np.uint8 or page.bitspersample != 8:
        raise InputError(f"{path}: holds {page.dtype} values; {WANTED}")
    if page.planarconfig != 1:
        raise InputError(f"{path}: stores its colours in separate planes; RGB pixels are wanted")
    length = path.stat().st_size
    places = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    short = len(places) < int(np.prod(page.chunked))
    if short or any(at <= 0 or count <= 0 or at + count > length for at, count in places):
        raise InputError(f"{path}: is truncated or has holes: pixels of page {index} are missing")
    return page


def _tiff_window(path: Path, file: TiffFile, index: int, window: Window | None) -> np.ndarray:
    page = _page(path, file, index)
    top, left, height, width = _inside(path, (page.imagelength, page.imagewidth), window)
    tiff.check_claim(path, tiff.decoded_bytes(page), compressed=page.compression != 1)
    tall, wide = (
        (page.tilelength, page.tilewidth)
        if page.is_tiled
        else (
            page.rowsperstrip,
            page.imagewidth,
        )
    )
    across = -(-page.imagewidth // wide)
    result = np.empty((height, width, 3), np.uint8)
    filled = 0
    for row in range(top // tall, (top + height - 1) // tall + 1):
        for column in range(left // wide, (left + width - 1) // wide + 1):
            segment = row * across + column
            file.filehandle.seek(page.dataoffsets[segment])
            data = file.filehandle.read(page.databytecounts[segment])
            values, place, _ = page.decode(data, segment, jpegtables=page.jpegtables)
            values = values.reshape(values.shape[-3:])
            y, x = place[-3] - top, place[-2] - left
            rows = slice(max(y, 0), min(y + values.shape[0], height))
            columns = slice(max(x, 0), min(x + values.shape[1], width))
            part = values[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
            result[rows, columns] = part
            filled += part.shape[0] * part.shape[1]
    if filled < height * width:
        raise InputError(f"{path}: is truncated or damaged: pixels of page {index} are missing")
    return result
