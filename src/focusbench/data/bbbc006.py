"""BBBC006: fields of U2OS nuclei (Hoechst) in focus and through focus, of a folder.

The folder is the user's, or `FOLDER` in the working directory, which `focusbench.data.bbbc006_home`
fills with the collection's archives, one a plane. It may hold single images in focus, planes of
stacks, in folders of their own or with the plane in their names, and archives as they were
downloaded, of which only the images that are asked for are unpacked.

The collection: image set BBBC006v1 of the Broad Bioimage Benchmark Collection (Ljosa et al., Nature
Methods 9, 637, 2012): 384 wells, 2 sites, 34 planes (z_00 to z_33) 2 um apart, 696 x 520 pixels, 12
bits in 16-bit files; nominal focus z_16. As He et al. 2020 (2.1), the plane of a stack whose counts
have the largest standard deviation is taken as in focus.
"""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from focusbench.data import bbbc006_names, camera_image, checksums
from focusbench.data.bbbc006_names import Name
from focusbench.errors import InputError

KEY = "data.bbbc006.directory"
FOLDER = "data/bbbc006"
PREFIX = "bbbc006_"  # of a sample's id
PLANES = range(34)
FOCUS = 16  # nominal
STEP = 2.0  # um from plane to plane
HOECHST = 1
LARGEST = 64 << 20  # bytes that an unpacked image may have
ENDINGS = (".png", ".tif", ".tiff", ".zip")


class Source(NamedTuple):
    """An image: a file, or a member of an archive."""

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return f"{self.path}: {self.member}" if self.member else str(self.path)


class Field(NamedTuple):
    """A field and its images; nothing has been read."""

    id: str  # such as a01_s1
    focused: Source | None  # an image said to be in focus
    planes: Mapping[int, Source]  # of the stack, by index, in order

    @property
    def has_focus(self) -> bool:
        """Whether an image in focus can be had: one said to be, a stack, or the nominal plane."""
        return self.focused is not None or len(self.planes) > 2 or list(self.planes) == [FOCUS]


class Stack(NamedTuple):
    """A field through focus."""

    array: np.ndarray  # uint16 (Z, Y, X), counts
    planes: np.ndarray  # int (Z,), indices of the planes
    focus: int  # index of the plane in focus

    @property
    def distance(self) -> np.ndarray:
        """Of each plane from the one in focus, um, float64 (Z,)."""
        return STEP * np.abs(self.planes - self.focus).astype(np.float64)


# --- samples --------------------------------------------------------------------------------------


def names() -> list[str]:
    """Ids of all 768 samples, bbbc006_a01_s1 to bbbc006_p24_s2, be they there or not."""
    return [PREFIX + field for field in bbbc006_names.ids()]


def archives(planes: list[int] | None = None) -> list[str]:
    """Paths of the archives that these planes need (None: the nominal focus), in `FOLDER`.

    Raises
    ------
    InputError
        A plane that the collection does not have.
    """
    return [f"{FOLDER}/{archive_name(plane)}" for plane in _wanted(planes) or [FOCUS]]


def archive_name(plane: int) -> str:
    """Name of a plane's archive at its home."""
    return f"BBBC006_v1_images_z_{plane:02d}.zip"


def source_files(sample: str, settings: Mapping[str, Any]) -> list[str]:
    """Files of a sample: the user's, or the archives in `FOLDER`, be they there yet or not.

    `settings` as for `field`.

    Raises
    ------
    InputError
        Unknown sample, no such folder, or nothing of the sample in it.
    """
    directory = settings.get("directory")
    if not directory:
        _field_id(sample)
        return archives(settings.get("planes"))
    one = find(sample, settings)
    used = [one.focused] if one.focused and not settings.get("planes") else one.planes.values()
    return list(dict.fromkeys(str(source.path) for source in used))


def field(sample: str, settings: Mapping[str, Any]) -> np.ndarray:
    """Read a sample in focus.

    Parameters
    ----------
    sample
        Such as bbbc006_a01_s1.
    settings
        `directory`
            Folder with the images or archives; `FOLDER` if absent or None.
        `planes`
            Indices of the planes that are used, all of which must be there; those that are there if
            absent. Without a folder: the archives that are used, z_16 if absent.

    Returns
    -------
    numpy.ndarray
        uint16 (Y, X), counts.

    Raises
    ------
    InputError
        Unknown sample; no such folder, or no image of BBBC006 in it; planes missing; an image that
        `camera_image.read` refuses; a damaged archive; a stack without its focus.
    """
    return read(find(sample, settings))


def stack(sample: str, settings: Mapping[str, Any]) -> Stack:
    """Read a sample through focus; see `field`."""
    return read_stack(find(sample, settings))


