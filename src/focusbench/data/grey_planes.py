"""Reading grey planes of a focal stack, TIFF or PNG, and refusing what is none."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from focusbench import images, tiff
from focusbench.errors import InputError
from focusbench.files import beginning

PNG = b"\x89PNG\r\n\x1a\n"
WANTED = "a grey TIFF or PNG image is wanted"


def sizes(path: Path) -> list[tuple[int, int]]:
    """Pixels (y, x) of each image of a file, of which only heads are read; errors as `read`."""
    if _is_png(path):
        with open(path, "rb") as file:
            head = file.read(26)
        if len(head) < 26 or head[12:16] != b"IHDR":
            raise InputError(f"{path}: is truncated or damaged: the PNG's head is missing")
        width, height, _, colour = struct.unpack(">IIBB", head[16:26])
        if colour != 0:
            raise InputError(f"{path}: is in colour or has transparency; {WANTED}")
        return [(height, width)]
    with tiff.opened(path) as file:
        pages = [page.aspage() for page in file.pages]
        for page in pages:
            if page.samplesperpixel != 1 or int(page.photometric) != 1:
                raise InputError(f"{path}: is in colour, or black is its largest value; {WANTED}")
            if page.dtype is None or page.dtype.kind not in "uif":
                raise InputError(f"{path}: holds {page.dtype} values; {WANTED}")
        return [(page.imagelength, page.imagewidth) for page in pages]


def read(places: Sequence[tuple[Path, int]]) -> list[np.ndarray]:
    """Read images, each of a file and its page.

    Returns
    -------
    list of numpy.ndarray
        (Y, X), in the files' own types.

    Raises
    ------
    InputError
        No such file or page; truncated or damaged; in colour; neither TIFF nor PNG.
    """
    whole: dict[Path, np.ndarray] = {}
    for path, _ in places:
        if path not in whole:
            whole[path] = (
                images.read_png(path)[None] if _is_png(path) else images.read_volume(path).array
            )
    for path, page in places:
        if page >= len(whole[path]):
            raise InputError(f"{path}: holds {len(whole[path])} images; page {page} is not there")
    return [whole[path][page] for path, page in places]


def _is_png(path: Path) -> bool:
    try:
        return beginning(path, len(PNG)) == PNG
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; {WANTED}") from None
