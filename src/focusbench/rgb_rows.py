"""Reading RGB images of any size, some rows at a time.

A whole slide does not fit in memory. Of a TIFF file the strips or tiles that hold the wanted rows
are decoded; a PNG file, which has one compressed stream, is unpacked from top to bottom; a JPEG
file is decoded whole. What is read is checked first, as in `images`: nothing that is missing is
filled up.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np

from focusbench import tiff
from focusbench.data import rgb_image
from focusbench.errors import InputError

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

WANTED = "an RGB image of 8 bits a colour is wanted"
LARGEST_PIECE = 2**29
"""Bytes of the largest piece that is decoded at once: a strip, a tile, an interlaced PNG or a JPEG
image."""
_PIECE = 2**22
PNG_START = b"\x89PNG\r\n\x1a\n"


class RgbRows(Protocol):
    """An open image.

    Attributes
    ----------
    shape
        (Y, X).
    pixel_size
        (y, x) in um, as the file tells; None: it does not.
    """

    shape: tuple[int, int]
    pixel_size: tuple[float, ...] | None

    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows `start` to `stop`: (stop - start, X, 3) uint8. Cheapest from top to bottom."""
        ...


@contextmanager
def opened(path: str | Path, least: int = 1) -> Iterator[RgbRows]:
    """Open an image to read its rows.

    Parameters
    ----------
    path
        PNG; JPEG of up to `LARGEST_PIECE` bytes; or TIFF, BigTIFF or OME-TIFF, in strips or tiles
        of any compression that tifffile decodes, colours together or apart. Smaller pages after the
        first, such as the levels of a pyramid, are not looked at.
    least
        Least side that is accepted, pixels.

    Raises
    ------
    InputError
        No such file, none of these; truncated or damaged, then or when rows are read; grey,
        with a palette or transparency, of more or less than 8 bits; several images; smaller than
        `least`.
    """
    path = Path(path)
    if not path.is_file():
        what = "is a folder; an image is wanted" if path.is_dir() else "there is no such file"
        raise InputError(f"{path}: {what}")
    with open(path, "rb") as file:
        start = file.read(8)
        if start == PNG_START:
            rows = _PngRows(path, file)
            _check_least(path, rows.shape, least)
            try:
                yield rows
            except zlib.error as error:
                raise InputError(f"{path}: {tiff.damage(error)}") from None
            return
    if start.startswith(rgb_image.JPEG):
        height, width = rgb_image.size(path)
        _check_least(path, (height, width), least)
        if 3 * height * width > LARGEST_PIECE:
            raise InputError(
                f"{path}: is a JPEG image of {3 * height * width} bytes; up to {LARGEST_PIECE} are "
                "accepted: save it as TIFF"
            )
        yield _Decoded(rgb_image.read(path))
        return
    if start[:2] not in (b"II", b"MM"):
        what = "is no TIFF, PNG or JPEG image" if start else "is empty (0 bytes)"
        raise InputError(f"{path}: {what}; {WANTED}")
    with _opened_tiff(path) as rows:
        _check_least(path, rows.shape, least)
        yield rows


class _Decoded:
    """Rows of an image that is in memory."""

    pixel_size = None

    def __init__(self, image: np.ndarray) -> None:
        self.shape = image.shape[:2]
        self._image = image

    def read(self, start: int, stop: int) -> np.ndarray:
        return self._image[start:stop].copy()


def _check_least(path: Path, shape: tuple[int, int], least: int) -> None:
    if min(shape) < least:
        raise InputError(
            f"{path}: has {shape[1]} x {shape[0]} pixels; sides from {least} up are accepted"
        )


# --- TIFF -----------------------------------------------------------------------------------------


@contextmanager
def _opened_tiff(path: Path) -> Iterator[_TiffRows]:
    with ExitStack() as stack:  # what goes wrong in here is the file's fault
        tif = stack.enter_context(tiff.opened(path))
        page = tif.pages[0].aspage()
        _check_page(path, page)
        size = page.imagelength * page.imagewidth
        others = [other.aspage() for other in tif.pages[1:]]
        equal = 1 + sum(other.imagelength * other.imagewidth >= size for other in others)
        planes, pixel_size = tiff.first_image(tif)
        if max(equal, planes) > 1:
            raise InputError(f"{path}: holds {max(equal, planes)} images; a single one is wanted")
        tiff.check_segments(path, 0, page)
        tiff.check_claim(path, tiff.decoded_bytes(page), compressed=page.compression != 1)
        rows = _TiffRows(path, tif, page, pixel_size)
        kept = stack.pop_all()
    try:
        yield rows
    finally:
        kept.close()