def find(sample: str, settings: Mapping[str, Any]) -> Field:
    """Images of a sample; see `field`."""
    wanted, planes = _field_id(sample), _wanted(settings.get("planes"))
    directory = settings.get("directory")
    if directory:
        found = _scan(directory)
    else:
        paths = [Path(path) for path in archives(settings.get("planes"))]
        for path in paths:
            if not path.is_file():
                raise InputError(
                    f"{KEY}: is not set, and sample {sample!r} needs {path.name}; set {KEY} to a "
                    "folder with images of BBBC006, or let the workflow download it: snakemake "
                    f"--cores 1 {path}"
                )
            checksums.check(path)
        found = _sorted((name, source) for path in paths for name, source in _members(path, wanted))
    where = directory or FOLDER
    if wanted not in found:
        there = ", ".join(list(found)[:8]) + (", ..." if len(found) > 8 else "")
        raise InputError(
            f"{where}: holds no image of field {wanted} (w1); fields that are there: {there}"
        )
    one = found[wanted]
    if planes:
        missing = [f"z_{plane:02d}" for plane in planes if plane not in one.planes]
        if missing:
            raise InputError(
                f"{where}: field {wanted} lacks its planes {', '.join(missing)}; there are "
                f"{_told(one.planes)}"
            )
        one = Field(one.id, None, {plane: one.planes[plane] for plane in sorted(planes)})
    return one


# --- folders and archives -------------------------------------------------------------------------


def fields(directory: str | Path) -> list[Field]:
    """Fields of a folder of which an image in focus can be had, in order.

    Raises
    ------
    InputError
        No such folder, no image of BBBC006 in it, none in focus, two images of one plane, or a
        damaged archive.
    """
    found = [one for one in _scan(directory).values() if one.has_focus]
    if not found:
        raise InputError(
            f"{directory}: of no field an image in focus can be had; a stack of three planes or "
            f"more, plane z_{FOCUS} or a BBBC006_z_aligned image is wanted"
        )
    return found


def defocused(directory: str | Path) -> list[tuple[str, int, Source]]:
    """All planes of stacks in a folder: field, index, image (see `open_image`); errors as above."""
    return [
        (one.id, plane, source)
        for one in _scan(directory).values()
        for plane, source in one.planes.items()
    ]


def read(one: Field) -> np.ndarray:
    """Read a field in focus, uint16 (Y, X); errors as `field`."""
    if one.focused is not None:
        return open_image(one.focused)
    if list(one.planes) == [FOCUS]:
        return open_image(one.planes[FOCUS])
    through = read_stack(one)
    return through.array[list(one.planes).index(through.focus)].copy()


def read_stack(one: Field) -> Stack:
    """Read a field through focus and find its focus.

    Raises
    ------
    InputError
        What `field` refuses; fewer than three planes; planes of unequal size; or the plane of
        largest standard deviation is the first or the last: the focus may lie beyond.
    """
    if len(one.planes) < 3:
        raise InputError(
            f"field {one.id}: has the planes {_told(one.planes) or 'none'}; at least three are "
            "wanted to find the focus"
        )
    planes, images = list(one.planes), []
    for source in one.planes.values():
        images.append(open_image(source))
        if images[-1].shape != images[0].shape:
            raise InputError(
                f"{source}: has the shape {images[-1].shape}, but plane z_{planes[0]:02d} "
                f"{images[0].shape}; planes of equal size are wanted"
            )
    array = np.stack(images)
    sharpest = int(np.argmax([plane.std(dtype=np.float64) for plane in array]))
    if sharpest in (0, len(planes) - 1):
        raise InputError(
            f"field {one.id}: of the planes {_told(planes)} the outermost z_{planes[sharpest]:02d} "
            "has the largest standard deviation; planes on both sides of the focus are wanted"
        )
    return Stack(array, np.array(planes), planes[sharpest])


def open_image(source: Source) -> np.ndarray:
    """Read an image, uint16 (Y, X); of an archive, only this member is unpacked.

    Raises
    ------
    InputError
        What `camera_image.read` refuses, or a damaged archive.
    """
    if source.member is None:
        return camera_image.read(source.path)
    with _opened(source.path) as archive, tempfile.TemporaryDirectory() as folder:
        size = archive.getinfo(source.member).file_size
        if size > LARGEST:
            raise InputError(f"{source}: has {size} bytes unpacked; up to {LARGEST} are accepted")
        path = Path(folder) / "image"  # never under a name that the archive gives
        path.write_bytes(archive.read(source.member))  # checks the member's CRC
        return camera_image.read(path, name=str(source))


_scanned: dict[str, tuple[dict[Path, int], dict[str, Field]]] = {}


def _scan(directory: str | Path) -> dict[str, Field]:
    """Fields of a folder, its subfolders and archives, by id.

    The whole collection is 26,000 files, and a plan asks for each of its fields: what was found is
    kept until a folder or an archive has another time of change.
    """
    root = Path(directory).expanduser()
    if not root.is_dir():
        raise InputError(f"{directory}: there is no such folder; one with BBBC006 is wanted")
    key = str(root.absolute())
    if key in _scanned and _scanned[key][0] == _times(_scanned[key][0]):
        return _scanned[key][1]
    places = [root, *(place for place in root.rglob("*") if place.is_dir())]
    times = _times([*places, *root.rglob("*.zip")])  # before looking: what changes after is seen
    found = _look(root, directory)
    _scanned[key] = (times, found)
    return found


