"""What a job leaves in the last line of its log: checksums of what it wrote, and what that cost.

A later job holds its inputs against these checksums. Disks flip bits, file servers hand out halves
of files and people edit by mistake; a format's own structure shows little of that, JSON and CSV
nothing. The record stands in the log, for every job has one: no further files are made. What a
batch makes says so in the first line of its log too: the runner knows nothing of it, and a kill
leaves no last line.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from focusbench import paths
from focusbench.errors import InputError
from focusbench.files import is_file, sha256

BEGINNING = "focusbench: done: "  # of the line
_MEMBER = "focusbench: in a batch\n"  # begins the log of what a batch makes
ASIDE = f"{paths.RESULTS}/.damaged"  # where damaged files are moved
_TAIL = 1 << 16  # bytes at the end of a log that are searched; what is longer is read whole
_batch_key: str | None = None  # of the member that this process makes


class Clock:
    """Seconds since it was made, and what the process has used by then."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()

    def cost(self) -> dict[str, Any]:
        """Seconds; CPU seconds, memory (bytes, most at a time) and GPU memory of the process.

        Programs that it has started and waited for count. GPU memory is None where torch used none.
        """
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        unit = 1 if sys.platform == "darwin" else 1024  # Linux counts in KiB
        gpu = _gpu()
        return {
            "seconds": round(time.perf_counter() - self._begun, 3),
            "cpu_seconds": round(sum(one.ru_utime + one.ru_stime for one in used), 3),
            "peak_memory_bytes": max(one.ru_maxrss for one in used) * unit,
            "peak_device_memory_bytes": gpu and gpu.max_memory_allocated(),
            "device": gpu.get_device_name() if gpu else "cpu",
            "host": platform.node(),
        }


@contextmanager
def in_a_batch(key: str) -> Iterator[None]:
    """Have jobs of this process, and of those forked from it, tell that a batch makes their files.

    `key` is what they are made from (`batch_journal.member_key`).
    """
    global _batch_key
    _batch_key = key
    try:
        yield
    finally:
        _batch_key = None


def first_line() -> str:
    """What a log begins with, so that a job that is killed has told of its batch too."""
    return "" if _batch_key is None else _MEMBER


def line(writes: Iterable[str | Path], cost: dict[str, Any]) -> str:
    """Make the line: `cost`, the SHA-256 of each file of `writes`, and in a batch the key."""
    record = {"wrote": {str(path): sha256(path) for path in writes}, **cost}
    if _batch_key is not None:
        record["batch_key"] = _batch_key
    return f"{BEGINNING}{json.dumps(record, sort_keys=True)}\n"


def read(log: str | Path) -> dict[str, Any] | None:
    """Return the record that ends a log; None: there is none, or no log."""
    if not is_file(log):  # whoever opens a pipe waits
        return None
    try:
        with open(log, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            last = file.read().rstrip().rpartition(b"\n")[2]
            if not last.startswith(BEGINNING.encode()):
                file.seek(0)
                last = file.read().rstrip().rpartition(b"\n")[2]
        record = json.loads(last.removeprefix(BEGINNING.encode()))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and isinstance(record.get("wrote"), dict) else None


def batch_key(log: str | Path) -> str | None:
    """What a batch has made the files of a log from; "": it did not finish; None: no batch did."""
    record = read(log)
    if record is not None:
        key = record.get("batch_key")
        return None if key is None else str(key)
    if not is_file(log):
        return None
    try:
        with open(log, "rb") as file:
            return "" if file.read(len(_MEMBER)) == _MEMBER.encode() else None
    except OSError:
        return None


def recorded(path: str | Path) -> str | None:
    """SHA-256 of a file of a run when it was written; None: no job has recorded it."""
    log = paths.log(path)
    record = read(log) if log else None
    return record["wrote"].get(str(path)) if record else None


def check(reads: Iterable[str | Path]) -> None:
    """Hold files against what the jobs that wrote them recorded; unrecorded ones pass.

    A file that does not match is moved to `ASIDE`, so that the next run makes it anew. If that run
    is asked for it alone, what follows from it stays: the runner sees the content that it had.

    Raises
    ------
    InputError
        Files are missing, or were not what was written.
    """
    damaged = []
    for path in map(str, reads):
        if not os.path.exists(path):
            raise InputError(f"{path}: there is no such file any more; run again to make it anew")
        known = recorded(path)
        if known is not None and (not is_file(path) or sha256(path) != known):
            damaged.append(path)
    for path in damaged:
        aside = Path(ASIDE, Path(path).relative_to(paths.RESULTS))
        aside.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, aside)
    if damaged:
        names = " ".join(damaged)
        raise InputError(
            f"{names}: damaged: not what was written there (SHA-256); moved to {ASIDE}. The next "
            f"run makes it anew, and what follows from it; alone: snakemake --cores 1 {names}"
        )


def _gpu() -> Any:
    """`torch.cuda` where this process has used it; nothing is imported for that."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None