def _check_page(path: Path, page: TiffPage) -> None:
    photometric = int(page.photometric) if "PhotometricInterpretation" in page.tags else 1
    if photometric == 3:
        raise InputError(f"{path}: has a colour palette; {WANTED}")
    if photometric in (0, 1):
        raise InputError(f"{path}: is grey; {WANTED}")
    if page.samplesperpixel == 4:
        kind = "CMYK" if photometric == 5 else "RGBA"
        raise InputError(f"{path}: is {kind}; {WANTED}")
    jpeg = photometric == 6 and page.compression in (6, 7)  # decoded as RGB
    mixed = page.compression == 33003  # Aperio's JPEG 2000, which the decoder leaves as it is
    if page.samplesperpixel != 3 or mixed or not (photometric == 2 or jpeg):
        raise InputError(
            f"{path}: has {page.samplesperpixel} values a pixel, photometric interpretation "
            f"{photometric}, compression {int(page.compression)}; {WANTED}"
        )
    if page.dtype != np.uint8 or page.bitspersample != 8:
        raise InputError(f"{path}: holds {page.bitspersample}-bit values; {WANTED}")


class _TiffRows:
    def __init__(
        self, path: Path, tif: TiffFile, page: TiffPage, pixel_size: tuple[float, ...] | None
    ) -> None:
        self.shape = (page.imagelength, page.imagewidth)
        self.pixel_size = pixel_size
        self._path, self._page, self._file = path, page, tif.filehandle
        self._high = page.tilelength if page.is_tiled else min(page.rowsperstrip, self.shape[0])
        self._wide = page.tilewidth if page.is_tiled else self.shape[1]
        self._down, self._along = -(-self.shape[0] // self._high), -(-self.shape[1] // self._wide)
        self._samples = 1 if page.planarconfig == 2 else 3  # of a piece
        self._decoded: dict[int, np.ndarray] = {}
        self._raw = page.compression == 1 and not page.is_tiled and page.fillorder == 1
        self._raw = self._raw and page.predictor == 1
        piece = self._high * self._wide * self._samples
        if piece > LARGEST_PIECE and not self._raw:
            raise InputError(
                f"{path}: is compressed in pieces of {piece} bytes; up to {LARGEST_PIECE} are "
                "accepted: save it in strips or tiles"
            )

    def read(self, start: int, stop: int) -> np.ndarray:
        rows = np.empty((stop - start, self.shape[1], 3), np.uint8)
        first, last = start // self._high, -(-stop // self._high)
        used = {}
        for sample in range(3 // self._samples):
            colours = slice(sample, sample + self._samples)
            for down in range(first, last):
                above = down * self._high
                one, two = max(start, above), min(stop, above + self._high)
                for along in range(self._along):
                    left = along * self._wide
                    index = (sample * self._down + down) * self._along + along
                    part = self._part(index, one - above, two - above, used)
                    place = rows[one - start : two - start, left : left + self._wide, colours]
                    place[:] = part[:, : place.shape[1]]
        self._decoded = used  # the next rows often lie in the same pieces
        return rows

    def _part(self, index: int, start: int, stop: int, used: dict[int, np.ndarray]) -> np.ndarray:
        """Rows of a piece: (stop - start, X, samples)."""
        offset, count = self._page.dataoffsets[index], self._page.databytecounts[index]
        if self._raw:
            row = self._wide * self._samples
            self._file.seek(offset + start * row)
            data = self._file.read((stop - start) * row)
            if len(data) < (stop - start) * row:
                raise InputError(f"{self._path}: is truncated: rows are not in the file")
            return np.frombuffer(data, np.uint8).reshape(stop - start, self._wide, self._samples)
        piece = self._decoded.get(index)
        if piece is None:
            self._file.seek(offset)
            piece = self._decode(self._file.read(count), index)
        used[index] = piece
        return piece[start:stop]

    def _decode(self, data: bytes, index: int) -> np.ndarray:
        page = self._page
        try:
            piece, *_ = page.decode(
                data, index, jpegtables=page.jpegtables, jpegheader=page.jpegheader
            )
            above = index // self._along % self._down * self._high
            left = index % self._along * self._wide
            high, wide = self.shape[0] - above, self.shape[1] - left
            needed = (1, min(self._high, high), min(self._wide, wide), self._samples)
            if piece.dtype != np.uint8 or piece.ndim != 4 or (piece.shape < np.array(needed)).any():
                raise ValueError(f"a piece of shape {piece.shape} {piece.dtype}")
        except Exception as error:  # the decoder raises nearly anything on a damaged file
            raise InputError(f"{self._path}: {tiff.damage(error)}") from None
        return piece[0]


# --- PNG ------------------------------------------------------------------------------------------


class _PngRows:
    """Rows of a PNG file. Its stream is unpacked here; a library undoes its rows' filters.

    For that, some rows and the one above them are given to the library as a small PNG of their own.
    """

    pixel_size = None

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file = path, file
        size = path.stat().st_size
        header, self._chunks = b"", []
        offset, kind = len(PNG_START), b""
        while kind != b"IEND":
            file.seek(offset)
            length, kind = struct.unpack(">I4s", file.read(8).ljust(8, b"\0"))
            if offset + 12 + length > size:
                raise InputError(f"{path}: is truncated: the PNG's end is missing")
            if kind == b"IHDR":
                header = file.read(length)
            elif kind == b"IDAT":
                self._chunks.append((offset + 8, length))
            offset += 12 + length
        if len(header) != 13 or not self._chunks:
            raise InputError(f"{path}: is damaged: a PNG without a header or pixels")
        width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
        if colour != 2:
            kinds = {0: "is grey", 3: "has a colour palette", 4: "is grey with transparency"}
            raise InputError(f"{path}: {kinds.get(colour, 'is RGBA')}; {WANTED}")
        if bits != 8:
            raise InputError(f"{path}: holds {bits}-bit values; {WANTED}")
        self.shape = (height, width)
        tiff.check_claim(path, height * width * 3, compressed=True)
        if interlaced and height * width * 3 > LARGEST_PIECE:
            raise InputError(
                f"{path}: is interlaced and has {height * width * 3} bytes; up to {LARGEST_PIECE} "
                "are accepted: save it without interlacing"
            )
        self._whole = self._decode(None) if interlaced else None
        self._restart()

    def _restart(self) -> None:
        self._stream = self._unpacked()
        self._pending = bytearray()
        self._next = 0  # first row that is not decoded yet
        self._kept = np.zeros((0, self.shape[1], 3), np.uint8)  # decoded rows just above
        self._above = np.zeros((1, self.shape[1], 3), np.uint8)

    def read(self, start: int, stop: int) -> np.ndarray:
        if self._whole is not None:
            return self._whole[start:stop].copy()
        if start < self._next - len(self._kept):
            self._restart()
        kept = [self._kept[max(0, start - self._next + len(self._kept)) :]]
        step = max(1, _PIECE // (3 * self.shape[1]))
        while self._next < stop:
            count = min(step, stop - self._next)
            rows = self._filtered_rows(count)
            self._next += count
            kept.append(rows[max(0, count - (self._next - start)) :])
        if self._next == self.shape[0]:
            for _ in self._stream:  # its last checksums
                pass
        self._kept = np.concatenate(kept)
        first = start - self._next + len(self._kept)
        return self._kept[first : first + stop - start].copy()

    def _filtered_rows(self, count: int) -> np.ndarray:
        """Decode the next `count` rows."""
        row = 1 + 3 * self.shape[1]
        while len(self._pending) < count * row:
            self._pending += next(self._stream, b"") or self._truncated()
        data = bytes(self._pending[: count * row])
        del self._pending[: count * row]
        rows = self._decode(b"\0" + self._above.tobytes() + data, count + 1)[1:]
        self._above = rows[-1:].copy()
        return rows

    def _truncated(self) -> Any:
        raise InputError(f"{self._path}: is truncated: its last rows are missing")

    def _unpacked(self) -> Iterator[bytes]:
        unpack = zlib.decompressobj()
        for offset, length in self._chunks:
            self._file.seek(offset)
            checksum = zlib.crc32(b"IDAT")
            for begun in range(0, length, _PIECE):
                data = self._file.read(min(_PIECE, length - begun))
                checksum = zlib.crc32(data, checksum)
                while data and not unpack.eof:
                    if rows := unpack.decompress(data, _PIECE):
                        yield rows
                    data = unpack.unconsumed_tail
            if self._file.read(4) != struct.pack(">I", checksum):
                raise InputError(f"{self._path}: is damaged: a checksum of the PNG is wrong")

    def _decode(self, filtered: bytes | None, count: int = 0) -> np.ndarray:
        """Rows of filtered data; all, of None."""
        from imagecodecs import png_decode

        if filtered is None:
            data, count = self._path.read_bytes(), self.shape[0]
        else:
            header = struct.pack(">IIBBBBB", self.shape[1], count, 8, 2, 0, 0, 0)
            data = PNG_START + _chunk(b"IHDR", header)
            data += _chunk(b"IDAT", zlib.compress(filtered, 0)) + _chunk(b"IEND", b"")
        try:
            rows = png_decode(data)
            if rows.shape[:2] != (count, self.shape[1]) or rows.dtype != np.uint8:
                raise ValueError(f"rows of shape {rows.shape}")
        except Exception as error:  # a damaged file
            raise InputError(f"{self._path}: {tiff.damage(error)}") from None
        return rows[..., :3]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