def _times(places: Iterable[Path]) -> dict[Path, int]:
    return {place: place.stat().st_mtime_ns if place.exists() else 0 for place in places}


def _look(root: Path, directory: str | Path) -> dict[str, Field]:
    paths = sorted(
        path
        for path in root.rglob("*")
        if path.suffix.lower() in ENDINGS and not path.name.startswith(".") and path.is_file()
    )
    if not paths:
        raise InputError(f"{directory}: no image in this folder; wanted are {', '.join(ENDINGS)}")
    found = list(_named(paths))
    if not found:
        raise InputError(
            f"{directory}: none of its {len(paths)} files is named as images of BBBC006 are (w1); "
            f"accepted are names such as {bbbc006_names.ACCEPTED}, and archives such as "
            f"{archive_name(0)}"
        )
    return _sorted(found)


def _named(paths: list[Path]) -> Iterator[tuple[Name, Source]]:
    for path in paths:
        if path.suffix.lower() == ".zip":
            if bbbc006_names.ARCHIVE.fullmatch(path.name):
                yield from _members(path)
            continue
        name = bbbc006_names.parse(path.absolute().as_posix())
        if name and name.wavelength == HOECHST:
            yield name, Source(path)


def _members(path: Path, field: str | None = None) -> Iterator[tuple[Name, Source]]:
    """Hoechst images of an archive (of one field), whose plane is that of the archive's name."""
    plane = int(bbbc006_names.ARCHIVE.fullmatch(path.name)["plane"])
    with _opened(path) as archive:
        members = archive.namelist()
    for member in members:
        place = PurePosixPath(member.replace("\\", "/"))
        if place.is_absolute() or ".." in place.parts:
            raise InputError(
                f"{path}: names {member!r}, which is outside of it; an archive as its home has it "
                "is wanted"
            )
        if place.name.startswith("."):
            continue
        name = bbbc006_names.parse(f"z_{plane:02d}/{place.name}")
        if name is None or name.wavelength != HOECHST or field not in (None, name.field):
            continue
        told = bbbc006_names.FOLDER.fullmatch(place.parent.name)
        if name.plane != plane or (told and int(told["plane"]) != plane):
            raise InputError(f"{path}: holds {member}, which is of another plane")
        yield name, Source(path, member)


def _sorted(found: Iterable[tuple[Name, Source]]) -> dict[str, Field]:
    """Fields by id; a file counts before the same image in an archive."""
    images: dict[str, dict[int | None, Source]] = {}
    for name, source in found:
        mine = images.setdefault(name.field, {})
        other = mine.get(name.plane)
        if other is None or (other.member and not source.member):
            mine[name.plane] = source
        elif bool(other.member) == bool(source.member):
            what = "in focus" if name.plane is None else f"of plane z_{name.plane:02d}"
            raise InputError(
                f"{source}: is a second image {what} of field {name.field}, beside {other}; one of "
                "the two"
            )
    result = {}
    for key in sorted(images):
        planes = sorted(plane for plane in images[key] if plane is not None)
        stacked = {plane: images[key][plane] for plane in planes}
        result[key] = Field(key, images[key].get(None), stacked)
    return result


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive; what goes wrong inside is one line."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except InputError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError) as error:
        told = str(error) or type(error).__name__
        raise InputError(f"{path}: is truncated, damaged or no zip archive ({told})") from None
    except (NotImplementedError, RuntimeError) as error:  # another compression; encrypted
        raise InputError(f"{path}: cannot be unpacked ({error})") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None


def _field_id(sample: str) -> str:
    """a01_s1 of bbbc006_a01_s1."""
    field = sample.removeprefix(PREFIX)
    if field == sample or field not in bbbc006_names.ids():
        raise InputError(
            f"bbbc006: unknown sample {sample!r}; known: {PREFIX}a01_s1 to {PREFIX}p24_s2 (wells "
            "a01 to p24, sites 1 and 2)"
        )
    return field


def _wanted(planes: Any) -> list[int] | None:
    """Check the key `planes`."""
    if planes is None:
        return None
    whole = isinstance(planes, list | tuple) and all(type(plane) is int for plane in planes)
    if not whole or not planes or len(set(planes)) < len(planes) or not set(planes) <= set(PLANES):
        raise InputError(
            f"bbbc006: planes is {planes!r}; accepted: different whole numbers from 0 to "
            f"{PLANES[-1]}"
        )
    return list(planes)


def _told(planes: Iterable[int]) -> str:
    return ", ".join(f"z_{plane:02d}" for plane in planes)
