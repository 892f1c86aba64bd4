"""Focal stacks of stained slides from a folder of one's own: RGB images of 8 bits a colour.

A folder is searched with all its subfolders. Accepted are, also beside each other,

* a multi-page TIFF for a field, a page a plane;
* a folder for a field with one image a plane (TIFF, PNG or JPEG). Where the names of all end in a
  number of their own (`z-2`, `slide_5`, `..._-5.jpg`), it is their layer and they are ordered by
  it; else by name. A hyphen is a sign at the start, after an underscore, and where another name
  has the same words before a number without one (`z-2` beside `z0`, but not `plane-8` beside
  `plane-9`). Images with "extended" in their names (the scanner's own extended focus) are left out;
* the layout of Ma et al.'s public patches, `{slide}/{layer}/{slide}_{x}_{y}_{layer}.jpg` with
  layers -5 to 5: a field for each slide, x and y, whichever folders its planes lie in.

A field's slide, by which data are to be split, is the first part of such a name, else the
folder's first name below the searched one, else (at the top) the field itself.

Layers that names tell have equal steps, and where one is negative, 0 is the middle one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from focusbench import images
from focusbench.data import foreground, rgb_image
from focusbench.data.rgb_image import Window
from focusbench.errors import InputError
from focusbench.files import is_file

ENDINGS = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
PATCH = re.compile(r"(?P<slide>[A-Za-z0-9.]+)_(?P<x>\d+)_(?P<y>\d+)_(?P<layer>-?\d+)")
NUMBER = re.compile(r"(?P<before>.*?)(?P<sign>[-+]?)(?P<digits>\d+)", re.DOTALL)
PATCH_LAYERS = tuple(map(str, range(-5, 6)))
PLANES = 11


class Plane(NamedTuple):
    """An image of a field."""

    path: Path
    page: int
    layer: int | None  # what its name tells


class Field(NamedTuple):
    """A field and its planes from the lowest to the highest."""

    id: str
    slide: str
    planes: tuple[Plane, ...]


def fields(directory: str | Path) -> dict[str, Field]:
    """Find the fields of a folder, by id: its name or path in the folder, `/` as `.`.

    Raises
    ------
    InputError
        No such folder, no image in it, or two images for one plane.
    """
    root = Path(directory).expanduser()
    if not root.is_dir():
        raise InputError(f"{directory}: there is no such folder; one with focal stacks is wanted")
    key = str(root.absolute())
    if key not in _scanned or _scanned[key][0] != _times(_scanned[key][0]):
        times = _times([root, *(place for place in root.rglob("*") if place.is_dir())])
        _scanned[key] = times, _scan(root, directory)
    return dict(_scanned[key][1])


def field(path: str | Path, name: str | None = None) -> Field:
    """Find one field.

    Parameters
    ----------
    path
        Without `name`, a multi-page TIFF, or a folder whose own images are the planes; what lies in
        its subfolders is not looked at. With `name`, a folder as `fields` searches it.
    name
        The field's id in the folder. One of the public patches is looked for where that layout has
        it first, so that the folder need not be searched.

    Raises
    ------
    InputError
        What `fields` refuses; no such file or field.
    """
    place = Path(path).expanduser()
    if name is not None:
        return _patch(place, name) or _known(fields(path), name, path)
    if place.is_dir():
        found = _sort(place, sorted(file for file in place.iterdir() if _is_image(file)))
        if len(found) != 1:
            raise InputError(
                f"{path}: holds {len(found) or 'no'} fields itself; a folder with one image a "
                "plane, a multi-page TIFF, or the id of a field in the folder is wanted"
            )
        return next(iter(found.values()))
    return _of(place.parent, place, [Plane(place, i, None) for i in range(rgb_image.pages(place))])


def check(one: Field, planes: int, place: str) -> None:
    """Check how many planes a field has, and that none lacks between or on one side.

    Parameters
    ----------
    one
        The field.
    planes
        How many it must have, odd.
    place
        What a message begins with: where the number stands.

    Raises
    ------
    InputError
        An even number, or another one than the field's; what `fault` tells.
    """
    if type(planes) is not int or planes < 1 or not planes % 2:
        raise InputError(f"{place}: planes is {planes!r}; accepted is an odd number of planes")
    if (told := fault(one, planes)) is not None:
        raise InputError(f"{place}: {told}")


def fault(one: Field, planes: int) -> str | None:
    """Say why a field is not a whole stack of so many planes; None: it is.

    Its number is another one; layers that its names tell have unequal steps, so that one is
    missing; or some are negative and the middle one is not 0.
    """
    layers = [plane.layer for plane in one.planes]
    told = f" ({', '.join(map(str, layers))})" if None not in layers else ""
    if len(layers) != planes:
        return f"field {one.id} has {len(layers)} planes{told}; {planes} are wanted"
    if not told or planes < 2:
        return None
    step = min(above - below for below, above in pairwise(layers))
    for below, above in pairwise(layers):
        if above - below != step:
            return (
                f"field {one.id} has no layer {below + step}, between {below} and {above}{told}; "
                "layers in equal steps are wanted"
            )
    middle = layers[planes // 2]
    if layers[0] < 0 and middle != 0:
        return (
            f"field {one.id} would have layer {middle} in the middle{told}; 0 is wanted there, "
            "with as many layers below as above it"
        )
    return None


def size(one: Field) -> tuple[int, int]:
    """Pixels (y, x) of a field's planes, of which only the heads are read.

    Raises
    ------
    InputError
        What `rgb_image.size` refuses, or planes of unequal size.
    """
    sizes = {path: rgb_image.sizes(path) for path in map(Path, files(one))}
    return equal(one, [sizes[plane.path][plane.page] for plane in one.planes])


def equal(one: Field, sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The one size (y, x) of a field's planes; unequal ones are refused (InputError)."""
    first = sizes[0]
    for plane, other in zip(one.planes, sizes, strict=True):
        if other != first:
            raise InputError(
                f"{_called(plane)}: is {other[1]} x {other[0]} pixels, but "
                f"{_called(one.planes[0], name=True)} is {first[1]} x {first[0]}; planes of one "
                "field have equal size"
            )
    return first


