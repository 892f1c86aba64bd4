"""Reading TIFF files that may be damaged, truncated or not what they claim.

A reader that fills what is missing with zeros, or takes the first pages of a file that is cut off
for the whole, would turn a broken download into a result. So the file's structure is walked and
every extent that it names is held against the file's size before any pixel is decoded.
"""

from __future__ import annotations

import hashlib
import logging
import math
import re
import struct
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree

import numpy as np

from focusbench.errors import InputError

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

VoxelSize = tuple[float, ...]

# No lossless compression that cameras use packs an empty image better (LZW 2700, deflate 1032).
MAX_COMPRESSION = 5000
CREATOR = "focusbench"  # of volumes of our own
# Lengths as OME-TIFF and ImageJ name them, in um.
UNITS = {
    **dict.fromkeys(("µm", "μm", "um", "micron", "microns", "micrometer", "\\u00B5m"), 1.0),
    **{"pm": 1e-6, "nm": 1e-3, "mm": 1e3, "cm": 1e4, "m": 1e6, "inch": 25400.0},
}


class Pages(NamedTuple):
    """Pixels of all pages, and what the file tells of their size."""

    array: np.ndarray  # (pages, Y, X), or (pages, Y, X, 3); (Y, X) of a single image
    voxel_size: VoxelSize | None  # um, (z, y, x); (y, x) of a single image


def read(path: Path, axes: str = "ZYX") -> Pages:
    """Read all pages of an existing file.

    Parameters
    ----------
    path
        TIFF, BigTIFF, OME-TIFF or ImageJ file.
    axes
        "ZYX": grey pages are wanted; "ZYXC": RGB; "YX": one grey page.

    Returns
    -------
    Pages
        In the file's own type (bilevel as uint8).

    Raises
    ------
    InputError
        Truncated, damaged, not a TIFF; colour other than wanted; unequal pages; more than one axis
        beside Y and X; a compression whose decoder is not installed; NaN or infinite values.
    """
    with opened(path) as tif:
        _check_pages(path, tif, axes)
        sizes = _check_metadata(path, tif)
        if axes == "YX" and len(tif.pages) != 1:
            raise InputError(f"{path}: holds {len(tif.pages)} images; a single one is wanted")
        array = np.empty((len(tif.pages), *tif.pages[0].shape), tif.pages[0].dtype)
        for z, page in enumerate(tif.pages):
            array[z] = page.asarray(maxworkers=1)
        _check_identifier(path, tif, array)
    check_finite(path, array)
    array = array.astype(np.uint8) if array.dtype == bool else array
    if axes == "YX":
        return Pages(array[0], _all_positive(sizes[1:]))
    return Pages(array, _all_positive(sizes))


def own_metadata(axes: str, voxel_size: VoxelSize | None) -> dict[str, Any]:
    """What FocusBench tells of its own volumes; `voxel_size` in um, as many as axes but C."""
    metadata: dict[str, Any] = {"axes": axes.replace("C", "S"), "Creator": CREATOR}
    for axis, size in zip(axes.removesuffix("C"), voxel_size or (), strict=bool(voxel_size)):
        metadata[f"PhysicalSize{axis}"] = size
        metadata[f"PhysicalSize{axis}Unit"] = "µm"
    return metadata


def identifier(array: np.ndarray, metadata: Mapping[str, Any]) -> str:
    """UUID of a volume of our own, made of its content: equal content, equal bytes."""
    content = hashlib.sha256(repr((array.shape, array.dtype.str, dict(metadata))).encode())
    content.update(np.ascontiguousarray(array).data)
    return str(uuid.UUID(bytes=content.digest()[:16], version=5))


@contextmanager
def opened(path: Path) -> Iterator[TiffFile]:
    """Open a file whose structure holds together; what goes wrong inside is one line."""
    import tifffile

    try:
        pages = _count_pages(path)
        with silent("tifffile"), tifffile.TiffFile(path, _multifile=False) as tif:
            if len(tif.pages) != pages:
                raise InputError(f"{path}: is truncated or damaged: not all its pages can be read")
            yield tif
    except InputError:
        raise
    except Exception as error:  # the decoder raises nearly anything on a damaged file
        raise InputError(f"{path}: {damage(error)}") from None


