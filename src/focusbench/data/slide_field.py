"""One focal stack of a stained slide of a user's own, as a configuration describes it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from focusbench.data import grey_planes, slides
from focusbench.data.rgb_image import Window
from focusbench.data.slides import Field
from focusbench.errors import InputError

LEAST_SIDE = 32  # px, as of the synthetic fields


def source_files(entry: Mapping[str, Any]) -> list[str]:
    """Files of an entry's field, in the order of its planes; errors as `slides.field`."""
    return slides.files(_find(entry))


def read(entry: Mapping[str, Any]) -> np.ndarray:
    """Read the field, or its window.

    Parameters
    ----------
    entry
        `path`, `field`
            A file or folder, and the field in it, as `slides.field` takes them.
        `planes`
            How many the field must have, odd; 11 if absent. The middle one is the input.
        `window`
            First pixel (y, x), height and width of the part that is read; all if absent or None.
        `grey`
            None or absent: planes are RGB of 8 bits a colour. Two counts, that become 0 and 255:
            planes are grey, of any depth, and get three equal colours.

    Returns
    -------
    numpy.ndarray
        uint8 (planes, Y, X, 3), from the lowest focus to the highest.

    Raises
    ------
    InputError
        No such file or field; another number of planes, or planes of unequal size; a window that is
        not inside; grey, RGBA or 16-bit planes where RGB is wanted, colour where grey is; damage.
    """
    shape(entry, str(entry["path"]))
    one, window, grey = _find(entry), _window(entry, "slides"), _grey(entry, "slides")
    if grey is None:
        return slides.read(one, window)
    counts = np.stack(grey_planes.read([(plane.path, plane.page) for plane in one.planes]))
    if window is not None:
        rows = slice(window.top, window.top + window.height)
        columns = slice(window.left, window.left + window.width)
        counts = counts[:, rows, columns]
    return slides.from_grey(counts, *grey)


def planes(entry: Mapping[str, Any]) -> int:
    """How many planes an entry's field must have."""
    return entry.get("planes", slides.PLANES)


def shape(entry: Mapping[str, Any], place: str = "slides") -> tuple[int, int]:
    """Pixels (y, x) of what `read` gives; only the heads of files are read; errors as `check`."""
    one, window, grey = _find(entry), _window(entry, place), _grey(entry, place)
    slides.check(one, planes(entry), place)
    size = _size(one, grey is not None, str(entry["path"]))
    _check_inside(size, window, place)
    return size if window is None else (window.height, window.width)


def check(entry: Mapping[str, Any], place: str) -> None:
    """Look at an entry and the heads of its files, before any work starts.

    Parameters
    ----------
    entry
        As for `read`.
    place
        Where it stands, for a message.

    Raises
    ------
    InputError
        What `read` refuses and heads tell; sides that are odd, which cannot be halved, or small.
    """
    found = shape(entry, place)
    if min(found) < LEAST_SIDE or found[0] % 2 or found[1] % 2:
        whole = entry.get("window") is None
        raise InputError(
            f"{place}.window: {'the whole field has' if whole else 'has'} {found[1]} x {found[0]} "
            f"pixels (x, y); accepted are even sides from {LEAST_SIDE}, to be halved"
            f"{': a window of the field has them' if whole else ''}"
        )


def _find(entry: Mapping[str, Any]) -> Field:
    path = str(entry["path"])
    return _field(path, entry.get("field"), _stamp(path))


def _size(one: Field, grey: bool, path: str) -> tuple[int, int]:
    return _heads(one, grey, _stamp(path))


def _stamp(path: str) -> Any:
    """What a cache knows a file's state by: many windows may be of one. Folders are always new."""
    place = Path(path).expanduser()
    if not place.is_file():
        return object()
    told = place.stat()
    return told.st_mtime_ns, told.st_size


@lru_cache(maxsize=256)
def _field(path: str, name: str | None, stamp: Any) -> Field:
    return slides.field(path, name)


@lru_cache(maxsize=256)
def _heads(one: Field, grey: bool, stamp: Any) -> tuple[int, int]:
    """Pixels (y, x) of the planes."""
    if grey:
        known = {path: grey_planes.sizes(Path(path)) for path in slides.files(one)}
        return slides.equal(one, [known[str(plane.path)][plane.page] for plane in one.planes])
    try:
        return slides.size(one)
    except InputError as error:
        hint = "; grey planes want `grey`, [low, high]" if ": is grey;" in str(error) else ""
        raise InputError(f"{error}{hint}") from None


def _check_inside(size: tuple[int, int], window: Window | None, place: str) -> None:
    if window is None:
        return
    ends = window.top + window.height, window.left + window.width
    if min(window.height, window.width) < 1 or ends[0] > size[0] or ends[1] > size[1]:
        raise InputError(
            f"{place}.window: {window.width} x {window.height} pixels from row {window.top}, "
            f"column {window.left} are not inside the field of {size[1]} x {size[0]}"
        )


def _window(entry: Mapping[str, Any], place: str) -> Window | None:
    given = entry.get("window")
    if given is None:
        return None
    right = isinstance(given, list | tuple) and len(given) == 4
    if not right or not all(type(one) is int and one >= 0 for one in given):
        raise InputError(
            f"{place}.window: {given!r} is not accepted; four whole numbers: first pixel (y, x), "
            "height, width"
        )
    return Window(*given)


def _grey(entry: Mapping[str, Any], place: str) -> tuple[float, float] | None:
    given = entry.get("grey")
    if given is None:
        return None
    if len(given) != 2 or not given[0] < given[1]:
        raise InputError(f"{place}.grey: {given!r} is not accepted; two rising counts, [low, high]")
    return float(given[0]), float(given[1])
