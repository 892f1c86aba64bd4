"""Writing files whole or not at all, checksums, and paths that stay inside their folder."""

import errno
import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from focusbench.errors import InputError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, with its endings; rename it to `path` on success.

    The endings stay because writers choose the format by them (``.ome.tif``). If the body raises,
    the temporary file is removed and whatever stood at `path` before is untouched. What a killed
    write of the same file left behind is removed as well.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".part{os.getpid()}-{path.name}")
    try:
        try:
            yield temporary
        except OSError as error:  # of a full disk neither Python nor numpy says what was written
            if error.errno is None:
                raise OSError(f"{path}: cannot be written ({error}): is the disk full?") from None
            if error.filename is None:
                error.filename = str(path)
            raise
        os.replace(temporary, path)
        left = re.compile(rf"\.part\d+-{re.escape(path.name)}")
        for other in path.parent.glob(".part*"):
            if left.fullmatch(other.name):
                other.unlink(missing_ok=True)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` (UTF-8) whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys; NaN and infinity are refused."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a regular file's content.

    Raises
    ------
    OSError
        It cannot be read, or is none: whoever opens a pipe waits until something is written.
    """
    with _regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(
    parameters: Mapping[str, Any],
    inputs: Iterable[str | Path],
    digest: Callable[[str | Path], str] = sha256,
) -> str:
    """Hash parameters and input files' content: what a saved state is valid for.

    `digest` gives a file's checksum; many fingerprints of the same files want one that remembers.
    """
    known = {"parameters": parameters, "inputs": [digest(path) for path in inputs]}
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:32]


def is_file(path: str | Path) -> bool:
    """Whether there is a regular file; no for names that no file can have, pipes and devices."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: str | Path) -> bool:
    """Whether there is a folder; no for names that none can have."""
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def beginning(path: str | Path, count: int) -> bytes:
    """First bytes of a regular file.

    Raises
    ------
    OSError
        It cannot be opened, or is none: whoever opens a pipe waits until something is written.
    """
    with _regular(path) as file:
        return file.read(count)


def _regular(path: str | Path) -> BinaryIO:
    """Open a regular file; refuse anything else without a wait."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return open(descriptor, "rb")


def inside(folder: str | Path, name: str) -> Path:
    """Path of `name` in `folder`.

    Raises
    ------
    InputError
        `name` is absolute, climbs out of `folder`, or is a link that leads out of it.
    """
    root = Path(folder).resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        raise InputError(f"{name!r} leaves the folder {folder}; only paths inside it are accepted")
    return path
