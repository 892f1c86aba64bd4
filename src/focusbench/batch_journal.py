"""What a job that makes many things has made already, so that it makes nothing twice.

A workflow engine knows the outputs of a job as a whole: where one of many members changes, or the
job is killed, it asks for all of them again. The journal tells which ones stand as they were.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from focusbench import paths
from focusbench.files import is_file, sha256, write_json
from focusbench.paths import Restored

_MADE: dict[str, Callable[[str, Restored], str]] = {
    "scores": paths.score,
    "records": paths.record,
    "traces": paths.trace,
    "volumes": paths.restored,
}  # kinds of file that a batch makes of each member


class Journal:
    """Members of a job by name, with what they were made from and what was made.

    Parameters
    ----------
    path
        A JSON file, made when first needed, replaced whole at each change. One that cannot be read
        counts as empty.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._made: dict[str, dict[str, object]] = {}
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return
        if isinstance(found, dict):
            self._made = {name: one for name, one in found.items() if isinstance(one, dict)}

    def stands(self, name: str, key: str) -> bool:
        """Whether a member was made under `key` and its files are still what they were."""
        one = self._made.get(name, {})
        files = one.get("files")
        if one.get("key") != key or not isinstance(files, dict) or not files:
            return False
        return all(is_file(path) and sha256(path) == digest for path, digest in files.items())

    def add(self, name: str, key: str, files: Sequence[str]) -> None:
        """Record that a member was made under `key` and left `files`."""
        self._made[name] = {"key": key, "files": {path: sha256(path) for path in files}}
        write_json(self.path, self._made)

    def keep(self, names: Sequence[str]) -> None:
        """Forget members of other names: the job has them no more."""
        kept = {name: one for name, one in self._made.items() if name in names}
        if kept != self._made:
            self._made = kept
            write_json(self.path, kept)


def members(
    track: str, items: Iterable[Sequence[Any]], kinds: Iterable[str], inputs: Collection[str]
) -> dict[str, str]:
    """Files of a batch's members that a report reads, and the batch's own that stands for each.

    Parameters
    ----------
    items
        The restorations that the report shows.
    kinds
        What it reads of them and of others, as in `focusbench.tracks.Report.reads`.
    inputs
        Files that the runner knows as its inputs.
    """
    inputs = frozenset(inputs)
    makers = [_MADE[kind] for kind in kinds if kind in _MADE]
    found = {}
    for item in (Restored(*one) for one in items):
        batch = paths.batch(track, item.sample, item.degradation)
        if batch in inputs:
            found |= {make(track, item): batch for make in makers}
    return {path: batch for path, batch in found.items() if path not in inputs}