def read(one: Field, window: Window | None = None) -> np.ndarray:
    """Read a field, or a window of it, as uint8 (planes, Y, X, 3); errors as `stack`."""
    size(one)
    return np.stack([rgb_image.read(plane.path, plane.page, window) for plane in one.planes])


def source_files(sample: str, settings: Mapping[str, Any]) -> list[str]:
    """Files of a field; errors as `stack`."""
    return files(_find(sample, settings))


def files(one: Field) -> list[str]:
    """Files of a field, each once, in the order of its planes."""
    return list(dict.fromkeys(str(plane.path) for plane in one.planes))


def stack(sample: str, settings: Mapping[str, Any]) -> np.ndarray:
    """Read a field through focus, or a window of it.

    Parameters
    ----------
    sample
        A field's id.
    settings
        `directory`: the folder.
        `planes`: how many a field must have, odd; 11 if absent. The middle one is the input.
        `window`: first pixel (y, x) and `shape` (y, x) of the part that is read; all if absent.

    Returns
    -------
    numpy.ndarray
        uint8 (planes, Y, X, 3).

    Raises
    ------
    InputError
        What `fields` and `rgb_image.read` refuse; no such field; an even number of planes, a
        missing one, or one of another size.
    """
    return read(_find(sample, settings), _window(settings))


def windows(
    sample: str, settings: Mapping[str, Any], side: int, count: int, seed: int = 0
) -> list[tuple[int, int]]:
    """Choose windows with cells on the middle plane of a field, by `foreground.windows`.

    Only the windows that are looked at are read, so that a plane may be larger than the memory.
    """
    shape, look = middle(_find(sample, settings), side)
    try:
        return foreground.windows(look, shape, side, count, seed)
    except InputError as error:
        raise InputError(f"field {sample}: {error}") from None


