"""Checksums of downloaded files: recorded beside them at first, held against them ever after."""

from __future__ import annotations

import json
from pathlib import Path

from focusbench.errors import InputError
from focusbench.files import sha256, write_json


def record_path(path: str | Path) -> Path:
    """Where the record of a downloaded file stands: beside it, with one more ending."""
    path = Path(path)
    return path.with_name(f"{path.name}.download.json")


def record(path: str | Path, url: str, size: int, digest: str) -> None:
    """Write a file's record: where it came from, its size in bytes and its SHA-256."""
    write_json(record_path(path), {"url": url, "size": size, "sha256": digest})


def recorded(path: str | Path) -> str | None:
    """SHA-256 that was recorded for a file, be the file there or not; None without a record.

    Raises
    ------
    InputError
        The record cannot be read.
    """
    place = record_path(path)
    try:
        digest = json.loads(place.read_text(encoding="utf-8"))["sha256"]
        if len(bytes.fromhex(digest)) == 32:
            return digest
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError):  # ValueError: text, JSON or number of bad form
        pass
    raise InputError(
        f"{place}: is not the record of a download; delete it to have the checksum recorded anew"
    )


def check(path: str | Path, wanted: str | None = None) -> str | None:
    """Hold a file against `wanted`, or else against its record.

    Returns
    -------
    str or None
        The file's SHA-256; None if nothing is known of it (it is not read then).

    Raises
    ------
    InputError
        It has another checksum, or its record cannot be read.
    """
    wanted = wanted or recorded(path)
    if wanted is None:
        return None
    found = sha256(path)
    if found != wanted:
        raise InputError(
            f"{path}: has sha256 {found}, but {wanted} is wanted; delete it to download it again"
        )
    return found
