"""What a job that makes many things has made already, so that it makes nothing twice.

A workflow engine knows the outputs of a job as a whole: where one of many members changes, or the
job is killed, it asks for all of them again. The journal tells which ones stand as they were.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from focusbench import job_record, paths
from focusbench.errors import InputError
from focusbench.files import fingerprint, is_file, sha256, write_json, write_text

_log = logging.getLogger(__name__)

FILES = {
    "scores": paths.score,
    "records": paths.record,
    "traces": paths.trace,
    "volumes": paths.restored,
}
"""What a member leaves, by the kinds that tables and figures name (`plan.report_inputs`)."""


def check(reads: Iterable[str], kinds: Iterable[str]) -> None:
    """Hold what batches have made against what was recorded, as `job_record.check` does.

    The engine knows a batch by its result alone. Where a member's file is gone or damaged, that
    result is removed, so that the next run asks for the batch, which makes this member anew.

    Parameters
    ----------
    reads
        Inputs of a job; only the results of batches among them are looked at.
    kinds
        Which files of their members the job reads; kinds that are not in `FILES` have none.

    Raises
    ------
    InputError
        Files are missing, or were not what was written.
    """
    errors = []
    for path in reads:
        parts = Path(path).parts
        if parts[0] != paths.RESULTS or parts[2:3] != ("batches",):
            continue
        members = [_member(stem) for stem in json.loads(Path(path).read_text(encoding="utf-8"))]
        files = [FILES[kind](parts[1], one) for kind in kinds if kind in FILES for one in members]
        try:
            job_record.check(files)
        except InputError as error:
            Path(path).unlink(missing_ok=True)
            errors.append(str(error))
    if errors:
        raise InputError("; ".join(errors))


def member_files(track: str, item: paths.Restored) -> list[str]:
    """All that a member leaves."""
    return [make(track, item) for make in FILES.values()]


def member_key(
    track: str,
    item: paths.Restored,
    what: Mapping[str, Any],
    scripts: Mapping[str, str],
    reads: Iterable[str],
    digest: Callable[[str | Path], str] = sha256,
) -> str:
    """Fingerprint of all that a member is made from.

    Parameters
    ----------
    what
        Its parameters (`plan.member_parameters`).
    scripts
        Checksums of the scripts that make it, by name.
    reads
        Files that it is made from (`plan.member_reads`).
    digest
        As in `files.fingerprint`.
    """
    wanted = {"track": track, **item._asdict(), "seed": str(item.seed)}
    return fingerprint({**what, **wanted, **scripts}, reads, digest)


def set_aside(track: str, item: paths.Restored) -> None:
    """Have a finished batch asked for again: a job of its own is about to make a member of it.

    Other jobs of this run may read the batch's result, so it stays; a mark beside it tells the next
    plan. What the batch makes itself is not marked: its result is not there meanwhile.
    """
    ids = (track, item.sample, item.degradation)
    try:
        listed = json.loads(Path(paths.batch(*ids)).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if item.stem in listed:
        write_text(paths.outdated(*ids), "")


def _member(stem: str) -> paths.Restored:
    sample, degradation, name = stem.split("/")
    method, _, seed = name.rpartition("-seed")
    return paths.Restored(sample, degradation, method, int(seed))


class Journal:
    """Members of a job by name, with what they were made from and what was made.

    Parameters
    ----------
    path
        A JSON file, made when first needed, replaced whole at each change. One that cannot be read
        counts as empty, with a line of warning: all that it told of is made anew.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._made: dict[str, dict[str, object]] = {}
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return
        except (OSError, ValueError, RecursionError):
            found = None
        if isinstance(found, dict) and all(isinstance(one, dict) for one in found.values()):
            self._made = found
        else:
            _log.warning("%s: is damaged; all that it told of is made anew", path)

    def stands(self, name: str, key: str) -> bool:
        """Whether a member was made under `key` and its files are still what they were."""
        one = self._made.get(name, {})
        files = one.get("files")
        if one.get("key") != key or not isinstance(files, dict) or not files:
            return False
        return all(is_file(path) and sha256(path) == digest for path, digest in files.items())

    def add(self, name: str, key: str, files: Sequence[str]) -> None:
        """Record that a member was made under `key` and left `files`."""
        self.take({name: (key, {path: sha256(path) for path in files})})

    def take(self, members: Mapping[str, tuple[str, Mapping[str, str]]]) -> None:
        """Record members that are there: of each its key, and its files with their checksums."""
        for name, (key, files) in members.items():
            self._made[name] = {"key": key, "files": dict(files)}
        write_json(self.path, self._made)

    def discard(self, name: str, files: Iterable[str]) -> None:
        """Remove what there is of a member's `files`, and forget it."""
        for path in files:
            Path(path).unlink(missing_ok=True)
        if self._made.pop(name, None) is not None:
            write_json(self.path, self._made)

    def keep(self, names: Sequence[str]) -> None:
        """Forget members of other names, which the job has no more, once their files are others.

        As long as they stand, they need not be made if the job has them once more.
        """
        kept = {
            name: one
            for name, one in self._made.items()
            if name in names or self.stands(name, str(one.get("key")))
        }
        if kept != self._made:
            self._made = kept
            write_json(self.path, kept)