def middle(one: Field, side: int) -> tuple[tuple[int, int], Callable[[int, int], np.ndarray]]:
    """Size (y, x) of a field's middle plane, and what reads its window that begins at (y, x)."""
    plane = one.planes[len(one.planes) // 2]

    def look(y: int, x: int) -> np.ndarray:
        return rgb_image.read(plane.path, plane.page, Window(y, x, side, side))

    return rgb_image.size(plane.path, plane.page), look


def from_grey(planes: np.ndarray, low: float, high: float) -> np.ndarray:
    """Show grey planes (such as those of BBBC006) as RGB: `low` becomes 0, `high` 255.

    Parameters
    ----------
    planes
        (planes, Y, X), counts.
    low, high
        Counts; what is outside is clipped.

    Returns
    -------
    numpy.ndarray
        uint8 (planes, Y, X, 3), the same value three times.

    Raises
    ------
    InputError
        Not three axes, or `high` not above `low`.
    """
    if planes.ndim != 3 or not high > low:
        raise InputError(
            f"grey planes: shape {planes.shape}, {low} to {high}; (planes, y, x) and a rising "
            "range are wanted"
        )
    grey = np.clip((planes.astype(np.float32) - low) / (high - low), 0, 1)
    return np.repeat(np.rint(255 * grey).astype(np.uint8)[..., None], 3, axis=-1)


# What was found is kept until a folder has another time of change: the public set is 275,000 files.
_scanned: dict[str, tuple[dict[Path, int], dict[str, Field]]] = {}


def _times(places: Iterable[Path]) -> dict[Path, int]:
    return {place: place.stat().st_mtime_ns if place.exists() else 0 for place in places}


def _scan(root: Path, directory: str | Path) -> dict[str, Field]:
    paths = sorted(path for path in root.rglob("*") if _is_image(path))
    if not paths:
        raise InputError(f"{directory}: no image in this folder; wanted are {', '.join(ENDINGS)}")
    return _sort(root, paths)


def _is_image(path: Path) -> bool:
    named = path.suffix.lower() in ENDINGS and not path.name.startswith(".")
    return named and path.is_file()


def _sort(root: Path, paths: list[Path]) -> dict[str, Field]:
    """Fields that images belong to."""
    patches: dict[str, list[Plane]] = {}
    folders: dict[Path, list[Path]] = {}
    found: dict[str, Field] = {}
    for path in paths:
        named = PATCH.fullmatch(path.stem)
        if named:
            key = f"{named['slide']}_{named['x']}_{named['y']}"
            patches.setdefault(key, []).append(Plane(path, 0, int(named["layer"])))
        elif "extended" in path.name.lower():
            continue
        elif path.suffix.lower() in (".tif", ".tiff") and (count := rgb_image.pages(path)) > 1:
            _put(found, _of(root, path, [Plane(path, page, None) for page in range(count)]))
        else:
            folders.setdefault(path.parent, []).append(path)
    for folder, inside in folders.items():
        _put(found, _of(root, folder, _ordered(inside)))
    for key, planes in patches.items():
        _put(found, _patch_field(key, planes))
    return dict(sorted(found.items()))


def _patch_field(key: str, planes: list[Plane]) -> Field:
    ordered = _distinct(key, sorted(planes, key=lambda plane: plane.layer))
    return Field(key, key.split("_")[0], tuple(ordered))


def _patch(root: Path, key: str) -> Field | None:
    """A field of the public patches, where their layout has it: `{slide}/{layer}` or `{layer}`."""
    if not PATCH.fullmatch(f"{key}_0"):
        return None
    for folder in (root / key.split("_")[0], root):
        planes = [
            Plane(path, 0, int(layer))
            for layer in PATCH_LAYERS
            if is_file(path := folder / layer / f"{key}_{layer}.jpg")
        ]
        if planes:
            return _patch_field(key, planes)
    return None


def _of(root: Path, place: Path, planes: list[Plane]) -> Field:
    """Name a field after its file or folder."""
    inside = place.relative_to(root)
    parts = [*inside.parts[:-1], inside.name.split(".")[0]] if place.is_file() else inside.parts
    name = ".".join(parts) or root.name
    return Field(re.sub(r"[^A-Za-z0-9._-]", "_", name), parts[0] if parts else name, tuple(planes))


def _put(found: dict[str, Field], one: Field) -> None:
    if one.id in found:
        raise InputError(
            f"{one.planes[0].path}: is a second field {one.id!r}, beside "
            f"{found[one.id].planes[0].path}; names of their own are wanted"
        )
    found[one.id] = one


def _ordered(files: list[Path]) -> list[Plane]:
    """Planes of a folder, by the numbers at the ends of their names."""
    numbers = [NUMBER.fullmatch(path.stem) for path in files]
    if all(numbers):
        bare = {number["before"] for number in numbers if number["sign"] != "-"}
        planes = []
        for path, number in zip(files, numbers, strict=True):
            before, layer = number["before"], int(number["digits"])
            signed = before in bare or not before or before.endswith("_")
            planes.append(Plane(path, 0, -layer if signed and number["sign"] == "-" else layer))
        return _distinct(str(files[0].parent), sorted(planes, key=lambda plane: plane.layer))
    return [
        Plane(path, 0, None) for path in sorted(files, key=lambda file: images.natural(file.name))
    ]


def _distinct(name: str, planes: list[Plane]) -> list[Plane]:
    for one, other in pairwise(planes):
        if one.layer == other.layer:
            raise InputError(
                f"{other.path}: is a second image of plane {other.layer} of {name}, beside "
                f"{one.path}; one of the two"
            )
    return planes


def _find(sample: str, settings: Mapping[str, Any]) -> Field:
    directory, wanted = settings.get("directory"), settings.get("planes", PLANES)
    if not directory:
        raise InputError("slides: directory is not set; a folder with focal stacks is wanted")
    one = _known(fields(directory), sample, directory)
    check(one, wanted, str(directory))
    return one


def _called(plane: Plane, name: bool = False) -> str:
    """What a message calls a plane: its file (or that one's name), and its page after the first."""
    page = f", page {plane.page}" if plane.page else ""
    return f"{plane.path.name if name else plane.path}{page}"


def _known(found: Mapping[str, Field], name: str, directory: str | Path) -> Field:
    if name not in found:
        there = ", ".join(list(found)[:8]) + (", ..." if len(found) > 8 else "")
        raise InputError(f"{directory}: holds no field {name!r}; there are {there}")
    return found[name]


def _window(settings: Mapping[str, Any]) -> Window | None:
    start, shape = settings.get("window"), settings.get("shape")
    if start is None and shape is None:
        return None
    for name, pair in (("window", start), ("shape", shape)):
        right = isinstance(pair, list | tuple) and len(pair) == 2
        if not right or not all(type(one) is int and one >= 0 for one in pair):
            raise InputError(f"slides: {name} is {pair!r}; accepted are two whole numbers, (y, x)")
    return Window(*start, *shape)
