"""`focusbench verify`: whether the files of a run are still what was written."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from focusbench.errors import InputError
from focusbench.files import sha256

READERS = 4  # files that are read at a time


def add(verbs: Any) -> None:
    """Add the verb to the subparsers of the command line."""
    verb = verbs.add_parser(
        "verify",
        help="compare a run's files with their checksums",
        description="Compare the files of a results folder with the checksums in its "
        "manifest.json, and name those that are missing, changed or not listed, a line each. The "
        "exit status is 1 if there is one. Nothing is written. What was removed or damaged is made "
        "anew by the next run, once it is removed.",
    )
    verb.add_argument("folder", nargs="?", default="results", help="default: results")
    verb.set_defaults(run=_verify)


def differences(folder: str | Path) -> Iterator[str]:
    """Name the files that do not match the manifest: `missing: ...`, `changed: ...`, in order.

    Last come files that the manifest does not list, `unlisted: ...`.

    Raises
    ------
    InputError
        There is no manifest in the folder, or it is damaged.
    """
    from focusbench import manifest

    wanted = manifest.listed(folder)
    with ThreadPoolExecutor(READERS) as readers:
        compare = partial(_compare, Path(folder))
        for told in readers.map(compare, sorted(wanted.items())):
            if told is not None:
                yield told
    for path in sorted(set(manifest.present(folder)) - set(wanted)):
        yield f"unlisted: {Path(folder, path)}"


def _compare(folder: Path, entry: tuple[str, str]) -> str | None:
    path, wanted = folder / entry[0], entry[1]
    try:
        return None if sha256(path) == wanted else f"changed: {path}"
    except FileNotFoundError:
        return f"missing: {path}"
    except OSError as error:
        return f"changed: {path} (cannot be read: {error.strerror})"


def _verify(options: argparse.Namespace) -> None:
    count = 0
    for told in differences(options.folder):
        print(told, flush=True)
        count += 1
    if count:
        raise InputError(
            f"{options.folder}: {count} files do not match manifest.json; remove what is changed, "
            "and the next run makes it anew"
        )
    print(f"{options.folder}: all files match manifest.json")
