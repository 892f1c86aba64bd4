"""What a job that makes many things has made already, so that it makes nothing twice.

A workflow engine knows the outputs of a job as a whole: where one of many members changes, or the
job is killed, it asks for all of them again. The journal tells which ones stand as they were.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from focusbench.files import is_file, sha256, write_json


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