def damage(error: Exception) -> str:
    """What a decoder's exception says of a file, on one line."""
    first = (str(error).splitlines() or [""])[0]
    if isinstance(error, ImportError) or "imagecodecs" in first:
        return f"its compression needs the package imagecodecs ({first})"
    return f"is damaged or of a kind that cannot be read ({type(error).__name__}: {first[:200]})"


def check_finite(path: str | Path, array: np.ndarray) -> None:
    """Refuse NaN and infinite values."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError(f"{path}: holds NaN or infinite values; only finite ones are accepted")


def check_claim(path: Path, claimed: int, compressed: bool) -> None:
    """Refuse a header that claims more bytes of pixels than the file can hold."""
    size = path.stat().st_size
    if claimed > size * (MAX_COMPRESSION if compressed else 1):
        raise InputError(
            f"{path}: claims an image of {claimed} bytes but is a file of {size} bytes; it is "
            "truncated or damaged"
        )


@contextmanager
def silent(name: str) -> Iterator[None]:
    """Keep a library's warnings from standard error: what matters is checked and raised here."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


# --- structure ------------------------------------------------------------------------------------

VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
VALUE_BYTES |= {13: 4, 16: 8, 17: 8, 18: 8}  # by TIFF's numbers of types; the last are BigTIFF's
SEGMENTS = (273, 279, 324, 325)  # tags: where strips and tiles begin, and their lengths


