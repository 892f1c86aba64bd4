"""Writing focal planes in colour as a pyramidal OME-TIFF, piece by piece.

The file is a BigTIFF with one page a plane, in compressed tiles; each page's SubIFDs are the same
plane at 1/2, 1/4 ... of the size. Tiles are appended as they come, so that neither the pixels nor a
second copy of the file need room anywhere. While it grows, the file lies in a folder
``<name>.resume`` beside the output, with an index of its tiles; at the end its directories are
appended and it takes the output's name. A writer that was killed goes on after the last rows that
were kept, and the bytes are those of an undisturbed run.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import shutil
import uuid
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from focusbench.bigtiff import (
    ASCII,
    HEADER_BYTES,
    IFD8,
    LONG,
    LONG8,
    RATIONAL,
    SHORT,
    link_directories,
    ratio,
    write_directory,
)
from focusbench.errors import InputError
from focusbench.files import write_json

SIDE = 256
"""Pixels along a side of a tile."""
ENDING = ".ome.tif"
COMPRESSIONS = {"deflate": 8, "zstd": 50000}
"""By TIFF's numbers. Deflate is read by everything; zstd is faster, and less widely read."""
_FORMAT = 1
_LEVEL = 1  # of both: a higher one saves 4 % of a stained slide and halves the speed


class Grid(NamedTuple):
    """One level: pixels, tiles, and the place of its first tile in the index."""

    shape: tuple[int, int]
    tiles: tuple[int, int]
    first: int


def folder(output: str | Path) -> Path:
    """Folder beside `output` in which an unfinished file is kept."""
    output = Path(output)
    return output.with_name(output.name.removesuffix(ENDING) + ".resume")


