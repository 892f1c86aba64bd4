"""The directories of a BigTIFF file, by the layout of TIFF 6.0 with offsets of 8 bytes."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, BinaryIO

import numpy as np

HEADER_BYTES = 16
ASCII, SHORT, LONG, RATIONAL, LONG8, IFD8 = 2, 3, 4, 5, 16, 18
"""TIFF's numbers of types."""
_FORMS = {SHORT: "<u2", LONG: "<u4", LONG8: "<u8", IFD8: "<u8"}


def write_directory(file: BinaryIO, tags: Mapping[int, tuple[int, Any]]) -> tuple[int, int]:
    """Write a directory where `file` stands, its long values before it.

    Parameters
    ----------
    file
        Open for writing at its end.
    tags
        By number: type, and values: bytes of ASCII or UTF-8, fractions (see `ratio`), or whole
        numbers.

    Returns
    -------
    tuple
        Place of the directory, and of its link to the next one, which leads nowhere yet.
    """
    entries = b""
    for tag, (kind, values) in sorted(tags.items()):
        count = len(values)
        if kind == ASCII:
            data, count = values + b"\0", count + 1
        elif kind == RATIONAL:
            data = b"".join(struct.pack("<II", v.numerator, v.denominator) for v in values)
        else:
            data = np.asarray(values, _FORMS[kind]).tobytes()
        if len(data) > 8:
            place = _aligned(file)
            file.write(data)
            data = struct.pack("<Q", place)
        entries += struct.pack("<HHQ8s", tag, kind, count, data.ljust(8, b"\0"))
    place = _aligned(file)
    file.write(struct.pack("<Q", len(tags)) + entries + struct.pack("<Q", 0))
    return place, place + 8 + len(entries)


def link_directories(file: BinaryIO, pages: Sequence[tuple[int, int]]) -> None:
    """Write the header, and let each page's directory lead to the next; as written before."""
    for (_, link), (place, _) in pairwise(pages):
        file.seek(link)
        file.write(struct.pack("<Q", place))
    file.seek(0)
    file.write(struct.pack("<2sHHHQ", b"II", 43, 8, 0, pages[0][0]))


def ratio(value: float) -> Fraction:
    """A positive number as TIFF holds it: by two whole numbers below 2^32."""
    return Fraction(round(value * 1000), 1000) if value < 1e6 else Fraction(round(value))


def _aligned(file: BinaryIO) -> int:
    """Place at the end, moved to a multiple of 8."""
    file.write(b"\0" * (-file.tell() % 8))
    return file.tell()
