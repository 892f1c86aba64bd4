"""Everything that reads files of others, called as the package calls it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from focusbench import check_verb, images, rgb_rows
from focusbench.data import camera_image, grey_planes, rgb_image, scivis
from focusbench.errors import InputError
from focusbench.training.perceptual import read as read_perceptual
from focusbench.training.state import FILE_NAME, FileState
from focusbench.training.weights import load_weights, read_description

READERS: dict[str, Callable[[Path], object]] = {
    "grey volume": images.read_volume,
    "colour volume": partial(images.read_volume, axes="ZYXC"),
    "image": partial(images.read_volume, axes="YX"),
    "stack": images.read_stack,
    "folder": lambda path: images.read_stack(_folder_of_two(path)),
    "png": images.read_png,
    "rows": lambda path: _all_rows(path),
    "rgb": rgb_image.read,
    "rgb sizes": rgb_image.sizes,
    "rgb window": partial(rgb_image.read, window=rgb_image.Window(1, 2, 3, 4)),
    "camera": partial(camera_image.read, least_side=1),
    "counts": partial(camera_image.read_counts, least_side=1),
    "grey planes": grey_planes.sizes,
    "raw": lambda path: _planes(path),
    "configuration": lambda path: check_verb.told([str(path)]),
    "weights": load_weights,
    "description": read_description,
    "perceptual": read_perceptual,
    "state": lambda path: _state(path),
}

BY_ENDING = {
    ".yaml": ("configuration",),
    ".raw": ("raw",),
    ".safetensors": ("weights", "description", "perceptual", "state"),
}
IMAGES = tuple(sorted(set(READERS) - {one for some in BY_ENDING.values() for one in some}))


def readers(name: str) -> tuple[str, ...]:
    """Which of `READERS` a file of this name is given to."""
    return BY_ENDING.get(Path(name).suffix, IMAGES)


def _folder_of_two(path: Path) -> Path:
    folder = path.parent / f"{path.name}.folder"
    folder.mkdir(exist_ok=True)
    ending = ".png" if path.suffix == ".png" else ".tif"
    for number in (1, 2):
        shutil.copyfile(path, folder / f"{number}{ending}")
    return folder


def _all_rows(path: Path) -> None:
    with rgb_rows.opened(path) as rows:
        for start in range(0, rows.shape[0], 7):
            rows.read(start, min(start + 7, rows.shape[0]))


def _planes(path: Path) -> None:
    raw = scivis.open_raw(path)
    for z in range(raw.shape[0]):
        raw.plane(z).sum()


def _state(path: Path) -> None:
    folder = path.parent / f"{path.name}.folder"
    folder.mkdir(exist_ok=True)
    shutil.copyfile(path, folder / FILE_NAME)
    found = FileState(folder, "fuzz").load()
    if found is None:
        raise InputError("no state")