def grids(planes: int, shape: tuple[int, int]) -> list[Grid]:
    """Levels of planes of (Y, X) pixels: halved, rounding up, until one tile holds the last."""
    found, first = [], 0
    while True:
        tiles = tuple(-(-side // SIDE) for side in shape)
        found.append(Grid(shape, tiles, first))
        if tiles == (1, 1):
            return found
        first += planes * math.prod(tiles)
        shape = tuple(-(-side // 2) for side in shape)


class PyramidWriter:
    """Writes one file; a context manager, so that the unfinished file is closed.

    Parameters
    ----------
    output
        File to write or replace, ending in ``.ome.tif``.
    shape
        (planes, Y, X).
    fingerprint
        Whatever the pixels depend on. An unfinished file is taken up by a writer with the same
        fingerprint, shape and compression; another one is deleted.
    compression
        One of `COMPRESSIONS`, both after differences of neighbouring pixels.
    threads
        That compress.

    Raises
    ------
    InputError
        A name with another ending, a shape that is empty, another compression; the same file is
        being written by another process.
    """

    def __init__(
        self,
        output: str | Path,
        shape: tuple[int, int, int],
        fingerprint: str,
        compression: str = "deflate",
        threads: int = 1,
    ) -> None:
        self.output = Path(output)
        if not self.output.name.endswith(ENDING) or self.output.name == ENDING:
            raise InputError(f"{output}: is not accepted; a name that ends in {ENDING}")
        if compression not in COMPRESSIONS:
            accepted = ", ".join(COMPRESSIONS)
            raise InputError(f"compression is {compression!r}; accepted: {accepted}")
        if len(shape) != 3 or min(shape) < 1:
            raise InputError(f"{output}: shape {shape}; planes, rows and columns are needed")
        self.shape, self.compression = tuple(shape), compression
        self._grids = grids(shape[0], self.shape[1:])
        self._known = {
            "format": _FORMAT,
            "fingerprint": fingerprint,
            "shape": list(self.shape),
            "compression": compression,
        }
        self._folder = folder(self.output)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._pool = ThreadPoolExecutor(threads)
        self._file = open(self._folder / "pixels.part", "a+b")  # noqa: SIM115 (by `close`)
        try:
            self._lock()
            self._begin()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> PyramidWriter:
        return self

    def __exit__(self, error: object, *_: object) -> None:
        self.close()
        if error is not None and self._end == HEADER_BYTES:
            self._remove()  # nothing that is worth keeping

    def close(self) -> None:
        """Close the unfinished file; it stays for a later writer."""
        self._pool.shutdown(cancel_futures=True)
        self._file.close()

    @property
    def rows(self) -> int:
        """Rows of pixels at the top that are kept."""
        return min(self._done[0] * SIDE, self.shape[1])

    def write(self, y: int, x: int, block: np.ndarray) -> None:
        """Append a block (planes, Y, X, 3), uint8, whose first pixel is at `y`, `x`.

        `y` and `x` are multiples of `SIDE`; so are the block's sides, unless it ends where the
        planes end.
        """
        planes, (high, wide) = len(block), block.shape[1:3]
        for start, length, side in ((y, high, self.shape[1]), (x, wide, self.shape[2])):
            whole = length % SIDE == 0 or start + length == side
            if start % SIDE or start + length > side or not whole or planes != self.shape[0]:
                raise ValueError(f"a block of {block.shape} at {(y, x)} does not fit the tiles")
        places = [
            (plane, i, j)
            for plane in range(planes)
            for i in range(0, high, SIDE)
            for j in range(0, wide, SIDE)
        ]
        tiles = (block[plane, i : i + SIDE, j : j + SIDE] for plane, i, j in places)
        at = [(plane, (y + i) // SIDE, (x + j) // SIDE) for plane, i, j in places]
        self._append(0, at, tiles)

    def keep(self, rows: int) -> None:
        """Note that the first `rows` rows of pixels are written and need not be written again."""
        self._keep(0, -(-rows // SIDE) if rows == self.shape[1] else rows // SIDE)

    def finish(
        self,
        voxel_size: Sequence[float | None] = (None, None, None),
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Make the levels of the pyramid and the directories, and rename the file.

        Parameters
        ----------
        voxel_size
            (z, y, x) in um; None: not known.
        progress
            Is called with the rows of tiles of the levels that are done, and with all of them.

        Raises
        ------
        InputError
            The unfinished file is damaged; a size that is not above 0.
        """
        for size in voxel_size:
            if size is not None and not 0 < size < math.inf:
                raise InputError(f"voxel size {tuple(voxel_size)}: lengths in um are accepted")
        if self.rows < self.shape[1]:
            raise ValueError(f"{self.rows} of {self.shape[1]} rows were written")
        total = sum(grid.tiles[0] for grid in self._grids[1:])
        for level in range(1, len(self._grids)):
            for row in range(self._done[level], self._grids[level].tiles[0]):
                self._halve(level, row)
                self._keep(level, row + 1)
                if progress:
                    progress(sum(self._done[1:]), total)
        self._write_directories(tuple(voxel_size))
        os.replace(self._file.name, self.output)
        self.close()
        self._remove()

    # --- what is kept -----------------------------------------------------------------------------

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{self.output}: is being written by another process; another name is accepted"
            ) from None
        except OSError:  # a file system that has no locks
            pass

    def _begin(self) -> None:
        """Take up an unfinished file, or begin one."""
        last = self._grids[-1]
        tiles = last.first + self.shape[0]
        index, self._progress = self._folder / "index.npy", self._folder / "progress.json"
        self._done, self._end = [0] * len(self._grids), HEADER_BYTES
        size = os.fstat(self._file.fileno()).st_size
        try:
            told = json.loads(self._progress.read_text())
            same = {key: told[key] for key in self._known} == self._known
            if same and told["bytes"] <= size:
                self._index = np.load(index, mmap_mode="r+")
                if self._index.shape == (tiles, 3):
                    self._done, self._end = told["tile_rows"], told["bytes"]
        except (OSError, EOFError, ValueError, KeyError, TypeError):
            pass  # there is none, or it is damaged
        if self._end == HEADER_BYTES:
            self._progress.unlink(missing_ok=True)
            form = {"dtype": np.uint64, "shape": (tiles, 3)}  # offset, bytes, CRC-32 of each tile
            self._index = np.lib.format.open_memmap(index, "w+", **form)
        self._file.truncate(self._end)  # what no note tells of is written again

    def _remove(self) -> None:
        for name in ("pixels.part", "index.npy", "progress.json"):
            (self._folder / name).unlink(missing_ok=True)
        with suppress(OSError):  # it holds files of others
            self._folder.rmdir()

    def _keep(self, level: int, rows: int) -> None:
        self._done[level] = rows
        self._file.flush()  # what a kill leaves of it is in the system's hands
        write_json(self._progress, {**self._known, "bytes": self._end, "tile_rows": self._done})

    # --- tiles ------------------------------------------------------------------------------------

    def _place(self, level: int, plane: int, row: int, column: int) -> int:
        grid = self._grids[level]
        return grid.first + (plane * grid.tiles[0] + row) * grid.tiles[1] + column

    def _append(
        self, level: int, at: Iterable[tuple[int, int, int]], tiles: Iterable[np.ndarray]
    ) -> None:
        packed = self._pool.map(self._pack, tiles)
        for (plane, row, column), data in zip(at, packed, strict=True):
            place = self._place(level, plane, row, column)
            self._index[place] = self._end, len(data), zlib.crc32(data)
            self._file.write(data)
            self._end += len(data)

    def _pack(self, tile: np.ndarray) -> bytes:
        import imagecodecs

        beyond = [(0, SIDE - side) for side in tile.shape[:2]]
        tile = np.pad(tile, [*beyond, (0, 0)], mode="edge")  # a tile is never smaller
        data = imagecodecs.delta_encode(tile, axis=-2).tobytes()
        if self.compression == "zstd":
            return bytes(imagecodecs.zstd_encode(data, _LEVEL))
        return bytes(imagecodecs.deflate_encode(data, _LEVEL))

    def _unpack(self, place: int) -> np.ndarray:
        import imagecodecs

        offset, count, checksum = map(int, self._index[place])
        data = os.pread(self._file.fileno(), count, offset)
        if zlib.crc32(data) != checksum:
            raise InputError(f"{self._folder}: is damaged; delete it to start anew")
        size = SIDE * SIDE * 3
        decode = (
            imagecodecs.zstd_decode if self.compression == "zstd" else imagecodecs.deflate_decode
        )
        tile = np.frombuffer(decode(data, out=size), np.uint8).reshape(SIDE, SIDE, 3)
        return imagecodecs.delta_decode(tile, axis=-2)

    def _halve(self, level: int, row: int) -> None:
        """Make one row of tiles of a level, in all planes, from the level before it."""
        before = self._grids[level - 1]
        rows = range(2 * row, min(2 * row + 2, before.tiles[0]))
        columns = before.tiles[1]
        high = min(before.shape[0] - rows.start * SIDE, 2 * SIDE)
        for plane in range(self.shape[0]):
            places = [self._place(level - 1, plane, i, j) for i in rows for j in range(columns)]
            found = self._pool.map(self._unpack, places)
            pixels = np.empty((len(rows) * SIDE, columns * SIDE, 3), np.uint8)
            for number, tile in enumerate(found):
                i, j = (SIDE * k for k in divmod(number, columns))
                pixels[i : i + SIDE, j : j + SIDE] = tile
            halved = half(pixels[:high, : before.shape[1]])
            starts = range(0, halved.shape[1], SIDE)
            at = [(plane, row, column) for column in range(len(starts))]
            self._append(level, at, [halved[:, start : start + SIDE] for start in starts])

    # --- directories ------------------------------------------------------------------------------

    def _write_directories(self, voxel_size: tuple[float | None, ...]) -> None:
        """Append the directories and lead to them; what was appended before stays as it is."""
        self._file.flush()
        description = self._description(voxel_size)
        with open(self._file.name, "r+b") as file:
            file.seek(self._end)
            pages = []
            for plane in range(self.shape[0]):
                levels = [
                    self._directory(file, plane, level, voxel_size)
                    for level in range(1, len(self._grids))
                ]
                more = {270: (ASCII, description)} if plane == 0 else {}
                if levels:
                    more[330] = (IFD8, [at for at, _ in levels])
                pages.append(self._directory(file, plane, 0, voxel_size, more))
            link_directories(file, pages)

    def _directory(
        self,
        file: Any,
        plane: int,
        level: int,
        voxel_size: tuple[float | None, ...],
        more: dict[int, tuple[int, Any]] | None = None,
    ) -> tuple[int, int]:
        """Append one; give its place and that of its link to the next one."""
        grid = self._grids[level]
        first = self._place(level, plane, 0, 0)
        tiles = self._index[first : first + math.prod(grid.tiles)]
        known = None not in voxel_size[1:]
        y, x = (Fraction(1), Fraction(1))
        if known:
            whole = zip(voxel_size[1:], self.shape[1:], grid.shape, strict=True)
            y, x = (ratio(1e4 / size * now / before) for size, before, now in whole)
        tags: dict[int, tuple[int, Any]] = {
            254: (LONG, [int(level > 0)]),  # a smaller version of another image
            256: (LONG, [grid.shape[1]]),
            257: (LONG, [grid.shape[0]]),
            258: (SHORT, [8, 8, 8]),
            259: (SHORT, [COMPRESSIONS[self.compression]]),
            262: (SHORT, [2]),  # RGB
            277: (SHORT, [3]),
            282: (RATIONAL, [x]),  # pixels a centimetre
            283: (RATIONAL, [y]),
            284: (SHORT, [1]),  # the colours of a pixel stand together
            296: (SHORT, [3 if known else 1]),
            305: (ASCII, b"focusbench"),
            317: (SHORT, [2]),  # differences of neighbours
            322: (LONG, [SIDE]),
            323: (LONG, [SIDE]),
            324: (LONG8, tiles[:, 0]),
            325: (LONG8, tiles[:, 1]),
            **(more or {}),
        }
        return write_directory(file, tags)

    def _description(self, voxel_size: tuple[float | None, ...]) -> bytes:
        """OME-XML; its identifier is made of the content."""
        planes, high, wide = self.shape
        sizes = "".join(
            f' PhysicalSize{axis}="{float(size)!r}" PhysicalSize{axis}Unit="µm"'
            for axis, size in zip("ZYX", voxel_size, strict=True)
            if size is not None
        )
        content = hashlib.sha256(repr((self.shape, self.compression, sizes)).encode())
        content.update(np.ascontiguousarray(self._index[:, 1:]))
        identifier = uuid.UUID(bytes=content.digest()[:16], version=5)
        schema = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
        return (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f'<OME xmlns="{schema}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            f'xsi:schemaLocation="{schema} {schema}/ome.xsd" UUID="urn:uuid:{identifier}" '
            'Creator="focusbench"><Image ID="Image:0"><Pixels ID="Pixels:0" '
            f'DimensionOrder="XYCZT" Type="uint8" SizeX="{wide}" SizeY="{high}" SizeC="3" '
            f'SizeZ="{planes}" SizeT="1" Interleaved="true"{sizes}>'
            '<Channel ID="Channel:0:0" SamplesPerPixel="3"/>'
            f'<TiffData IFD="0" PlaneCount="{planes}"/></Pixels></Image></OME>'
        ).encode()


def half(image: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels of (Y, X, 3) uint8; of an odd side the last pixels are repeated."""
    high, wide = image.shape[:2]
    if high % 2 or wide % 2:
        image = np.pad(image, ((0, high % 2), (0, wide % 2), (0, 0)), mode="edge")
    total = image[::2, ::2].astype(np.uint16)
    for part in (image[::2, 1::2], image[1::2, ::2], image[1::2, 1::2]):
        total += part
    return ((total + 2) >> 2).astype(np.uint8)


def check_room(output: str | Path, shape: tuple[int, int, int]) -> str | None:
    """What to say if the disk may be too small for planes of `shape`: compression is not known."""
    needed = math.prod(shape) * 3 * 4 // 3  # with the levels
    free = shutil.disk_usage(Path(output).resolve().parent).free
    if needed <= free:
        return None
    return (
        f"{output}: {needed / 1e9:.0f} GB before compression, which often halves them; "
        f"{free / 1e9:.0f} GB are free"
    )
