"""`focusbench verify`: whether the files of a run are still what was written."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from typing import Any

from focusbench.errors import InputError
from focusbench.files import sha256
from focusbench.many_files import each


def add(verbs: Any) -> None:
    """Add the verb to the subparsers of the command line."""
    verb = verbs.add_parser(
        "verify",
        help="compare a run's files with their checksums",
        description="Compare the files of a results folder with the checksums in its "
        "manifest.json, and name those that are missing, changed or not listed, a line each. The "
        "exit status is 1 if there is one. Nothing is written. What is missing or changed is made "
        "anew when it is asked for by its name: a run of everything asks for tables and figures, "
        "and for what they are made from only where it makes them.",
    )
    verb.add_argument("folder", nargs="?", default="results", help="default: results")
    verb.set_defaults(run=_verify)


def differences(folder: str | os.PathLike[str]) -> Iterator[str]:
    """Name the files that do not match the manifest: `missing: ...`, `changed: ...`, in order.

    Last come files that the manifest does not list, `unlisted: ...`; of those behind a link to a
    folder, what a job has left a log of (`manifest.present`).

    Raises
    ------
    InputError
        There is no manifest in the folder, or it is damaged.
    """
    from focusbench import manifest

    def compare(path: str) -> str | None:
        place = os.path.join(folder, path)
        try:
            return None if sha256(place) == wanted[path] else f"changed: {place}"
        except FileNotFoundError:
            return f"missing: {place}"
        except OSError as error:
            return f"changed: {place} (cannot be read: {error.strerror})"

    wanted = manifest.listed(folder)
    yield from (told for told in each(compare, sorted(wanted)) if told is not None)
    for path in sorted(set(manifest.present(folder)) - set(wanted)):
        yield f"unlisted: {os.path.join(folder, path)}"


def _verify(options: argparse.Namespace) -> None:
    count, lost = 0, []
    for told in differences(options.folder):
        print(os.fsencode(told).decode(errors="backslashreplace"), flush=True)
        count += 1
        if not told.startswith("unlisted"):
            lost.append(told)
    if lost:
        raise InputError(
            f"{options.folder}: {count} files do not match manifest.json; remove what is changed, "
            "and ask for what is missing by name: snakemake --cores 1 results/..."
        )
    if count:
        raise InputError(f"{options.folder}: {count} files are not listed in manifest.json")
    print(f"{options.folder}: all files match manifest.json")