def _count_pages(path: Path) -> int:
    """Count the pages by walking the chain of directories.

    Each directory, and each value that it points to, must lie within the file.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        order = {b"II": "<", b"MM": ">"}.get(file.read(2))
        head = file.read(6)
        version = struct.unpack(order + "H", head[:2])[0] if order and len(head) == 6 else 0
        if order is None or version not in (42, 43):
            raise InputError(f"{path}: is not a TIFF image, or is truncated (wrong first bytes)")
        big = version == 43
        # number of entries; tag, type, count and value or its offset; offset of the next
        counter, entry, pointer = ("Q", "HHQQ", "Q") if big else ("H", "HHII", "I")

        def unpack(form: str, offset: int, repeat: int = 1) -> list[tuple[int, ...]]:
            length = struct.calcsize(order + form) * repeat
            if offset + length > size:
                raise InputError(f"{path}: is truncated: a page's header is beyond the file's end")
            file.seek(offset)
            return list(struct.iter_unpack(order + form, file.read(length)))

        seen: set[int] = set()
        listed = 0  # bytes of headers and of tables of strips or tiles
        overlap = InputError(f"{path}: is truncated or damaged: its pages' headers overlap")
        [(offset,)] = unpack(pointer, 8 if big else 4)
        while offset:
            if offset in seen:
                raise InputError(f"{path}: is damaged: its pages' headers form a loop")
            seen.add(offset)
            [(entries,)] = unpack(counter, offset)
            offset += struct.calcsize(order + counter)
            listed += struct.calcsize(order + entry) * entries
            if listed > size:  # else their walk takes the square of the file's size
                raise overlap
            for tag, kind, count, at in unpack(entry, offset, entries):
                length = VALUE_BYTES.get(kind, 0) * count
                if length > (8 if big else 4) and at + length > size:
                    raise InputError(
                        f"{path}: is truncated: tag {tag} of a page is beyond the file's end"
                    )
                listed += length if tag in SEGMENTS else 0
            if listed > size:
                raise overlap
            [(offset,)] = unpack(pointer, offset + struct.calcsize(order + entry) * entries)
    if not seen:
        raise InputError(f"{path}: is truncated: it has no page")
    return len(seen)


def _check_pages(path: Path, tif: TiffFile, axes: str) -> None:
    """Check every page's header against the first, against what is wanted and the file's size."""
    first = tif.pages[0]
    if first.dtype is None or first.dtype.kind not in "buif":
        raise InputError(f"{path}: holds {first.dtype} values; images of real numbers are wanted")
    claimed = 0
    for index, page in enumerate(tif.pages):
        page = page.aspage()
        _check_colour(path, page, axes)
        if page.shape != first.shape or page.dtype != first.dtype:
            raise InputError(
                f"{path}: page {index} is {page.shape} {page.dtype}, but page 0 is {first.shape} "
                f"{first.dtype}; pages of equal size and type are wanted"
            )
        if len(page.shape) != (3 if axes == "ZYXC" else 2):
            raise InputError(f"{path}: page {index} has the shape {page.shape}; {axes} is wanted")
        claimed += decoded_bytes(page)
        check_segments(path, index, page)
    check_claim(path, claimed, compressed=first.compression != 1 or first.dtype == bool)


def _check_colour(path: Path, page: TiffPage, axes: str) -> None:
    photometric = int(page.photometric) if "PhotometricInterpretation" in page.tags else 1
    if axes == "ZYXC":
        if photometric != 2 or page.samplesperpixel != 3 or page.planarconfig != 1:
            raise InputError(f"{path}: is not RGB; a colour image of three samples is wanted")
    elif photometric == 2 or page.samplesperpixel > 1 or photometric in (3, 6):
        raise InputError(
            f"{path}: is in colour (RGB or a palette), or has several samples or pages stored as "
            "one image; grey images are wanted"
        )
    elif photometric != 1:
        raise InputError(
            f"{path}: stores black as its largest value or raw sensor data (photometric "
            f"interpretation {photometric}); grey images with black as 0 are wanted"
        )


def decoded_bytes(page: TiffPage) -> int:
    """Bytes that a page takes when decoded: its tiles may be larger than the image."""
    if not page.is_tiled:
        return page.nbytes
    values = math.prod(page.chunked) * math.prod(page.chunks)
    return max(page.nbytes, values * -(-page.bitspersample // 8))


def check_segments(path: Path, index: int, page: TiffPage) -> None:
    """Check that the strips or tiles of a page are all there, within the file."""
    size = path.stat().st_size
    segments = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    whole = all(isinstance(number, int) for segment in segments for number in segment)
    missing = not whole or len(segments) < int(np.prod(page.chunked))
    missing = missing or any(
        offset <= 0 or count <= 0 or offset + count > size for offset, count in segments
    )
    row_bits = page.imagewidth * page.bitspersample * page.samplesperpixel
    if page.compression == 1:
        missing = missing or sum(page.databytecounts) < page.imagelength * (-(-row_bits // 8))
    if missing:
        raise InputError(
            f"{path}: is truncated or has holes: pixels of page {index} are not in the file "
            f"of {size} bytes"
        )


# --- metadata -------------------------------------------------------------------------------------


def first_image(tif: TiffFile) -> tuple[int, VoxelSize | None]:
    """Planes that the metadata tell of the first image, and the (y, x) of its pixel, um, or None.

    Read are OME-XML, ImageJ's description and Aperio's ("MPP = 0.243"). Other files count as one
    plane; the resolution that they may tell is a screen's or a printer's more often than not.
    """
    planes, sizes = 1, [0.0, 0.0]
    first = tif.pages[0]
    if tif.is_ome and (images := _ome_images(tif.ome_metadata or "")):
        planes = int(images[0].get("SizeZ", 1)) * int(images[0].get("SizeT", 1))
        sizes = _ome_sizes(images[0])[1:]
    elif tif.is_imagej:
        counts, sizes = _imagej(tif)
        planes, sizes = int(np.prod(list(counts.values()))), sizes[1:]
    elif tif.is_svs and (told := re.search(r"\bMPP\s*=\s*([0-9]+\.?[0-9]*)", first.description)):
        sizes = [float(told[1])] * 2
    return planes, _all_positive(sizes)


def _check_metadata(path: Path, tif: TiffFile) -> list[float]:
    """Check the planes that the metadata tells against the pages; give the voxel's (z, y, x), um.

    0 stands for a side that is not told.
    """
    if tif.is_ome:
        counts, sizes = _ome(path, tif.ome_metadata or "")
    elif tif.is_imagej:
        counts, sizes = _imagej(tif)
    else:
        return [0.0, 0.0, 0.0]
    pages = len(tif.pages)
    told = " x ".join(f"{count} {axis}" for axis, count in counts.items())
    if int(np.prod(list(counts.values()))) != pages:
        raise InputError(
            f"{path}: tells of {told} planes but holds {pages} pages; it is truncated, or the rest "
            "is in other files"
        )
    if sum(count > 1 for count in counts.values()) > 1:
        raise InputError(f"{path}: holds {told} planes; one axis beside Y and X is accepted")
    return sizes


def _check_identifier(path: Path, tif: TiffFile, array: np.ndarray) -> None:
    """Hold the content of a volume of our own against its identifier.

    Two places name its writer, so that one of them that is damaged hides nothing. A pyramid's
    identifier is made otherwise: it is known by its tiles.
    """
    first = tif.pages[0]
    xml = tif.ome_metadata if tif.is_ome else None
    root = ElementTree.fromstring(xml) if xml else ElementTree.Element("OME")
    if first.is_tiled or CREATOR not in (root.get("Creator"), first.software):
        return
    shapes = [("ZYXC" if array.ndim == 4 else "ZYX", array)]
    if array.ndim == 3 and len(array) == 1:
        shapes.append(("YX", array[0]))  # a single image
    for pixels in _ome_images(xml) if xml else []:
        told = {
            key: value if key.endswith("Unit") else float(value)
            for axis in "ZYX"
            for key in (f"PhysicalSize{axis}", f"PhysicalSize{axis}Unit")
            if (value := pixels.get(key)) is not None
        }
        for axes, content in shapes:
            made = identifier(content, {**own_metadata(axes, None), **told})
            if root.get("UUID") == f"urn:uuid:{made}":
                return
    raise InputError(
        f"{path}: is damaged: its content is not what FocusBench wrote there (its identifier "
        "tells); make it anew, or save it with another program if it was changed on purpose"
    )


def _ome(path: Path, xml: str) -> tuple[dict[str, int], list[float]]:
    images = _ome_images(xml)
    if len(images) != 1:
        raise InputError(f"{path}: its metadata tell of {len(images)} images; one is accepted")
    pixels = images[0]
    samples = sum(int(e.get("SamplesPerPixel", 1)) for e in pixels if e.tag.endswith("}Channel"))
    counts = {axis: int(pixels.get(f"Size{axis}", 1)) for axis in "ZCT"}
    if samples == counts["C"] == 3:
        counts["C"] = int(sum(e.tag.endswith("}Channel") for e in pixels))
    for data in pixels:
        if data.tag.endswith("}TiffData"):
            first = max(int(data.get(f"First{axis}", 0)) for axis in "ZCT")
            if first != int(data.get("IFD", 0)):
                raise InputError(f"{path}: its pages are not in the order of its planes")
    return counts, _ome_sizes(pixels)


def _ome_images(xml: str) -> list[ElementTree.Element]:
    return [e for e in ElementTree.fromstring(xml).iter() if e.tag.endswith("}Pixels")]


def _ome_sizes(pixels: ElementTree.Element) -> list[float]:
    sizes = []
    for axis in "ZYX":
        value = pixels.get(f"PhysicalSize{axis}")
        factor = UNITS.get(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        sizes.append(float(value) * factor if value and factor else 0.0)
    return sizes


def _imagej(tif: TiffFile) -> tuple[dict[str, int], list[float]]:
    told: Mapping[str, object] = tif.imagej_metadata or {}
    counts = {key: int(told.get(key, 1)) for key in ("slices", "channels", "frames")}
    if set(counts.values()) == {1}:
        counts = {"images": int(told.get("images", 1))}
    factor = UNITS.get(str(told.get("unit", "")), 0.0)
    spacing = float(told.get("spacing", 0.0))
    y, x = reversed(tif.pages[0].resolution)  # pixels a unit
    sizes = [spacing * factor, factor / y if y else 0.0, factor / x if x else 0.0]
    # the file holds a ratio of integers
    return counts, [float(f"{size:.6g}") for size in sizes]


def _all_positive(sizes: list[float]) -> VoxelSize | None:
    return tuple(sizes) if all(0 < size < np.inf for size in sizes) else None
